"""One partition of trace-log as a worker holds it: the open traces, what is applied, and how both come back.

A lease is the state of a partition in one generation of the consumer group. It starts at the group's committed offset
with the open traces rebuilt from the log, silently; from there every record is handled with its effects, in order and
without holes, whatever the stream delivers: what it left out is read from the log, what it repeats is passed over.
"""

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka.structs import ConsumerRecord

from pipeline.deadletter import DeadLetters
from pipeline.document import seal
from pipeline.each import settle
from pipeline.errors import Invalid
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from schemas.codec import UndecodableRecord, decode
from schemas.records import AssemblyProgress, Record, TraceAssembled, TraceCreated
from schemas.topics import TRACE_LOG
from streams.assembly import OpenTraces, Trace, begin
from streams.revision import assemble

log = logger(__name__)


class Log(Protocol):
    """trace-log and the group's place in it, beside the stream."""

    def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        """The records of [start, end) that the log still holds, in order."""

    async def committed(self, partition: int) -> int:
        """Next offset of the group; the beginning of the log where it has committed nothing."""

    async def mark(self, partition: int) -> AssemblyProgress | None:
        """The newest progress mark of the partition."""


class Out(Protocol):
    """Where effects go; each returns when the log has them."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Takes the records that are refused."""

    async def revision(self, assembled: TraceAssembled) -> None:
        """Write a revision."""


@dataclass(slots=True)
class Lease:
    """A partition in one generation. `applied` and `rebuild_from` move together, after the effects are out."""

    partition: int
    generation: int
    applied: int
    rebuild_from: int
    open: OpenTraces = field(default_factory=OpenTraces)

    def advance(self, next_offset: int) -> None:
        """Everything before `next_offset` is done for good."""
        self.applied = next_offset
        self.rebuild_from = self.open.rebuild_from(next_offset)

    def progress(self) -> AssemblyProgress:
        """The mark that belongs to a commit of `applied`."""
        return AssemblyProgress(partition=self.partition, rebuild_from=self.rebuild_from, committed_offset=self.applied)


def rebuild_start(mark: AssemblyProgress | None, committed: int) -> int:
    """Where rebuilding starts. A mark that is ahead of the commit says nothing about it: then from the beginning."""
    return mark.rebuild_from if mark is not None and mark.committed_offset <= committed else 0


async def restore(log: Log, partition: int, generation: int) -> Lease:
    """The lease as the last committed offset left it."""
    committed = await log.committed(partition)
    lease = Lease(partition, generation, committed, committed)
    async for logged in log.read(partition, rebuild_start(await log.mark(partition), committed), committed):
        if (record := _record(logged)) is not None and (trace := lease.open.apply(logged.offset, record)):
            lease.open.release(trace)
    lease.advance(committed)
    return lease


def _record(logged: ConsumerRecord) -> Record | None:
    """A record that was handled before; None where it was dead-lettered then."""
    try:
        return trace_record(decode(logged.value), logged.key)
    except (UndecodableRecord, Invalid):
        return None


def trace_record(record: Record, key: bytes | None) -> Record:
    """The record, if it belongs on trace-log under this key. Raises Invalid."""
    name = type(record).__name__
    if name not in TRACE_LOG.records:
        raise Invalid(f"{name} does not belong on {TRACE_LOG.name}")
    if key != getattr(record, "trace_id", "").encode():
        raise Invalid(f"{name} has another key than its trace_id")
    return record


class Assembler:
    """Handles the records of trace-log with their effects."""

    def __init__(self, log: Log, store: ObjectStore, out: Out, inline_limit: int) -> None:
        self._log, self._store, self._out, self._inline_limit = log, store, out, inline_limit

    async def take(self, lease: Lease, delivered: ConsumerRecord) -> None:
        """Handle what the stream delivered, after what it left out. Returns when all of it is done for good."""
        async for logged in self._log.read(lease.partition, lease.applied, delivered.offset):
            await self._handle(lease, logged)
        if delivered.offset >= lease.applied:
            await self._handle(lease, delivered)

    async def _handle(self, lease: Lease, logged: ConsumerRecord) -> None:
        async def fold(record: Record) -> None:
            trace_record(record, logged.key)
            if trace := await self._revised(lease, logged, record):
                await self._emit(trace, lease.partition)
                lease.open.release(trace)

        await settle(fold, logged, self._out.dead_letters)
        lease.advance(logged.offset + 1)

    async def _revised(self, lease: Lease, logged: ConsumerRecord, record: Record) -> Trace | None:
        begins = lease.open.lacks(record)
        if begins is None:
            return lease.open.apply(logged.offset, record)
        return await self._reread(lease.partition, logged, record, begins)

    async def _reread(self, partition: int, logged: ConsumerRecord, late: Record, begins: int) -> Trace | None:
        """A closed trace as the log tells it up to a late record; None where that makes no revision."""
        trace: Trace | None = None
        async for earlier in self._log.read(partition, begins, logged.offset):
            record = _record(earlier) if earlier.key == logged.key else None
            if trace is None and earlier.offset == begins and isinstance(record, TraceCreated):
                trace = begin(record, begins)
            elif trace is not None and record is not None:
                trace.apply(earlier.offset, record)
        if trace is None:
            raise Invalid(f"the log holds no beginning of this trace at offset {begins}")
        return trace if trace.apply(logged.offset, late) else None

    async def _emit(self, trace: Trace, partition: int) -> None:
        assembled, document = assemble(trace, partition)
        sealed = await seal(document, assembled.trace_id, self._store, self._inline_limit)
        log.info("assembled", trace_id=assembled.trace_id, revision=trace.revision, intact=assembled.intact)
        await self._out.revision(dataclasses.replace(assembled, document=sealed.inline, document_ref=sealed.ref))
