"""The events of a finished trace as rows: one per event, in chain order, with the server time of its chunk.

The gateway lets only well-formed events in, but what somebody altered in the log must be seen in SQL too, beside the
finding that says so: a field of a wrong type is left empty in its column and stays as it is in `event`.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from pipeline.canonical import dumps
from sinks.columns import Columns

INT64 = 2**63
NO_CAUSES: list[str] = []


def event_rows(document: dict[str, Any]) -> Columns:
    """Rows of `events`, without the columns that all of them share.

    A document leaves out events that could not be read, though its chunks count them; then the events after one may
    get the arrival of an earlier chunk. Raises ValueError for a document that has more events than its chunks.
    """
    events = document["events"]
    arrivals = list(islice(_arrivals(document["chunks"]), len(events)))
    if len(events) > len(arrivals):
        raise ValueError(f"{len(events)} events in chunks of {len(arrivals)}")
    return Columns(
        {
            "chain_index": list(range(len(events))),
            "seq": _counts(events, "seq", 0),
            "event_id": [event["id"] for event in events],
            "type": [event["type"] for event in events],
            "ts_client": _counts(events, "ts_client_us", 0),
            "received_at": [received_at_us for _, received_at_us in arrivals],
            "chunk_seq": [chunk_seq for chunk_seq, _ in arrivals],
            "caused_by": [_causes(event.get("caused_by")) for event in events],
            "file_path": _texts(events, "file_path"),
            "author": _texts(events, "author"),
            "command": _texts(events, "command"),
            "exit_code": [
                code if isinstance(code := event.get("exit_code"), int) and -INT64 <= code < INT64 else None
                for event in events
            ],
            "duration_us": _counts(events, "duration_us", None),
            "framework": _texts(events, "framework"),
            "passed": _counts(events, "passed", 0),
            "failed": _counts(events, "failed", 0),
            "skipped": _counts(events, "skipped", 0),
            "errors": _counts(events, "errors", 0),
            "commit_sha": _texts(events, "sha"),
            # Canonical JSON has one spelling: these are the bytes that were stored and hashed.
            "event": [dumps(event).decode() for event in events],
        }
    )


def _arrivals(chunks: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """(chunk_seq, server time in microseconds) of each event, in chain order."""
    for chunk in chunks:
        for _ in range(chunk["event_count"]):
            yield chunk["chunk_seq"], chunk["received_at_us"]


def _causes(causes: object) -> Sequence[str]:
    return [cause for cause in causes if isinstance(cause, str)] if isinstance(causes, list) else NO_CAUSES


def _texts(events: list[dict[str, Any]], name: str) -> list[str]:
    return [text if isinstance(text := event.get(name), str) else "" for event in events]


def _counts(events: list[dict[str, Any]], name: str, absent: int | None) -> list[int | None]:
    return [count if isinstance(count := event.get(name), int) and 0 <= count < INT64 else absent for event in events]
