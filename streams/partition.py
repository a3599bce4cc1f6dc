"""One partition of trace-log as a worker holds it: the open traces, what is applied, and how both come back.

A lease is the state of a partition in one generation of the consumer group. It starts at the group's committed offset
with the open traces rebuilt from the log, silently; from there every record is handled with its effects, in order and
without holes, whatever the stream delivers: what it left out is read from the log, what it repeats is passed over.
Effects are begun in order, and go on while the next records are folded; an offset is applied once they are out.
"""

import asyncio
import dataclasses
from asyncio import Future
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from aiokafka.structs import ConsumerRecord

from pipeline.deadletter import DeadLetters
from pipeline.document import seal
from pipeline.each import settle
from pipeline.errors import Invalid
from pipeline.letters import first_stood_at
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from schemas.records import AssemblyProgress, EventsAppended, Record, TraceAssembled, TraceCreated
from streams.assembly import OpenTraces, Trace, begin
from streams.held import Memory, hold
from streams.revision import assemble
from streams.told import handled, told, trace_record

GROUP = "streams"
# With their documents inside, these may take 128 KiB each.
MOST_UNDER_WAY = 200
# Bytes of a trace, about 2,000 events, 15 ms. Bigger ones are assembled in a thread, so that heartbeats, commits and
# watchdog go on: the biggest took 3.5 s of the loop, and 0.2 s since. Nobody else has the trace meanwhile, and its
# record is not done with before.
MOST_ON_THE_LOOP = 512 * 1024
log = logger(__name__)


class Log(Protocol):
    """trace-log and the group's place in it, beside the stream."""

    def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        """The records of [start, end) that the log still holds, in order."""

    def pick(self, partition: int, offsets: Sequence[int]) -> AsyncIterator[ConsumerRecord]:
        """The records at these offsets, ascending, that the log still holds."""

    async def committed(self, partition: int) -> int:
        """Next offset of the group; the beginning of the log where it has committed nothing."""

    async def mark(self, partition: int) -> AssemblyProgress | None:
        """The newest progress mark of the partition."""


class Out(Protocol):
    """Where effects go."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Takes the records that are refused."""

    async def revision(self, assembled: TraceAssembled) -> Future[object]:
        """Hand over a revision, behind those before it; the future is done when the log has it."""


class UnderWay(NamedTuple):
    """An effect that is begun: the record it belongs to, where that record's trace begins, and when it is out."""

    offset: int
    first_offset: int
    out: Future[object]


@dataclass(slots=True)
class Lease:
    """A partition in one generation. Records before `seen` are folded, those before `applied` are done for good."""

    partition: int
    generation: int
    seen: int
    open: OpenTraces
    under_way: deque[UnderWay] = field(default_factory=deque)

    @property
    def applied(self) -> int:
        """The next offset to begin with, should the work end here."""
        self._drop_what_is_out()
        return self.under_way[0].offset if self.under_way else self.seen

    def progress(self) -> AssemblyProgress:
        """The mark that belongs to a commit of `applied`. A trace whose revision is under way counts as open."""
        applied = self.applied
        begins = min([applied, self.open.begins(applied), *(effect.first_offset for effect in self.under_way)])
        return AssemblyProgress(partition=self.partition, rebuild_from=begins, committed_offset=applied)

    async def wait(self, most: int) -> None:
        """Returns when at most so many effects are under way. Raises what one has failed with."""
        while len(self.under_way) > most:
            await self.under_way[0].out
            self._drop_what_is_out()
        self.check()

    def check(self) -> None:
        """Raises what an effect has failed with: then nothing after it can be done for good."""
        if self.under_way and self.under_way[0].out.done():
            self.under_way[0].out.result()

    def _drop_what_is_out(self) -> None:
        while self.under_way and _is_out(self.under_way[0].out):
            self.under_way.popleft()


def _is_out(out: Future[object]) -> bool:
    return out.done() and not out.cancelled() and out.exception() is None


def rebuild_start(mark: AssemblyProgress | None, committed: int) -> int:
    """Where rebuilding starts. A mark that is ahead of the commit says nothing about it: then from the beginning."""
    return mark.rebuild_from if mark is not None and mark.committed_offset <= committed else 0


async def restore(log: Log, partition: int, generation: int, memory: Memory) -> Lease:
    """The lease as the last committed offset left it."""
    committed = await log.committed(partition)
    lease = Lease(partition, generation, committed, OpenTraces(memory))
    async for logged in log.read(partition, rebuild_start(await log.mark(partition), committed), committed):
        record, stood_at = handled(logged, GROUP), first_stood_at(logged)
        if isinstance(record, TraceCreated) and stood_at < logged.offset:
            await _begin_again(log, lease, logged, record)
        elif record is not None and (trace := lease.open.apply(logged.offset, record, stood_at)):
            lease.open.release(trace)
    return lease


async def _begin_again(log: Log, lease: Lease, logged: ConsumerRecord, created: TraceCreated) -> None:
    """Open the trace of a redriven beginning, with what came meanwhile and was not refused."""
    begins = first_stood_at(logged)
    trace = await told(log, lease.partition, logged, begins, GROUP) or begin(created, logged.offset, begins)
    if not trace.closed:
        lease.open.adopt(trace)


class Assembler:
    """Handles the records of trace-log with their effects."""

    def __init__(self, log: Log, store: ObjectStore, out: Out, inline_limit: int) -> None:
        self._log, self._store, self._out, self._inline_limit = log, store, out, inline_limit

    async def take(self, lease: Lease, delivered: ConsumerRecord) -> None:
        """Fold what the stream delivered, after what it left out, and begin its effects."""
        async for logged in self._log.read(lease.partition, lease.seen, delivered.offset):
            await self._handle(lease, logged)
        if delivered.offset >= lease.seen:
            await self._handle(lease, delivered)

    async def _handle(self, lease: Lease, logged: ConsumerRecord) -> None:
        async def fold(record: Record) -> None:
            trace_record(record, logged.key)
            if trace := await self._revised(lease, logged, record):
                out = await self._emit(trace, lease.partition)
                lease.under_way.append(UnderWay(logged.offset, trace.first_offset, out))
                lease.open.release(trace)

        await settle(fold, logged, self._out.dead_letters)
        lease.seen = logged.offset + 1
        await lease.wait(MOST_UNDER_WAY)

    async def _revised(self, lease: Lease, logged: ConsumerRecord, record: Record) -> Trace | None:
        stood_at = first_stood_at(logged)
        if isinstance(record, TraceCreated) and stood_at < logged.offset:
            await _begin_again(self._log, lease, logged, record)
            return None
        begins = lease.open.lacks(record)
        if begins is None:
            return lease.open.apply(logged.offset, record, stood_at)
        trace = await self._closed(lease, logged, record, begins)
        if trace.apply(logged.offset, record, stood_at):
            return trace
        lease.open.release(trace)
        return None

    async def _closed(self, lease: Lease, logged: ConsumerRecord, late: Record, begins: int) -> Trace:
        """A closed trace as it was before a late record: as it is remembered, else as the log tells it."""
        trace = lease.open.reopen(getattr(late, "trace_id", ""), begins)
        if trace is not None:
            await self._fetch(trace, lease.partition)
            return trace
        trace = await told(self._log, lease.partition, logged, begins, GROUP)
        if trace is None:
            raise Invalid(f"the log holds no beginning of this trace at offset {begins}")
        return trace

    async def _emit(self, trace: Trace, partition: int) -> Future[object]:
        await self._fetch(trace, partition)
        if trace.counted > MOST_ON_THE_LOOP:
            assembled, document = await asyncio.to_thread(assemble, trace, partition)
        else:
            assembled, document = assemble(trace, partition)
        sealed = await seal(document, assembled.trace_id, self._store, self._inline_limit)
        log.info("assembled", trace_id=assembled.trace_id, revision=trace.revision, intact=assembled.intact)
        return await self._out.revision(dataclasses.replace(assembled, document=sealed.inline, document_ref=sealed.ref))

    async def _fetch(self, trace: Trace, partition: int) -> None:
        """Bring back from the log the chunks for which there was no room."""
        found = [
            hold(record, logged.offset, first_stood_at(logged))
            async for logged in self._log.pick(partition, trace.chunks.left)
            if isinstance(record := handled(logged, GROUP), EventsAppended)
        ]
        trace.chunks.put_back(found)
