"""The step that archives topics: what was read becomes a segment once it is big or old enough, then the offset moves.

A crash forms the unfinished segment again, perhaps with another end: readers pass over what they have read.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.archive import write
from pipeline.consumer import Commits
from pipeline.errors import Retryable
from pipeline.objectstore import ObjectStore
from pipeline.segments import Entry, entry_of, segment_of
from pipeline.telemetry import logger
from schemas.topics import RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_LOG, TRACE_VALIDATED
from sinks.backoff import Backoff

GROUP = "archiver"
TOPICS = tuple(topic.name for topic in (TRACE_LOG, TRACE_ASSEMBLED, TRACE_VALIDATED, TRACE_JUDGED, RESCORES))
SEGMENT_BYTES = 16 * 1024 * 1024
MOST_BYTES = 128 * 1024 * 1024
BATCH = 500
log = logger(__name__)


@dataclass(slots=True)
class Stretch:
    """What was read of a partition since its last segment. `since`: when its first record came, monotonic seconds."""

    since: float = 0.0
    size: int = 0
    entries: list[Entry] = field(default_factory=list)

    def add(self, record: ConsumerRecord, now: float) -> None:
        """Take the next record."""
        self.since = self.since if self.entries else now
        self.entries.append(entry_of(record))
        self.size += len(record.value or b"") + len(record.key or b"")


class Archiver:
    """Segments of many partitions, one write at a time."""

    def __init__(self, store: ObjectStore, segment_s: float) -> None:
        self._store, self._segment_s = store, segment_s
        self._stretches: dict[TopicPartition, Stretch] = {}
        self._writing = Backoff()

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        self._stretches = {tp: Stretch() for tp in partitions}

    async def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        for tp in partitions:
            self._stretches.pop(tp, None)

    def room(self) -> int:
        return BATCH if self._held() < MOST_BYTES else 0

    async def submit(self, record: ConsumerRecord) -> None:
        self._stretches[TopicPartition(record.topic, record.partition)].add(record, time.monotonic())

    async def poll(self) -> Commits:
        now = time.monotonic()
        due = None if self._writing.waiting(now) else self._due(now)
        if due is None:
            return {}
        try:
            last = await self._write(due, self._stretches[due].entries)
        except Retryable as error:
            log.warning("will try again", pause_s=self._writing.failed(now), reason=str(error))
            return {}
        self._writing.succeeded()
        self._stretches[due] = Stretch()
        return {due: (last + 1, "")}

    async def close(self) -> None:
        self._stretches.clear()

    def _held(self) -> int:
        return sum(stretch.size for stretch in self._stretches.values())

    def _due(self, now: float) -> TopicPartition | None:
        """The partition whose segment is to be written now: the biggest where memory is full or it has its size."""
        held = {tp: stretch for tp, stretch in self._stretches.items() if stretch.entries}
        if not held:
            return None
        biggest = max(held, key=lambda tp: held[tp].size)
        if held[biggest].size >= SEGMENT_BYTES or self._held() >= MOST_BYTES:
            return biggest
        oldest = min(held, key=lambda tp: held[tp].since)
        return oldest if now - held[oldest].since >= self._segment_s else None

    async def _write(self, tp: TopicPartition, entries: list[Entry]) -> int:
        segment = segment_of(tp.topic, tp.partition, entries)
        await write(self._store, segment, entries)
        log.info("archived", topic=tp.topic, partition=tp.partition, first=segment.first, last=segment.last)
        return segment.last
