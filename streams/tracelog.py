"""trace-log and the progress marks, read beside Faust's stream: for rebuilding, for holes and for late chunks.

Each reading has a consumer of its own, so that one may be begun while another is under way.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.kafka import admin, make_consumer, start
from pipeline.settings import KafkaSettings
from schemas.codec import decode
from schemas.records import AssemblyProgress
from schemas.topics import ASSEMBLY_PROGRESS, TRACE_LOG

POLL_MS = 200
MARKS = TopicPartition(ASSEMBLY_PROGRESS.name, 0)


class TraceLog:
    """The log of one broker and the place of one consumer group in it."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._kafka, self._group = kafka, group

    async def committed(self, partition: int) -> int:
        """Next offset of the group; the beginning of the log where it has committed nothing."""
        place = TopicPartition(TRACE_LOG.name, partition)
        async with admin(self._kafka) as client:
            offsets = await client.list_consumer_group_offsets(self._group, partitions=[place])
        if place in offsets and offsets[place].offset >= 0:
            committed: int = offsets[place].offset
            return committed
        async with self._reader(place) as consumer:
            return await _beginning(consumer, place)

    async def mark(self, partition: int) -> AssemblyProgress | None:
        """The newest progress mark of the partition; None where there is none yet."""
        async with self._reader(MARKS) as consumer:
            end: int = (await consumer.end_offsets([MARKS]))[MARKS]
        newest: AssemblyProgress | None = None
        async for logged in self._read(MARKS, 0, end):
            mark = decode(logged.value)
            if isinstance(mark, AssemblyProgress) and mark.partition == partition:
                newest = mark
        return newest

    def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        """The records of [start, end) of trace-log that it still holds, in order."""
        return self._read(TopicPartition(TRACE_LOG.name, partition), start, end)

    @asynccontextmanager
    async def _reader(self, place: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = make_consumer(self._kafka)
        consumer.assign([place])
        try:
            await start(consumer)
            yield consumer
        finally:
            await consumer.stop()

    async def _read(self, place: TopicPartition, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        if start >= end:
            return
        async with self._reader(place) as consumer:
            consumer.seek(place, max(start, await _beginning(consumer, place)))
            # The position, not the last record, says when the end is reached: compaction leaves holes.
            while await consumer.position(place) < end:
                batches = await consumer.getmany(place, timeout_ms=POLL_MS)
                for logged in batches.get(place, ()):
                    if logged.offset >= end:
                        return
                    yield logged


async def _beginning(consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
    offset: int = (await consumer.beginning_offsets([place]))[place]
    return offset
