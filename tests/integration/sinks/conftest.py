"""A broker with the project's topics, a migrated database for each test, and the sink as a process between them."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Retryable
from pipeline.kafka import admin, ensure_topics, make_consumer, make_producer
from pipeline.settings import ClickHouseSettings, KafkaSettings
from schemas.codec import encode
from schemas.records import Record
from schemas.topics import Topic
from sinks.migrate import migrate
from sinks.worker import GROUP
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running, start
from tests.support.stack import kafka_command, require_kafka

_processes = itertools.count()


class Lab:
    """Writes records, starts sinks, reads rows."""

    def __init__(self, bootstrap: str, settings: ClickHouseSettings, folder: Path) -> None:
        self.kafka, self.settings, self.folder = KafkaSettings(kafka_bootstrap=bootstrap), settings, folder
        self.producer = make_producer(self.kafka)
        self.clickhouse = ClickHouse(settings)

    def use(self, settings: ClickHouseSettings) -> None:
        """Another ClickHouse from now on."""
        self.clickhouse.close()
        self.settings, self.clickhouse = settings, ClickHouse(settings)

    async def write(self, topic: Topic, record: Record | bytes, key: str = "key") -> TopicPartition:
        """Append a record, or bytes that are none; the partition it went to."""
        value = record if isinstance(record, bytes) else encode(record)
        answer = await self.producer.send_and_wait(topic.name, value, key=key.encode())
        return TopicPartition(topic.name, answer.partition)

    async def write_all(self, topic: Topic, records: Iterable[Any]) -> None:
        """Append many records, each under its trace's id."""
        for record in records:
            await self.write(topic, record, record.trace_id)

    def launch(self) -> Process:
        """A sink from now on; the caller ends it."""
        environment = {
            "KAFKA_BOOTSTRAP": self.kafka.kafka_bootstrap,
            "CLICKHOUSE_URL": self.settings.clickhouse_url,
            "CLICKHOUSE_DATABASE": self.settings.clickhouse_database,
            "OBJECT_STORE_DIR": str(self.folder / "objects"),
        }
        log = self.folder / f"sink-{next(_processes)}.log"
        return start([sys.executable, "-m", "sinks"], log, environment)

    @contextmanager
    def sink(self) -> Iterator[Process]:
        """A sink for a while, ended as an operator would end it."""
        process = self.launch()
        try:
            yield process
        finally:
            status = process.stop()
        assert status == 0, process.log_tail()

    def value(self, sql: str, **parameters: Any) -> Any:
        """The first column of the only row of a query; None while ClickHouse is away or has no such row."""
        try:
            rows = self.clickhouse.rows(sql, parameters)
        except (Retryable, QueryFailed):
            return None
        return next(iter(rows[0].values())) if rows else None

    async def until(self, wanted: Any, sql: str, timeout_s: float = 30, **parameters: Any) -> None:
        """Returns once the query gives what is wanted; AssertionError with what it gives when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while (found := self.value(sql, **parameters)) != wanted:
            assert time.monotonic() < deadline, f"{sql}: {found!r} instead of {wanted!r}"
            await asyncio.sleep(0.05)

    async def until_rows_grow(self, sql: str) -> None:
        """Returns once a count is more than it was."""
        before, deadline = self.value(sql), time.monotonic() + 40
        while self.value(sql) <= before:
            assert time.monotonic() < deadline, f"{sql} stays {before}"
            await asyncio.sleep(0.02)

    async def until_committed(self, partition: TopicPartition, offset: int) -> None:
        """Returns once the group's offset is there, with nothing planned; AssertionError when it is not in time."""
        found, deadline = None, time.monotonic() + 30
        async with admin(self.kafka) as client:
            while found != (offset, ""):
                assert time.monotonic() < deadline, f"{found} committed instead of {offset}"
                found = (await client.list_consumer_group_offsets(GROUP, partitions=[partition]))[partition]

    async def dead_letters(self, topic: Topic, until: Callable[[list[ConsumerRecord]], bool]) -> list[ConsumerRecord]:
        """The dead letters of a topic, once `until` holds of them."""
        consumer = make_consumer(self.kafka, topic.dlq)
        await consumer.start()
        seen: list[ConsumerRecord] = []
        try:
            async with asyncio.timeout(30):
                while not until(seen):
                    for records in (await consumer.getmany(timeout_ms=100)).values():
                        seen += records
        finally:
            await consumer.stop()
        return seen

    async def commit(self, partition: TopicPartition, offset: int, metadata: str = "", group: str = GROUP) -> None:
        """What a sink that died left behind: a commit of its group."""
        consumer = make_consumer(self.kafka, group=group)
        consumer.assign([partition])
        await consumer.start()
        await consumer.commit({partition: (offset, metadata)})
        await consumer.stop()

    async def end(self, partition: TopicPartition) -> int:
        """The offset that the partition's next record will have."""
        consumer = make_consumer(self.kafka)
        await consumer.start()
        try:
            ends: dict[TopicPartition, int] = await consumer.end_offsets([partition])
            return ends[partition]
        finally:
            await consumer.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of our own: topic names are fixed, and other tests write to the same ones."""
    require_kafka()
    folder, port = tmp_path_factory.mktemp("sinks-kafka"), free_port()
    with running(kafka_command(port, folder), folder / "kafka.log", lambda: accepts_connections(port)):
        asyncio.run(ensure_topics(KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")))
        yield f"127.0.0.1:{port}"


@pytest.fixture
def settings(clickhouse_url: str, clickhouse_database: str) -> ClickHouseSettings:
    """An empty database of the test's own."""
    return ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)


@pytest.fixture
def clickhouse(settings: ClickHouseSettings) -> Iterator[ClickHouse]:
    """The same, with all tables and views."""
    migrate(settings)
    client = ClickHouse(settings)
    yield client
    client.close()


@pytest.fixture
async def lab(broker: str, settings: ClickHouseSettings, clickhouse: ClickHouse, tmp_path: Path) -> AsyncIterator[Lab]:
    """All of it, with a producer that is connected."""
    lab = Lab(broker, settings, tmp_path)
    await lab.producer.start()
    yield lab
    await lab.producer.stop()
    lab.clickhouse.close()
