"""Rows made again from the log, archive and topic as one, by the very step that the live sink is.

What is fed to it are the records as they were; what it says is done is kept as the group's commits are, plans included:
a rebuild that is killed forms the same blocks again, with the same deduplication tokens, and goes on.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.consumer import Commits, together
from pipeline.deadletter import Cap
from pipeline.letters import FOR_GROUP
from pipeline.objectstore import ObjectStore
from pipeline.replay import Log
from pipeline.segments import Entry
from pipeline.settings import ClickHouseSettings
from pipeline.telemetry import logger
from schemas.topics import CONTROL
from sinks.shadow_state import Memory, Purpose
from sinks.worker import GROUP, Enforce, Sink

AT_ONCE = 4
"""Partitions at once: one waits for ClickHouse while others are read and mapped."""
PAUSE_S = 0.01
KEEP_S = 1.0
log = logger(__name__)


@dataclass(slots=True)
class Filled:
    """What was done so far. `records`: handed to the sink; `refused`: those that cannot become rows."""

    records: int = 0
    rows: int = 0
    refused: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def rows_per_s(self) -> int:
        """Rows inserted, each second."""
        return int(self.rows / max(time.monotonic() - self.started, 0.001))


class PassedOver:
    """What cannot become rows is counted and logged: its dead letter was written when it was first read."""

    group = GROUP

    def __init__(self, done: Filled) -> None:
        self.cap = Cap()
        self._done = done

    async def refuse(self, record: ConsumerRecord, error: Exception) -> None:
        """Note it."""
        self._done.refused += 1
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.info("no row", **place, reason=str(error)[:200])


Tell = Callable[[TopicPartition, int, int, Filled], None]
"""Hears of progress: place, next offset, end."""


def record_of(place: TopicPartition, entry: Entry) -> ConsumerRecord:
    """An entry as the consumer would give it; what was erased is for no group."""
    headers = [(FOR_GROUP, b"")] if entry.erased else list(entry.headers)
    sizes = len(entry.key or b""), len(entry.value or b"")
    told = (*place, entry.offset, entry.timestamp_ms, 0, entry.key, entry.value, None)
    return ConsumerRecord(*told, *sizes, headers)


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills the tables of a database; how far it is, is kept under `purpose`."""

    log: Log
    store: ObjectStore
    target: ClickHouseSettings
    memory: Memory
    purpose: Purpose
    enforce: Enforce
    tell: Tell

    async def fill(self, ends: Mapping[TopicPartition, int], firsts: Mapping[TopicPartition, int]) -> Filled:
        """Bring every place to its end; those that are new begin at their first offset.

        Raises Hole, Invalid, Retryable, QueryFailed, Unreachable, KafkaError: then it may be called again.
        """
        known, done, turn = self.memory.positions(self.purpose), Filled(), asyncio.Semaphore(AT_ONCE)

        async def one(place: TopicPartition) -> None:
            start = known.get(place, OffsetAndMetadata(firsts.get(place, 0), ""))
            async with turn:
                if start.offset < ends[place]:
                    await self._fill(place, start, ends[place], done)

        await together(*map(one, ends))
        return done

    async def _fill(self, place: TopicPartition, start: OffsetAndMetadata, end: int, done: Filled) -> None:
        async def committed(_places: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
            # Compaction may have taken the end of a block that was planned: it would be waited for in vain.
            return {} if place.topic == CONTROL.name else {place: start}

        sink = Sink(ClickHouse(self.target), self.store, PassedOver(done), committed, self.enforce)
        try:
            await sink.assigned([place])
            course = _Course(self, sink, place, (start.offset, end), done)
            async for entry in self.log.entries(place, first=start.offset):
                if entry.offset >= end:
                    break
                await course.take(record_of(place, entry))
            await course.finish()
        finally:
            await sink.close()


class _Course:
    """One place on its way through the sink, as the consumer loop would drive it."""

    def __init__(
        self, filler: Filler, sink: Sink, place: TopicPartition, stretch: tuple[int, int], done: Filled
    ) -> None:
        self._filler, self._sink, self._place, self._done = filler, sink, place, done
        self._next, self._end = stretch
        self._last, self._planned = self._next - 1, False
        self._kept_at = time.monotonic()

    async def take(self, record: ConsumerRecord) -> None:
        """Hand over the next record, as soon as there is room."""
        while self._sink.room() <= 0:
            await self._turn()
        await self._sink.submit(record)
        self._last = record.offset
        self._done.records += 1

    async def finish(self) -> None:
        """Returns once all that was handed over is inserted, and the place is done."""
        while self._next <= self._last:
            await self._turn()
        self._next = self._end
        self._filler.memory.keep(self._filler.purpose, {self._place: (self._end, "")})
        self._filler.tell(self._place, self._next, self._end, self._done)

    async def _turn(self) -> None:
        before = self._sink.inserted
        if commits := await self._sink.poll():
            self._keep(commits)
        else:
            await asyncio.sleep(PAUSE_S)
        self._done.rows += self._sink.inserted - before
        self._filler.tell(self._place, self._next, self._end, self._done)

    def _keep(self, commits: Commits) -> None:
        """Plans, and what ends them, at once; of records without rows only now and then: they may be read again."""
        self._next, metadata = commits[self._place]
        if metadata or self._planned or time.monotonic() - self._kept_at > KEEP_S:
            self._filler.memory.keep(self._filler.purpose, commits)
            self._kept_at = time.monotonic()
        self._planned = bool(metadata)
