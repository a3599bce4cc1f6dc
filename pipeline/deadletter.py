"""Dead letters: the original key, value and headers unchanged, with where they came from and why they were refused.

A cap keeps a bad deploy from draining a topic: more than 1,000 refusals in a row, or more than 1 % after 10,000
records, stop the process instead.
"""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from pipeline.errors import Explained
from pipeline.telemetry import logger

IN_A_ROW = 1_000
SHARE = 0.01
SHARE_FROM = 10_000
REASON_BYTES = 2_000
log = logger(__name__)


class TooManyDeadLetters(Explained):
    """So many records are refused that the reader is the likely culprit; look at its deploy before restarting it."""


class Cap:
    """Counts records and refusals of one process."""

    def __init__(self) -> None:
        self.seen = self.refused = self.row = 0

    def taken(self) -> None:
        """A record went through."""
        self.seen += 1
        self.row = 0

    def refuse(self) -> None:
        """A record is refused. Raises TooManyDeadLetters beyond the cap."""
        self.seen += 1
        self.refused += 1
        self.row += 1
        if self.row > IN_A_ROW or (self.seen >= SHARE_FROM and self.refused > SHARE * self.seen):
            raise TooManyDeadLetters(f"{self.refused} of {self.seen} records refused, {self.row} in a row")


def headers(
    topic: str, partition: int, offset: int, group: str, stage: str, error: Exception
) -> list[tuple[str, bytes]]:
    """The headers that a dead letter carries beside its own."""
    fields = {
        "dlq-topic": topic,
        "dlq-partition": str(partition),
        "dlq-offset": str(offset),
        "dlq-group": group,
        "dlq-stage": stage,
        "dlq-error": type(error).__name__,
        "dlq-reason": str(error),
    }
    return [(name, value.encode(errors="backslashreplace")[:REASON_BYTES]) for name, value in fields.items()]


class DeadLetters:
    """Writes refused records of one consumer group to `<topic>.dlq`."""

    def __init__(self, producer: AIOKafkaProducer, group: str, stage: str) -> None:
        self._producer, self._group, self._stage = producer, group, stage
        self.cap = Cap()

    async def refuse(self, record: ConsumerRecord, error: Exception) -> None:
        """Write one dead letter; returns when the log has it. Raises TooManyDeadLetters beyond the cap."""
        self.cap.refuse()
        await self.send(record.topic, record.partition, record.offset, record.key, record.value, record.headers, error)

    async def send(
        self,
        topic: str,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        original: Sequence[tuple[str, bytes]],
        error: Exception,
    ) -> None:
        """Write one dead letter from its parts, for readers whose records are not aiokafka's."""
        added = headers(topic, partition, offset, self._group, self._stage, error)
        log.warning("dead letter", topic=topic, partition=partition, offset=offset, reason=str(error)[:200])
        await self._producer.send_and_wait(f"{topic}.dlq", value, key=key, headers=[*original, *added])
