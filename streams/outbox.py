"""Everything the assembler writes, through one idempotent producer; a call returns when the log has it."""

from asyncio import Future

from aiokafka import AIOKafkaProducer

from pipeline.deadletter import DeadLetters
from pipeline.kafka import make_producer, start
from pipeline.settings import KafkaSettings
from schemas.codec import encode
from schemas.records import AssemblyProgress, Record, TraceAssembled, TraceExpired
from schemas.topics import ASSEMBLY_PROGRESS, TRACE_ASSEMBLED, TRACE_LOG


class Outbox:
    """The writing side of one process. Made before the loop runs, opened inside it."""

    dead_letters: DeadLetters

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._kafka, self._group = kafka, group
        self._producer: AIOKafkaProducer

    async def open(self) -> None:
        """Connect. Raises Unreachable."""
        self._producer = make_producer(self._kafka)
        await start(self._producer)
        self.dead_letters = DeadLetters(self._producer, self._group, "assembly")

    async def close(self) -> None:
        """Send what is left and disconnect."""
        await self._producer.stop()

    async def revision(self, assembled: TraceAssembled) -> Future[object]:
        """A revision of a trace: it is on its way, in order, and the future is done when the log has it."""
        key = assembled.trace_id.encode()
        out: Future[object] = await self._producer.send(TRACE_ASSEMBLED.name, encode(assembled), key=key)
        return out

    async def expiry(self, expired: TraceExpired, partition: int) -> None:
        """The end of an idle trace, into the partition of the log where the trace is."""
        await self._send(TRACE_LOG.name, expired.trace_id, expired, partition)

    async def mark(self, mark: AssemblyProgress) -> None:
        """A progress mark."""
        await self._send(ASSEMBLY_PROGRESS.name, str(mark.partition), mark)

    async def _send(self, topic: str, key: str, record: Record, partition: int | None = None) -> None:
        await self._producer.send_and_wait(topic, encode(record), key=key.encode(), partition=partition)
