"""trace-log and the progress marks, read beside Faust's stream: for rebuilding, for holes and for late chunks.

Each reading has a consumer of its own, so that one may be begun while another is under way.
"""

from collections.abc import AsyncIterator, Sequence

from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.kafka import admin
from pipeline.logreader import pick, read, reader
from pipeline.settings import KafkaSettings
from schemas.codec import decode
from schemas.records import AssemblyProgress
from schemas.topics import ASSEMBLY_PROGRESS, TRACE_LOG

MARKS = TopicPartition(ASSEMBLY_PROGRESS.name, 0)


class TraceLog:
    """The log of one broker and the place of one consumer group in it."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._kafka, self._group = kafka, group
        self.reads = 0
        """Records read so far, beside the stream."""

    async def committed(self, partition: int) -> int:
        """Next offset of the group; the beginning of the log where it has committed nothing."""
        place = TopicPartition(TRACE_LOG.name, partition)
        async with admin(self._kafka) as client:
            offsets = await client.list_consumer_group_offsets(self._group, partitions=[place])
        if place in offsets and offsets[place].offset >= 0:
            committed: int = offsets[place].offset
            return committed
        async with reader(self._kafka, place) as consumer:
            beginning: int = (await consumer.beginning_offsets([place]))[place]
        return beginning

    async def mark(self, partition: int) -> AssemblyProgress | None:
        """The newest progress mark of the partition; None where there is none yet."""
        async with reader(self._kafka, MARKS) as consumer:
            end: int = (await consumer.end_offsets([MARKS]))[MARKS]
        newest: AssemblyProgress | None = None
        async for logged in read(self._kafka, MARKS, 0, end):
            mark = decode(logged.value)
            if isinstance(mark, AssemblyProgress) and mark.partition == partition:
                newest = mark
        return newest

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        """The records of [start, end) of trace-log that it still holds, in order."""
        async for logged in read(self._kafka, TopicPartition(TRACE_LOG.name, partition), start, end):
            self.reads += 1
            yield logged

    async def pick(self, partition: int, offsets: Sequence[int]) -> AsyncIterator[ConsumerRecord]:
        """The records of trace-log at these offsets, ascending, that it still holds."""
        async for logged in pick(self._kafka, TopicPartition(TRACE_LOG.name, partition), offsets):
            self.reads += 1
            yield logged
