"""Whether the parts of a bundle make up the trace that its record tells of: chunks, chain, head, counts. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any

from pipeline.bundle.form import Bundle, Chunk
from pipeline.bundle.report import Finding
from pipeline.canonical import PREFIX, digest, digest_of, loads
from pipeline.chain import chunk_digest, extend, spell
from pipeline.ids import minted_at_us
from schemas.topics import TRACE_LOG

Record = Mapping[str, Any]
SAME = ("trace_id", "project", "participant_id", "consent", "task_id", "task_title", "repo_origin", "created_at_us")


def receipt_of(bundle: Bundle, chunk: Chunk) -> dict[str, Any]:
    """What the receipt of a chunk says, without its signature."""
    return {
        "chunk_digest": chunk.chunk_digest,
        "chunk_seq": chunk.chunk_seq,
        "offset": chunk.offset,
        "partition": bundle.partition,
        "received_at_us": chunk.received_at_us,
        "topic": TRACE_LOG.name,
        "trace_id": bundle.trace_id,
    }


def last_link(bundle: Bundle, chunks: Sequence[Chunk]) -> str:
    """The last link of the chain over these chunks."""
    first = sha256(bundle.genesis.encode()).digest()
    return spell(extend(first, (event for chunk in chunks for event in chunk.event_bytes())))


def head_of(bundle: Bundle, outcome: str) -> str:
    """The head that the parts of the bundle make."""
    return digest_of(
        {
            "artifacts": sorted(map(list, bundle.artifacts)),
            "last_link": last_link(bundle, bundle.chunks),
            "outcome": outcome,
            "receipts": [digest_of(receipt_of(bundle, chunk)) for chunk in bundle.chunks],
        }
    )


def check_trace(bundle: Bundle, record: Record) -> Iterator[Finding]:
    """Findings about the parts, held against the record of their revision."""
    yield from _genesis(bundle, record)
    yield from _chunks(bundle)
    yield from _order(bundle, record)
    yield from _sums(bundle, record)


def _genesis(bundle: Bundle, record: Record) -> Iterator[Finding]:
    try:
        created = loads(bundle.genesis)
        wrong = [name for name in SAME if created.get(name) != record.get(name)]
    except (ValueError, AttributeError):
        yield Finding("record_mismatch", "the beginning of the trace is no JSON object")
        return
    if wrong:
        yield Finding("record_mismatch", f"the beginning of the trace and its record differ in {', '.join(wrong)}")
    elif not _minted_then(bundle.trace_id, created["created_at_us"]):
        yield Finding("back_dated", "the trace says it was created at another time than its id does")


def _minted_then(trace_id: str, created_at_us: Any) -> bool:
    try:
        return bool(minted_at_us(trace_id) // 1000 == created_at_us // 1000)
    except (ValueError, TypeError):
        return False


def _chunks(bundle: Bundle) -> Iterator[Finding]:
    for chunk in bundle.chunks:
        found = chunk_digest(
            bundle.trace_id, chunk.chunk_seq, chunk.chunk_id, chunk.prev_chunk_digest, chunk.event_bytes()
        )
        if found != chunk.chunk_digest:
            yield Finding("hash_mismatch", f"chunk {chunk.chunk_seq} says {chunk.chunk_digest}, its bytes say {found}")


def _order(bundle: Bundle, record: Record) -> Iterator[Finding]:
    seqs = [chunk.chunk_seq for chunk in bundle.chunks]
    if any(before == seq for before, seq in pairwise(sorted(seqs))):
        yield Finding("fork", "two chunks have the same number")
    elif seqs != sorted(seqs):
        yield Finding("disorder", "chunks stand in another order than they were numbered")
    if record.get("complete") and seqs != list(range(len(seqs))):
        yield Finding("gap", "the record calls the trace complete, and chunks are missing")


def _sums(bundle: Bundle, record: Record) -> Iterator[Finding]:
    events = sum(len(chunk.events) for chunk in bundle.chunks)
    if (len(bundle.chunks), events) != (record.get("chunk_count"), record.get("event_count")):
        told = f"{record.get('chunk_count')} chunks and {record.get('event_count')} events"
        yield Finding("count_mismatch", f"the record tells of {told}, here are {len(bundle.chunks)} and {events}")
    if last_link(bundle, bundle.chunks) != record.get("last_link"):
        yield Finding("broken_chain", "the events do not lead to the last link of the record")
    if head_of(bundle, str(record.get("outcome"))) != record.get("head"):
        yield Finding("head_mismatch", "events, receipts and files do not make the head of the record")


def check_earlier(bundle: Bundle, record: Record) -> Iterator[Finding]:
    """Whether an earlier revision is a part of what the bundle has: later chunks were added, none was changed."""
    then = [chunk for chunk in bundle.chunks if chunk.offset <= record["last_offset"]]
    if last_link(bundle, then) != record["last_link"]:
        detail = f"revision {record.get('revision')} is not what the first chunks of this one make"
        yield Finding("rewritten_history", detail)


def check_evidence(bundle: Bundle, references: Sequence[str]) -> Iterator[Finding]:
    """Whether the evidence of judgements is what their records refer to: a key ends with the digest of its object."""
    for reference, content in bundle.evidence.items():
        if reference not in references:
            yield Finding("evidence_mismatch", f"no judgement refers to {reference}")
        elif digest(content.encode()) != PREFIX + reference.rpartition("/")[2]:
            yield Finding("evidence_mismatch", f"{reference} was altered")
