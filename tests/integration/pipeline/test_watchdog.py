"""What really stands still ends itself with status 75; what is busy, idle, or waits for a frozen broker goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic

from pipeline.cli.progress import Progress, group_lags
from pipeline.kafka import admin, make_producer
from pipeline.settings import KafkaSettings
from pipeline.watchdog import EXIT_STALLED
from schemas.codec import encode
from schemas.examples import load_examples
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running, start
from tests.support.stack import kafka_command

pytestmark = pytest.mark.integration
STALL_S = 6
VALUE = encode(load_examples()["TraceCompleted"])


async def _topic(kafka: KafkaSettings) -> str:
    name = f"watch-{uuid.uuid4().hex[:12]}"
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(name, 1, 1), NewTopic(f"{name}.dlq", 1, 1)])
    return name


async def _write(kafka: KafkaSettings, topic: str, count: int) -> None:
    producer = make_producer(kafka)
    await producer.start()
    for _ in range(count):
        await producer.send_and_wait(topic, VALUE)
    await producer.stop()


def _consumer(kafka: KafkaSettings, fault: str, topic: str, folder: Path) -> Process:
    environment = {"KAFKA_BOOTSTRAP": kafka.kafka_bootstrap, "STALL_S": str(STALL_S)}
    return start([sys.executable, "-m", "tests.support.stalling", fault, topic], folder / "log.txt", environment)


def _took(process: Process) -> int:
    return process.log.read_text().count("took one")


async def _until_ended(process: Process) -> int:
    deadline = time.monotonic() + 10 * STALL_S
    while process.returncode is None:
        assert time.monotonic() < deadline, process.log_tail()
        await asyncio.sleep(0.1)
    return process.returncode


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("deaf", "the log holds more, and nothing is taken"),
        ("hung", "one turn of the work does not end"),
        ("blocked", "the event loop is blocked"),
    ],
)
async def test_what_stands_still_ends_itself_and_says_why(
    kafka_bootstrap: str, tmp_path: Path, fault: str, why: str
) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    topic = await _topic(kafka)
    await _write(kafka, topic, 1)
    process = _consumer(kafka, fault, topic, tmp_path)
    try:
        await asyncio.to_thread(process.wait_until, lambda: _took(process) == 1)
        await _write(kafka, topic, 1)
        assert await _until_ended(process) == EXIT_STALLED
        assert why in process.log_tail()
        assert _took(process) == 1
    finally:
        process.kill()


@pytest.mark.slow
async def test_a_record_that_takes_long_is_no_stall(kafka_bootstrap: str, tmp_path: Path) -> None:
    """Twice the patience, with more in the log and no room for it; then idle for as long."""
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    topic = await _topic(kafka)
    await _write(kafka, topic, 2)
    process = _consumer(kafka, "slow", topic, tmp_path)
    try:
        await asyncio.to_thread(process.wait_until, lambda: _took(process) == 2, 60)
        await asyncio.sleep(2 * STALL_S + 12)
        assert process.returncode is None, process.log_tail()
    finally:
        assert process.stop() == 0


@pytest.mark.slow
@pytest.mark.usefixtures("kafka_bootstrap")  # skips where no broker can run
async def test_a_frozen_broker_or_a_frozen_self_is_no_stall(tmp_path: Path) -> None:
    port = free_port()
    kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
    with running(kafka_command(port, tmp_path), tmp_path / "kafka.txt", lambda: accepts_connections(port)) as broker:
        topic = await _topic(kafka)
        await _write(kafka, topic, 1)
        process = _consumer(kafka, "none", topic, tmp_path)
        try:
            await asyncio.to_thread(process.wait_until, lambda: _took(process) == 1)
            for frozen in (broker.pid, process.pid):
                os.kill(frozen, signal.SIGSTOP)
                await asyncio.sleep(2 * STALL_S)
                os.kill(frozen, signal.SIGCONT)
                await asyncio.sleep(1)
            await _write(kafka, topic, 1)
            await asyncio.to_thread(process.wait_until, lambda: _took(process) >= 2, 60)
            assert process.returncode is None, process.log_tail()
        finally:
            process.stop()


async def test_a_frozen_consumer_is_seen_from_outside_and_seen_to_go_on(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    topic, progress = await _topic(kafka), Progress(patience_s=1)
    group = f"{topic}-group"

    async def look() -> str:
        found = await group_lags(kafka, group)
        assert found is not None
        return str(progress.look(group, found, time.monotonic(), 0)["progress"])

    async def until(wanted: str) -> None:
        async with asyncio.timeout(60):
            while await look() != wanted:  # noqa: ASYNC110  # the broker sends no word of it
                await asyncio.sleep(0.2)

    await _write(kafka, topic, 1)
    process = _consumer(kafka, "none", topic, tmp_path)
    try:
        await asyncio.to_thread(process.wait_until, lambda: _took(process) == 1, 60)
        await until("idle")
        os.kill(process.pid, signal.SIGSTOP)
        await _write(kafka, topic, 3)
        await until("stuck")
        os.kill(process.pid, signal.SIGCONT)
        await until("idle")
    finally:
        process.kill()
