"""Records by where they stand in the log: those that the topic still holds, and those that only the archive has."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Collection, Sequence

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
    wanted = sorted(offsets)
    held = bisect_left(wanted, held_first)
    async for entry in _archived(log, place, wanted[:held]):
        yield entry
    async for record in pick(log.kafka, place, wanted[held : bisect_left(wanted, end)]):
        yield entry_of(record)


async def _archived(log: Log, place: TopicPartition, offsets: Sequence[int]) -> AsyncIterator[Entry]:
    """The archived entries at these ascending offsets, in order."""
    segments = await archive.segments(log.store, place.topic, place.partition) if offsets else ()
    position = 0
    for segment in segments:
        first = bisect_left(offsets, max(segment.first, position))  # segments may overlap
        asked = set(offsets[first : bisect_right(offsets, segment.last)])
        for entry in await archive.read(log.store, segment) if asked else ():
            if entry.offset in asked:
                yield entry
        position = max(position, segment.last + 1)
