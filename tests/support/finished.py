"""Finished traces as the services after assembly write them, made from the examples of the records."""

from dataclasses import replace
from typing import Any, TypeVar

import zstandard

from pipeline.canonical import digest, dumps, loads
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from schemas.examples import load_examples
from schemas.records import Record, TraceAssembled

EXAMPLES = load_examples()
Kind = TypeVar("Kind", bound=Record)


def example_of(kind: type[Kind]) -> Kind:
    """The example of a record as it is."""
    record = EXAMPLES[kind.__name__]
    assert isinstance(record, kind)
    return record


def example(kind: type[Kind], trace_id: str, **changes: Any) -> Kind:
    """The example of a record, for another trace and with other fields."""
    base: Any = example_of(kind)
    record = replace(base, trace_id=trace_id, **changes)
    assert isinstance(record, kind)
    return record


def fresh_id() -> str:
    """The id of a trace that begins now, so that it is within any retention."""
    return new_trace_id(now_us())


def example_document() -> dict[str, Any]:
    """The document inside the example of TraceAssembled: five events in one chunk."""
    assembled = EXAMPLES["TraceAssembled"]
    assert isinstance(assembled, TraceAssembled)
    assert assembled.document
    document: dict[str, Any] = loads(zstandard.decompress(assembled.document))
    return document


def document_of(trace_id: str, events: int, revision: int = 1) -> dict[str, Any]:
    """A document with so many notes, in one chunk."""
    base = example_document()
    start_us = base["events"][0]["ts_client_us"]
    notes = [
        {"id": f"e{i}", "seq": i, "text": f"thought {i}", "ts_client_us": start_us + i, "type": "rationale_note"}
        for i in range(events)
    ]
    chunk = base["chunks"][0] | {"event_count": events}
    return base | {"trace_id": trace_id, "events": notes, "chunks": [chunk], "revision": revision}


def finished(trace_id: str, events: int = 5, revision: int = 1, **changes: Any) -> TraceAssembled:
    """A revision that carries its document."""
    document = dumps(document_of(trace_id, events, revision))
    fields: dict[str, Any] = {
        "revision": revision,
        "event_count": events,
        "document": zstandard.compress(document),
        "document_digest": digest(document),
        "document_size": len(document),
    }
    return example(TraceAssembled, trace_id, **fields | changes)
