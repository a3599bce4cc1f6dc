"""A broker with the project's own topics, and the assembler as a process on it."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.clock import now_us
from pipeline.kafka import ensure_topics, make_consumer, make_producer
from pipeline.settings import KafkaSettings
from schemas.codec import decode, encode
from schemas.records import Record, TraceAssembled
from schemas.topics import TRACE_ASSEMBLED, TRACE_LOG
from streams.partition import GROUP
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running, start
from tests.support.stack import kafka_command, require_kafka
from tests.support.traces import chain, completed, created, trace_id

_processes = itertools.count()


class Lab:
    """The log of the tests: writes traces, reads revisions, starts assemblers."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.kafka = KafkaSettings(kafka_bootstrap=bootstrap)
        self.producer = make_producer(self.kafka)
        self.folder = folder

    @contextmanager
    def worker(self, **environment: str) -> Iterator[Process]:
        """An assembler from now on, until it is stopped or killed, or the block ends."""
        number = next(_processes)
        settings = {
            "KAFKA_BOOTSTRAP": self.kafka.kafka_bootstrap,
            "OBJECT_STORE_DIR": str(self.folder / "objects"),
            **environment,
        }
        process = start([sys.executable, "-m", "streams"], self.folder / f"worker-{number}.log", settings)
        try:
            yield process
        finally:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGCONT)
            process.stop()

    async def write(self, record: Record, key: bytes | None = None) -> int:
        """Append a record to trace-log; its offset."""
        key = record.trace_id.encode() if key is None else key  # type: ignore[union-attr]
        answer = await self.producer.send_and_wait(TRACE_LOG.name, encode(record), key=key)
        return int(answer.offset)

    async def begin(self, number: int) -> int:
        """Create a trace; the offset where it begins."""
        return await self.write(created(number))

    async def session(self, number: int, chunks: int = 3, pause_s: float = 0) -> int:
        """A whole trace, from its creation to its end; the offset where it begins. It is now, so that it is not old
        enough to expire on its way."""
        offset = await self.write(created(number, created_at_us=now_us()))
        sent = chain(chunks, number, offset)
        for record in sent:
            await self.write(replace(record, received_at_us=now_us()))
            await asyncio.sleep(pause_s)
        await self.write(completed(sent, number, offset, completed_at_us=now_us()))
        return offset

    async def rewind(self) -> None:
        """Put the assemblers' group, which has no members now, back to the beginning of the log."""
        consumer = make_consumer(self.kafka, group=GROUP)
        await consumer.start()
        try:
            places = [TopicPartition(TRACE_LOG.name, p) for p in range(TRACE_LOG.partitions[0])]
            consumer.assign(places)
            await consumer.commit(dict.fromkeys(places, 0))
        finally:
            await consumer.stop()

    async def revisions(self, until: Callable[[list[ConsumerRecord]], bool], timeout_s: float = 40) -> list[bytes]:
        """All values on trace-assembled, once `until` holds of them; AssertionError when it does not in time."""
        records = await self.records(TRACE_ASSEMBLED.name, until, timeout_s)
        return [record.value for record in records]

    async def records(
        self, topic: str, until: Callable[[list[ConsumerRecord]], bool], timeout_s: float = 40
    ) -> list[ConsumerRecord]:
        """All records of a topic, once `until` holds of them."""
        seen: list[ConsumerRecord] = []
        consumer = make_consumer(self.kafka, topic)
        await consumer.start()
        try:
            async with asyncio.timeout(timeout_s):
                while not until(seen):
                    for records in (await consumer.getmany(timeout_ms=100)).values():
                        seen += records
        except TimeoutError:
            raise AssertionError(f"{len(seen)} records on {topic} are not what was waited for") from None
        finally:
            await consumer.stop()
        return seen


def of(values: list[bytes], number: int) -> list[TraceAssembled]:
    """The revisions of one trace, in the order in which they came."""
    revisions = [record for value in values if isinstance(record := decode(value), TraceAssembled)]
    return [revision for revision in revisions if revision.trace_id == trace_id(number)]


def came(numbers: range, times: int = 1) -> Callable[[list[ConsumerRecord]], bool]:
    """Whether each of these traces has at least so many records."""
    wanted = [trace_id(number).encode() for number in numbers]

    def enough(records: list[ConsumerRecord]) -> bool:
        keys = [record.key for record in records]
        return all(keys.count(key) >= times for key in wanted)

    return enough


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of our own: topic names are fixed, and other tests write to the same ones."""
    require_kafka()
    folder, port = tmp_path_factory.mktemp("streams-kafka"), free_port()
    with running(kafka_command(port, folder), folder / "kafka.log", lambda: accepts_connections(port)):
        asyncio.run(ensure_topics(KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")))
        yield f"127.0.0.1:{port}"


@pytest.fixture
async def lab(broker: str, tmp_path: Path) -> AsyncIterator[Lab]:
    """The log with a producer that is connected."""
    lab = Lab(broker, tmp_path)
    await lab.producer.start()
    yield lab
    await lab.producer.stop()
