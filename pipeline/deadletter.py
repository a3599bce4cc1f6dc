"""Dead letters: the original key, value and headers unchanged, with where they came from and why they were refused.

A cap keeps a bad deploy from draining a topic: more than 1,000 refusals in a row, or more than 1 % after 10,000
records, stop the process instead, with a status at which a supervisor leaves it down: each start would refuse as many
again.
"""

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from pipeline.errors import EXIT_HELD, Explained
from pipeline.telemetry import logger

IN_A_ROW = 1_000
SHARE = 0.01
SHARE_FROM = 10_000
REASON_BYTES = 2_000
log = logger(__name__)


class TooManyDeadLetters(Explained):
    """So many records are refused that the reader is the likely culprit; look at its deploy before restarting it."""

    exit_status = EXIT_HELD


class Cap:
    """Counts records and refusals of one process, and how often one was tried again."""

    def __init__(self) -> None:
        self.seen = self.refused = self.row = self.tried = 0

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
        self._producer, self.group, self._stage = producer, group, stage
        self.cap = Cap()

    async def refuse(self, record: ConsumerRecord, error: Exception) -> None:
        """Write one dead letter; returns when the log has it. Raises TooManyDeadLetters beyond the cap."""
        self.cap.refuse()
        place = (record.topic, record.partition, record.offset)
        log.warning("dead letter", topic=place[0], partition=place[1], offset=place[2], reason=str(error)[:200])
        added = headers(*place, self.group, self._stage, error)
        await self._producer.send_and_wait(
            f"{record.topic}.dlq", record.value, key=record.key, headers=[*record.headers, *added]
        )
