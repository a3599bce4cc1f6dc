"""A range of a partition, read once, beside every consumer group: for rebuilding, replays, audits and searches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.kafka import admin, make_consumer, start
from pipeline.settings import KafkaSettings
from schemas.topics import Topic

POLL_MS = 200


@asynccontextmanager
async def reader(kafka: KafkaSettings, *places: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer of these partitions, without a group. Raises Unreachable, Refused."""
    consumer = make_consumer(kafka)
    consumer.assign(places)
    try:
        await start(consumer)
        yield consumer
    finally:
        await consumer.stop()


async def read(kafka: KafkaSettings, place: TopicPartition, first: int, end: int) -> AsyncIterator[ConsumerRecord]:
    """The records of [first, end) that the partition still holds, in order."""
    if first >= end:
        return
    async with reader(kafka, place) as consumer:
        beginning: int = (await consumer.beginning_offsets([place]))[place]
        consumer.seek(place, max(first, beginning))
        # The position, not the last record, says when the end is reached: compaction leaves holes.
        while await consumer.position(place) < end:
            batches = await consumer.getmany(place, timeout_ms=POLL_MS)
            for logged in batches.get(place, ()):
                if logged.offset >= end:
                    return
                yield logged


async def bounds(kafka: KafkaSettings, topic: Topic) -> dict[TopicPartition, tuple[int, int]]:
    """(first offset, next offset) of every partition of a topic, as the broker holds it now."""
    partitions = await _partitions(kafka, topic)
    async with reader(kafka, *partitions) as consumer:
        firsts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return {place: (firsts[place], ends[place]) for place in partitions}


async def _partitions(kafka: KafkaSettings, topic: Topic) -> list[TopicPartition]:
    async with admin(kafka) as client:
        (about,) = await client.describe_topics([topic.name])
    return sorted(TopicPartition(topic.name, part["partition"]) for part in about["partitions"])


async def committed(kafka: KafkaSettings, group: str) -> dict[TopicPartition, int]:
    """Next offset of a group for each partition in which it has committed one."""
    async with admin(kafka) as client:
        offsets = await client.list_consumer_group_offsets(group)
    return {place: known.offset for place, known in offsets.items() if known.offset >= 0}
