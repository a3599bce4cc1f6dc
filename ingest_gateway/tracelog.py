"""The gateway's hold on the log: appends records, survives the broker's absence, never says yes before the log does.

While the log is known to be away, an append fails at once. The producer is idempotent and keeps trying what timed
out: the first of those to get through is the sign that the log is back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from ingest_gateway.problems import LOG_UNAVAILABLE, TOO_LARGE, Problem
from pipeline.errors import Refused
from pipeline.kafka import connect
from pipeline.telemetry import logger
from schemas.codec import encode
from schemas.records import Record
from schemas.topics import TRACE_LOG, Topic

APPEND_TIMEOUT_S = 5.0
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
LONGEST_PAUSE_S = 2.0
RETRY_AFTER_S = 2
Headers = Sequence[tuple[str, bytes]]
log = logger(__name__)


def _unavailable(detail: str) -> Problem:
    return Problem(LOG_UNAVAILABLE, detail, retry_after_s=RETRY_AFTER_S)


class TraceLog:
    """One producer, kept alive by `run`. `make_producer` is called inside the running loop.

    `waiting_records` and `waiting_bytes` are what requests wait for now.
    """

    def __init__(self, make_producer: Callable[[], AIOKafkaProducer]) -> None:
        self._make_producer = make_producer
        self._producer: AIOKafkaProducer | None = None
        self._broken = asyncio.Event()
        self._stalled = False
        self.waiting_records = self.waiting_bytes = 0

    @property
    def available(self) -> bool:
        """Whether an append is worth trying."""
        return self._producer is not None and not self._stalled

    async def append(
        self, key: str, record: Record, topic: Topic = TRACE_LOG, headers: Headers = ()
    ) -> tuple[int, int]:
        """Append a record under its key; returns (partition, offset) once all in-sync replicas have it.

        Raises Problem where the log cannot confirm in time: the record may be there or may still arrive.
        """
        producer = self._producer
        if producer is None or self._stalled:
            raise _unavailable("the log is away; nothing was written")
        sent: asyncio.Future[RecordMetadata] | None = None
        value = encode(record)
        self._wait(1, len(value))
        try:
            async with asyncio.timeout(APPEND_TIMEOUT_S):
                sent = await producer.send(topic.name, value, key=key.encode(), headers=list(headers))
                written = await asyncio.shield(sent)
        except TimeoutError as error:
            if sent is None:
                self._break(producer, error)
            else:
                self._stall(producer, sent)
            raise _unavailable("the log did not confirm in time; send the same again") from None
        except MessageSizeTooLargeError:
            raise Problem(TOO_LARGE, "the log takes no record of this size") from None
        except KafkaError as error:
            self._break(producer, error)
            raise _unavailable("the log refused; send the same again") from error
        finally:
            self._wait(-1, -len(value))
        # An idempotent repeat whose first copy the broker no longer remembers comes back without its position.
        if written.offset < 0:
            raise _unavailable("the log did not say where the record is; send the same again")
        return written.partition, written.offset

    def _wait(self, records: int, size: int) -> None:
        self.waiting_records += records
        self.waiting_bytes += size

    def _stall(self, producer: AIOKafkaProducer, sent: asyncio.Future[RecordMetadata]) -> None:
        if producer is self._producer:
            log.warning("log is stalled", after_s=APPEND_TIMEOUT_S)
            self._stalled = True
        sent.add_done_callback(lambda done: self._settled(producer, done))

    def _settled(self, producer: AIOKafkaProducer, sent: asyncio.Future[RecordMetadata]) -> None:
        if sent.cancelled():
            return
        error = sent.exception()
        if error is not None:
            self._break(producer, error)
        elif producer is self._producer and self._stalled:
            log.info("log is back")
            self._stalled = False

    def _break(self, producer: AIOKafkaProducer, error: BaseException) -> None:
        if producer is self._producer:
            log.warning("producer is given up", error=repr(error))
            self._producer = None
            self._broken.set()

    async def run(self) -> None:
        """Keep a producer connected until cancelled."""
        while True:
            producer = await self._connected()
            self._broken.clear()
            self._producer, self._stalled = producer, False
            log.info("log is connected")
            try:
                await self._broken.wait()
            finally:
                self._producer = None
                await _stop(producer)

    async def _connected(self) -> AIOKafkaProducer:
        pause = 0.1
        while True:
            producer = self._make_producer()
            try:
                await asyncio.wait_for(connect(producer), START_TIMEOUT_S)
                await asyncio.wait_for(producer.partitions_for(TRACE_LOG.name), START_TIMEOUT_S)
            except (KafkaError, OSError, TimeoutError, Refused) as error:
                log.warning("log cannot be reached", error=repr(error)[:300], pause_s=pause)
                await _stop(producer)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            except asyncio.CancelledError:
                await _stop(producer)
                raise
            else:
                return producer


async def _stop(producer: AIOKafkaProducer) -> None:
    """Close a producer. What it still holds was never acknowledged, so waiting for it is bounded."""
    with suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(producer.stop(), STOP_TIMEOUT_S)
