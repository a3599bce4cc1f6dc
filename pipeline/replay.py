"""A partition from its first archived offset to its end of now, archive and topic as one log: no hole, no repeat.

What lies in the archive is read from there; the topic has the rest. An offset that neither has is an error, never
passed over in silence.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from aiokafka.structs import TopicPartition

from pipeline import archive
from pipeline.logreader import bounds, bounds_of, first_since, read
from pipeline.objectstore import ObjectStore
from pipeline.segments import Entry, Segment, entry_of
from pipeline.settings import KafkaSettings

END_OF_TIME_MS = 2**62


class Hole(Exception):
    """Offsets of a partition that neither archive nor topic has any more."""

    def __init__(self, place: TopicPartition, first: int, end: int) -> None:
        super().__init__(f"{place.topic} {place.partition}: offsets {first} to {end - 1} are neither archived nor held")
        self.place, self.first, self.end = place, first, end


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read: times are milliseconds, `until_ms` excluded; no traces named: all of them."""

    since_ms: int = 0
    until_ms: int = END_OF_TIME_MS
    trace_ids: frozenset[str] = frozenset()

    def has(self, entry: Entry) -> bool:
        """Whether an entry is asked for. Of an erased one nobody knows whose it was: it is, unless traces are named."""
        timely = self.since_ms <= entry.timestamp_ms < self.until_ms
        return timely and (not self.trace_ids or entry.trace_id in self.trace_ids)


@dataclass(frozen=True, slots=True)
class Log:
    """Archive and topics as one."""

    store: ObjectStore
    kafka: KafkaSettings

    async def places(self, *topics: str) -> dict[TopicPartition, tuple[int, int]]:
        """(first, next) offset of each partition, as far back as the archive goes. Raises KafkaError, Unreachable."""
        archived: dict[TopicPartition, int] = {}
        for topic in topics:
            for segment in await archive.segments(self.store, topic):
                archived.setdefault(TopicPartition(topic, segment.partition), segment.first)
        held = await bounds(self.kafka, *topics)
        return {place: (min(first, archived.get(place, first)), end) for place, (first, end) in held.items()}

    async def first_since(self, place: TopicPartition, since_ms: int) -> int:
        """The offset of the first record of this time or later, wherever it is; that of the next one for none."""
        for segment in await archive.segments(self.store, place.topic, place.partition):
            if segment.last_ms >= since_ms:
                for entry in await archive.read(self.store, segment):
                    if entry.timestamp_ms >= since_ms:
                        return entry.offset
        return await first_since(self.kafka, place, since_ms)

    async def entries(self, place: TopicPartition, wanted: Wanted = Wanted(), first: int = 0) -> AsyncIterator[Entry]:
        """What is wanted of a partition from an offset on, in order. Raises Hole, Invalid, Retryable, KafkaError."""
        held_first, end = (await bounds_of(self.kafka, [place]))[place]
        stored = await archive.segments(self.store, place.topic, place.partition)
        position = max(first, min(stored[0].first, held_first) if stored else held_first)
        for segment in stored:
            async for entry in self._held(place, position, min(segment.first, end), held_first, wanted):
                yield entry
            position = max(position, segment.first)
            for entry in await self._archived(segment, position, wanted):
                yield entry
            position = max(position, segment.last + 1)
        async for entry in self._held(place, position, end, held_first, wanted):
            yield entry

    async def _archived(self, segment: Segment, position: int, wanted: Wanted) -> Sequence[Entry]:
        """The entries of a segment from an offset on; it is not read where it can have nothing that is wanted."""
        if segment.last < position or segment.last_ms < wanted.since_ms or segment.first_ms >= wanted.until_ms:
            return ()
        if wanted.trace_ids and not wanted.trace_ids & await archive.traces_of(self.store, segment):
            return ()
        entries = await archive.read(self.store, segment)
        return [entry for entry in entries if entry.offset >= position and wanted.has(entry)]

    async def _held(
        self, place: TopicPartition, first: int, end: int, held_first: int, wanted: Wanted
    ) -> AsyncIterator[Entry]:
        if first < min(end, held_first):
            raise Hole(place, first, min(end, held_first))
        async for record in read(self.kafka, place, first, end):
            if wanted.has(entry := entry_of(record)):
                yield entry
