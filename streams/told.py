"""What the log says of one trace, read again: for late records, and for records that were refused and come back."""

from collections.abc import AsyncIterator
from typing import Protocol

from aiokafka.structs import ConsumerRecord

from pipeline.errors import Invalid
from pipeline.letters import first_stood_at, meant_for
from schemas.codec import UndecodableRecord, decode
from schemas.records import Record, TraceCreated
from schemas.topics import TRACE_LOG
from streams.assembly import Trace, begin


class Readable(Protocol):
    """trace-log, beside the stream."""

    def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        """The records of [start, end) that the log still holds, in order."""


def trace_record(record: Record, key: bytes | None) -> Record:
    """The record, if it belongs on trace-log under this key. Raises Invalid."""
    name = type(record).__name__
    if name not in TRACE_LOG.records:
        raise Invalid(f"{name} does not belong on {TRACE_LOG.name}")
    if key != getattr(record, "trace_id", "").encode():
        raise Invalid(f"{name} has another key than its trace_id")
    return record


def handled(logged: ConsumerRecord, group: str) -> Record | None:
    """A record that the group handled before; None where it was dead-lettered then, or is for another group."""
    if not meant_for(logged.headers, group):
        return None
    try:
        return trace_record(decode(logged.value), logged.key)
    except (UndecodableRecord, Invalid):
        return None


async def told(log: Readable, partition: int, logged: ConsumerRecord, begins: int, group: str) -> Trace | None:
    """The trace of a record, as the log tells it before that record; None where it does not begin at `begins`."""
    trace: Trace | None = None
    async for earlier in log.read(partition, begins, logged.offset):
        record = handled(earlier, group) if earlier.key == logged.key else None
        stood_at = first_stood_at(earlier)
        if trace is None and stood_at == begins and isinstance(record, TraceCreated):
            trace = begin(record, earlier.offset, begins)
        elif trace is not None and record is not None:
            trace.apply(earlier.offset, record, stood_at)
    return trace
