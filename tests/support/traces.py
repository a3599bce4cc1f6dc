"""Records of made-up sessions as the gateway would write them: whole chains, true digests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.canonical import dumps
from pipeline.chain import chunk_digest
from schemas.records import EventsAppended, TraceCompleted, TraceCreated

START_US = 1_700_000_000_000_000
SECOND_US = 1_000_000
EVENTS_PER_CHUNK = 3


def trace_id(number: int) -> str:
    """The id of the numbered trace."""
    return f"trace-{number:032x}"


def created(number: int = 1, **other: Any) -> TraceCreated:
    """The beginning of a trace."""
    fields: dict[str, Any] = {
        "trace_id": trace_id(number),
        "project": "default",
        "participant_id": "participant-1",
        "consent": "research",
        "consent_source": "given",
        "task_id": f"task-{number}",
        "task_title": "An off-by-one in the pager",
        "repo_origin": "https://example.org/pager.git",
        "environment": {"os": "linux"},
        "created_at_us": START_US,
        "redactions": {},
    }
    return TraceCreated(**{**fields, **other})


def note(seq: int, **other: Any) -> dict[str, Any]:
    """A rationale note that says something, one second after the one before it."""
    fields = {"id": f"e{seq}", "seq": seq, "ts_client_us": START_US + seq * SECOND_US, "type": "rationale_note"}
    return {**fields, "text": f"thought {seq}", **other}


def chunk(
    seq: int,
    events: Sequence[dict[str, Any]] | None = None,
    number: int = 1,
    created_offset: int = 0,
    **other: Any,
) -> EventsAppended:
    """The numbered chunk; by default with EVENTS_PER_CHUNK notes and no `prev_chunk_digest`."""
    first = seq * EVENTS_PER_CHUNK
    stored = tuple(dumps(e) for e in events or [note(i) for i in range(first, first + EVENTS_PER_CHUNK)])
    before, name = other.get("prev_chunk_digest"), other.pop("chunk_id", f"chunk-{seq}")
    fields: dict[str, Any] = {
        "trace_id": trace_id(number),
        "project": "default",
        "created_offset": created_offset,
        "chunk_id": name,
        "chunk_seq": seq,
        "received_at_us": START_US + (seq + 1) * 10 * SECOND_US,
        "events": stored,
        "chunk_digest": chunk_digest(trace_id(number), seq, name, before, stored),
        "body_mac": seq.to_bytes(4, "big") * 8,
        "redactions": {},
    }
    return EventsAppended(**{**fields, **other})


def chain(chunks: int, number: int = 1, created_offset: int = 0) -> list[EventsAppended]:
    """Chunks in order, each naming the one before it."""
    made: list[EventsAppended] = []
    for seq in range(chunks):
        before = made[-1].chunk_digest if made else None
        made.append(chunk(seq, number=number, created_offset=created_offset, prev_chunk_digest=before))
    return made


def completed(
    chunks: Iterable[EventsAppended] = (), number: int = 1, created_offset: int = 0, **other: Any
) -> TraceCompleted:
    """The end of a trace; with chunks, what a client says that sent just these."""
    sent = list(chunks)
    fields: dict[str, Any] = {
        "trace_id": trace_id(number),
        "project": "default",
        "created_offset": created_offset,
        "completed_at_us": START_US + 100 * SECOND_US,
        "event_count": sum(len(c.events) for c in sent) if sent else None,
        "last_digest": sent[-1].chunk_digest if sent else None,
    }
    return TraceCompleted(**{**fields, **other})
