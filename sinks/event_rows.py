"""The events of a finished trace as rows: one per event, in chain order, with the server time of its chunk.

The gateway lets only well-formed events in, but what somebody altered in the log must be seen in SQL too, beside the
finding that says so: a field of a wrong type is left empty in its column and stays as it is in `event`.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.canonical import dumps

INT64 = 2**63


def event_rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of `events`, without the columns that all of them share.

    A document leaves out events that could not be read, though its chunks count them; then the events after one may
    get the arrival of an earlier chunk. Raises ValueError for a document that has more events than its chunks.
    """
    events = document["events"]
    arrivals = list(_arrivals(document["chunks"]))
    if len(events) > len(arrivals):
        raise ValueError(f"{len(events)} events in chunks of {len(arrivals)}")
    return [_row(index, event, *arrival) for index, (event, arrival) in enumerate(zip(events, arrivals, strict=False))]


def _arrivals(chunks: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """(chunk_seq, server time in microseconds) of each event, in chain order."""
    for chunk in chunks:
        for _ in range(chunk["event_count"]):
            yield chunk["chunk_seq"], chunk["received_at_us"]


def _row(index: int, event: dict[str, Any], chunk_seq: int, received_at_us: int) -> dict[str, Any]:
    exit_code = event.get("exit_code")
    causes = event.get("caused_by")
    return {
        "chain_index": index,
        "seq": _count(event, "seq") or 0,
        "event_id": event["id"],
        "type": event["type"],
        "ts_client": _count(event, "ts_client_us") or 0,
        "received_at": received_at_us,
        "chunk_seq": chunk_seq,
        "caused_by": [cause for cause in causes if isinstance(cause, str)] if isinstance(causes, list) else [],
        "file_path": _text(event, "file_path"),
        "author": _text(event, "author"),
        "command": _text(event, "command"),
        "exit_code": exit_code if isinstance(exit_code, int) and -INT64 <= exit_code < INT64 else None,
        "duration_us": _count(event, "duration_us"),
        "framework": _text(event, "framework"),
        "passed": _count(event, "passed") or 0,
        "failed": _count(event, "failed") or 0,
        "skipped": _count(event, "skipped") or 0,
        "errors": _count(event, "errors") or 0,
        "commit_sha": _text(event, "sha"),
        # Canonical JSON has one spelling: these are the bytes that were stored and hashed.
        "event": dumps(event).decode(),
    }


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _count(event: dict[str, Any], name: str) -> int | None:
    value = event.get(name)
    return value if isinstance(value, int) and 0 <= value < INT64 else None
