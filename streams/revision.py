"""A revision of a trace: its document, head, measures and findings as the TraceAssembled that goes out. Pure.

The same records at the same offsets give the same bytes.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pipeline.canonical import digest, dumps
from pipeline.chain import artifact_claim, extend, genesis, genesis_fields, head, receipt_statement, spell
from schemas.records import ArtifactStored, TraceAssembled
from streams.assembly import Trace
from streams.integrity import Placed, Verified, verify
from streams.metrics import measure

TRACE_VERSION = "1.0"


def build_document(trace: Trace, partition: int, chunks: Iterable[Placed]) -> bytes:
    """The canonical document of a trace; its events are the stored bytes, spliced in, never encoded again.

    `genesis` and `log` are there so that the chain and the head can be computed again from the document alone.
    """
    chunks, created = list(chunks), trace.created
    before = {
        "artifacts": {stored.name: _artifact(stored) for stored in trace.artifacts},
        "chunks": [_chunk(chunk) for chunk in chunks],
        "environment": created.environment,
    }
    after = {
        "genesis": genesis_fields(created),
        "log": {"artifacts": [artifact_claim(stored) for stored in trace.artifacts], "partition": partition},
        "repo": _present(origin=created.repo_origin, start_commit=created.start_commit),
        "revision": trace.revision,
        "session": {"consent": created.consent, "participant_id": created.participant_id},
        "task": _present(id=created.task_id, title=created.task_title, description=created.task_description),
        "trace_id": created.trace_id,
        "trace_version": TRACE_VERSION,
    }
    events = b",".join(raw for chunk in chunks for raw in _readable(chunk))
    return dumps(before)[:-1] + b',"events":[' + events + b"]," + dumps(after)[1:]


def assemble(trace: Trace, partition: int) -> tuple[TraceAssembled, bytes]:
    """The revision that the trace's last record makes, without its document, and the document."""
    verified = verify(trace)
    document = build_document(trace, partition, verified.chunks)
    return _assembled(trace, partition, verified, document), document


def _assembled(trace: Trace, partition: int, verified: Verified, document: bytes) -> TraceAssembled:
    created, chunks = trace.created, verified.chunks
    last_link = extend(genesis(created), (event for chunk in chunks for event in chunk.record.events))
    receipts = (receipt_statement(chunk.record, partition, chunk.offset) for chunk in chunks)
    return TraceAssembled(
        trace_id=created.trace_id,
        project=created.project,
        revision=trace.revision,
        outcome=trace.outcome,
        participant_id=created.participant_id,
        consent=created.consent,
        task_id=created.task_id,
        task_title=created.task_title,
        repo_origin=created.repo_origin,
        start_commit=created.start_commit,
        created_at_us=created.created_at_us,
        closed_at_us=trace.revised_at_us,
        first_offset=trace.first_offset,
        last_offset=trace.revised_at,
        chunk_count=len(chunks),
        event_count=sum(len(chunk.events) for chunk in chunks),
        intact=verified.intact,
        complete=verified.complete,
        last_link=spell(last_link),
        head=head(last_link, receipts, trace.artifacts, trace.outcome),
        findings=verified.findings,
        metrics=dumps(measure(chunks)),
        redactions=_redactions(trace, chunks),
        document_digest=digest(document),
        document_size=len(document),
    )


def _readable(chunk: Placed) -> list[bytes]:
    """Bytes that are no event would break the document; the finding `unreadable` says that they were there."""
    return [raw for raw, event in zip(chunk.record.events, chunk.events, strict=True) if event is not None]


def _artifact(stored: ArtifactStored) -> dict[str, Any]:
    return {
        "content_type": stored.content_type,
        "kind": stored.kind,
        "private": stored.private,
        "sha256": stored.sha256,
        "size": stored.size,
        "uri": f"artifact:{stored.sha256}",
    }


def _chunk(chunk: Placed) -> dict[str, Any]:
    record = chunk.record
    return {
        "chunk_digest": record.chunk_digest,
        "chunk_id": record.chunk_id,
        "chunk_seq": record.chunk_seq,
        "event_count": len(chunk.events),
        "offset": chunk.offset,
        "received_at_us": record.received_at_us,
        **_present(prev_chunk_digest=record.prev_chunk_digest),
    }


def _present(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _redactions(trace: Trace, chunks: Iterable[Placed]) -> dict[str, int]:
    counts = Counter(trace.created.redactions)
    for chunk in chunks:
        counts.update(chunk.record.redactions)
    for stored in trace.artifacts:
        counts.update(stored.redactions)
    return dict(sorted(counts.items()))
