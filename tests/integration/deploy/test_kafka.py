"""The embedded broker is a Kafka that keeps what it acknowledged."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError

from deploy.embedded.kafka.storage import new_cluster_id
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running, start
from tests.support.stack import kafka_command

pytestmark = pytest.mark.integration


async def test_records_of_two_megabytes_pass_and_larger_ones_do_not(kafka_bootstrap: str) -> None:
    await _create_topic(kafka_bootstrap, "embedded-large-records")
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_bootstrap, acks="all", enable_idempotence=True, max_request_size=4 * 1024 * 1024
    ) as producer:
        await producer.send_and_wait("embedded-large-records", bytes(2 * 1024 * 1024 - 1024), key=b"k")
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait("embedded-large-records", bytes(2 * 1024 * 1024 + 1024))
    (value,) = await _read(kafka_bootstrap, "embedded-large-records", 1)
    assert len(value) == 2 * 1024 * 1024 - 1024


async def test_a_group_commits_and_goes_on_where_it_stopped(kafka_bootstrap: str) -> None:
    await _create_topic(kafka_bootstrap, "embedded-group")
    await _write(kafka_bootstrap, "embedded-group", [b"1", b"2"])
    assert await _read(kafka_bootstrap, "embedded-group", 2, group="embedded-readers") == [b"1", b"2"]
    await _write(kafka_bootstrap, "embedded-group", [b"3"])
    assert await _read(kafka_bootstrap, "embedded-group", 1, group="embedded-readers") == [b"3"]


async def test_a_mistyped_topic_is_not_created(kafka_bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        (described,) = await admin.describe_topics(["embedded-mistyped"])
        assert described["error_code"] == UnknownTopicOrPartitionError.errno
    finally:
        await admin.close()


@pytest.mark.usefixtures("kafka_bootstrap")  # skips where no broker can run
async def test_a_killed_broker_comes_back_with_its_records_and_its_cluster(tmp_path: Path) -> None:
    (tmp_path / "cluster.id").write_text("-" + new_cluster_id()[1:])  # one id in 64 begins with a dash
    with _own_broker(tmp_path) as (broker, bootstrap):
        await _create_topic(bootstrap, "kept")
        await _write(bootstrap, "kept", [b"acknowledged"])
        cluster_id = await _cluster_id(bootstrap)
        broker.kill()
        assert not accepts_connections(int(bootstrap.split(":")[1])), "a child of the launcher still listens"
    with _own_broker(tmp_path) as (broker, bootstrap):
        assert await _read(bootstrap, "kept", 1) == [b"acknowledged"]
        assert await _cluster_id(bootstrap) == cluster_id
        assert broker.stop() == 128 + signal.SIGTERM, "the JVM's status of an orderly end by SIGTERM"


def test_missing_jars_without_maven_end_in_one_clear_line(tmp_path: Path) -> None:
    command = [*kafka_command(free_port(), tmp_path), "--jars-dir", str(tmp_path / "jars")]
    launcher = start(command, tmp_path / "log.txt", {"PATH": str(tmp_path)})
    with pytest.raises(AssertionError, match="no `mvn` on the PATH"):
        launcher.wait_until(lambda: False)
    assert launcher.returncode == 1


@contextmanager
def _own_broker(folder: Path) -> Iterator[tuple[Process, str]]:
    port = free_port()
    with running(kafka_command(port, folder), folder / "log.txt", lambda: accepts_connections(port)) as broker:
        yield broker, f"127.0.0.1:{port}"


async def _create_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _write(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def _read(bootstrap: str, topic: str, count: int, group: str | None = None) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    async with consumer:
        values = [(await consumer.getone()).value for _ in range(count)]
        if group is not None:
            await consumer.commit()
        return values


async def _cluster_id(bootstrap: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
        return str(cluster["cluster_id"])
    finally:
        await admin.close()
