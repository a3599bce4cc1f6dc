"""Eyes on the log: what topics hold now, without a consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.kafka import make_consumer
from pipeline.settings import KafkaSettings
from schemas.topics import TRACE_LOG, Topic


async def records(kafka: KafkaSettings, topic: Topic = TRACE_LOG) -> list[ConsumerRecord]:
    """Everything that a topic holds at this moment, in order within each partition."""
    found: list[ConsumerRecord] = []
    async with _reader(kafka, topic) as (consumer, partitions):
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
    return found


async def end(kafka: KafkaSettings, topic: Topic = TRACE_LOG) -> int:
    """How many records a topic holds."""
    async with _reader(kafka, topic) as (consumer, partitions):
        return sum((await consumer.end_offsets(partitions)).values())


async def await_keys(kafka: KafkaSettings, topic: Topic, keys: Iterable[str], timeout_s: float) -> list[ConsumerRecord]:
    """What a topic holds once each of these keys has a record there."""
    wanted = {key.encode() for key in keys}
    async with asyncio.timeout(timeout_s):
        while True:
            found = await records(kafka, topic)
            if wanted <= {record.key for record in found}:
                return found
            await asyncio.sleep(0.2)


@asynccontextmanager
async def _reader(kafka: KafkaSettings, topic: Topic) -> AsyncIterator[tuple[Any, list[TopicPartition]]]:
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions[0])]
        consumer.assign(partitions)
        yield consumer, partitions
    finally:
        await consumer.stop()
