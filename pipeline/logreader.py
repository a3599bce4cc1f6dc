"""A range of a partition, read once, beside every consumer group: for rebuilding, replays, audits and searches."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.kafka import MAX_RECORD_BYTES, admin, make_consumer, start
from pipeline.settings import KafkaSettings

POLL_MS = 200
# A broker has no coordinator before the first use of any group: the first question makes it look for one.
COORDINATOR_PAUSES_S = (0.5, 1.0, 2.0)
# Records this near to one another are cheaper to read through than to seek; a seek asks for so many bytes.
NEAR = 64
PICK_BYTES = 128 * 1024


@asynccontextmanager
async def reader(
    kafka: KafkaSettings, *places: TopicPartition, fetch_bytes: int = MAX_RECORD_BYTES
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer of these partitions, without a group. Raises Unreachable, Refused."""
    consumer = make_consumer(kafka, fetch_bytes=fetch_bytes)
    consumer.assign(places)
    try:
        await start(consumer)
        yield consumer
    finally:
        await consumer.stop()


async def read(kafka: KafkaSettings, place: TopicPartition, first: int, end: int) -> AsyncGenerator[ConsumerRecord]:
    """The records of [first, end) that the partition still holds, in order."""
    if first >= end:
        return
    async with reader(kafka, place) as consumer:
        beginning: int = (await consumer.beginning_offsets([place]))[place]
        async for logged in _between(consumer, place, max(first, beginning), end):
            yield logged


async def since(kafka: KafkaSettings, topic: str, since_ms: int = 0) -> AsyncIterator[ConsumerRecord]:
    """What a topic holds now, from a time on (milliseconds), partition by partition."""
    for place, (first, end) in (await bounds(kafka, topic)).items():
        if first < end:
            async for logged in read(kafka, place, await first_since(kafka, place, since_ms), end):
                yield logged


async def first_since(kafka: KafkaSettings, place: TopicPartition, since_ms: int) -> int:
    """The offset of the first record that the partition holds of this time or later; its end where there is none."""
    async with reader(kafka, place) as consumer:
        found = (await consumer.offsets_for_times({place: since_ms}))[place]
        end: int = (await consumer.end_offsets([place]))[place]
    return int(found.offset) if found else end


async def pick(kafka: KafkaSettings, place: TopicPartition, offsets: Sequence[int]) -> AsyncIterator[ConsumerRecord]:
    """The records at these offsets, ascending, that the partition still holds."""
    if not offsets:
        return
    wanted = set(offsets)
    # Where they are dense it is read through; where every record is sought, little is asked of each fetch.
    dense = len(stretches(offsets)) * NEAR <= len(offsets)
    async with reader(kafka, place, fetch_bytes=MAX_RECORD_BYTES if dense else PICK_BYTES) as consumer:
        beginning: int = (await consumer.beginning_offsets([place]))[place]
        for first, end in stretches(offset for offset in offsets if offset >= beginning):
            async for logged in _between(consumer, place, first, end):
                if logged.offset in wanted:
                    yield logged


def stretches(offsets: Iterable[int]) -> list[tuple[int, int]]:
    """The [first, end) to read for these ascending offsets, so that near ones are in one."""
    found: list[tuple[int, int]] = []
    for offset in offsets:
        if found and offset - found[-1][1] < NEAR:
            found[-1] = (found[-1][0], offset + 1)
        else:
            found.append((offset, offset + 1))
    return found


async def _between(
    consumer: AIOKafkaConsumer, place: TopicPartition, first: int, end: int
) -> AsyncIterator[ConsumerRecord]:
    consumer.seek(place, first)
    # The position, not the last record, says when the end is reached: compaction leaves holes.
    while await consumer.position(place) < end:
        batches = await consumer.getmany(place, timeout_ms=POLL_MS)
        for logged in batches.get(place, ()):
            if logged.offset >= end:
                return
            yield logged


async def bounds(kafka: KafkaSettings, *topics: str) -> dict[TopicPartition, tuple[int, int]]:
    """(first offset, next offset) of every partition of these topics, as the broker holds them now."""
    return await bounds_of(kafka, await _partitions(kafka, topics))


async def bounds_of(kafka: KafkaSettings, places: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
    """The same for these partitions."""
    # It is assigned none: what it was assigned it would begin to fetch.
    async with reader(kafka) as consumer:
        firsts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    return {place: (firsts[place], ends[place]) for place in places}


async def _partitions(kafka: KafkaSettings, topics: Sequence[str]) -> list[TopicPartition]:
    async with admin(kafka) as client:
        found = await client.describe_topics(list(topics))
    return sorted(TopicPartition(about["topic"], part["partition"]) for about in found for part in about["partitions"])


async def committed(kafka: KafkaSettings, group: str) -> dict[TopicPartition, int]:
    """Next offset of a group for each partition in which it has committed one."""
    async with admin(kafka) as client:
        for pause_s in COORDINATOR_PAUSES_S:
            with suppress(GroupCoordinatorNotAvailableError):
                offsets = await client.list_consumer_group_offsets(group)
                return {place: known.offset for place, known in offsets.items() if known.offset >= 0}
            await asyncio.sleep(pause_s)
    raise GroupCoordinatorNotAvailableError
