"""Records by where they stand in the log: those that the topic still holds, and those that only the archive has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from aiokafka.structs import TopicPartition

from pipeline import archive
from pipeline.logreader import bounds, pick
from pipeline.replay import Log
from pipeline.segments import Entry, entry_of


async def at(log: Log, place: TopicPartition, offsets: Collection[int]) -> AsyncIterator[Entry]:
    """The entries of a partition at these offsets, in order; what neither topic nor archive has is left out.

    That goes for offsets beyond the end, too, as those of a topic that was made anew: nobody waits for them.

    Raises Invalid, Retryable, Unreachable, KafkaError.
    """
    held_first, end = (await bounds(log.kafka, place.topic))[place]
    gone = {offset for offset in offsets if offset < held_first}
    if gone:
        for segment in await archive.segments(log.store, place.topic, place.partition):
            if any(segment.first <= offset <= segment.last for offset in gone):
                for entry in await archive.read(log.store, segment):
                    if entry.offset in gone:
                        gone.remove(entry.offset)  # segments may overlap
                        yield entry
    async for record in pick(log.kafka, place, sorted(offset for offset in offsets if held_first <= offset < end)):
        yield entry_of(record)
