"""The consumer loop on a real broker: nothing is lost, nothing is committed early, membership is kept."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.consumer import Commits, Step, consume
from pipeline.deadletter import IN_A_ROW, DeadLetters, TooManyDeadLetters
from pipeline.each import Each
from pipeline.errors import Invalid, Unreachable
from pipeline.kafka import admin, make_consumer, make_producer, start
from pipeline.settings import KafkaSettings
from schemas.codec import encode
from schemas.examples import load_examples
from schemas.records import Record
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running
from tests.support.stack import kafka_command

pytestmark = pytest.mark.integration
PARTITIONS = 2


@pytest.fixture
def kafka(kafka_bootstrap: str) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap=kafka_bootstrap)


@pytest.fixture
async def topic(kafka: KafkaSettings) -> str:
    """A new topic of two partitions, with its dead-letter topic."""
    name = f"loop-{uuid.uuid4().hex[:12]}"
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(name, PARTITIONS, 1), NewTopic(f"{name}.dlq", PARTITIONS, 1)])
    return name


@pytest.fixture
async def producer(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    client = make_producer(kafka)
    await start(client)
    yield client
    await client.stop()


def _value(number: int) -> bytes:
    example: Any = load_examples()["TraceCompleted"]
    return encode(replace(example, event_count=number))


def _number(record: Record) -> int:
    number = getattr(record, "event_count", None)
    assert number is not None
    return int(number)


async def _fill(producer: AIOKafkaProducer, topic: str, numbers: Iterable[int]) -> None:
    sends = [await producer.send(topic, _value(n), partition=n % PARTITIONS) for n in numbers]
    await asyncio.gather(*sends)


async def _until(true: Callable[[], bool], timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():  # noqa: ASYNC110  # what is waited for is outside of this process
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _consuming(
    kafka: KafkaSettings, topic: str, step: Step, group: str = "group"
) -> AsyncIterator[asyncio.Task[None]]:
    """The loop in a task of its own, stopped in order at the end. A topic of its own makes the group its own."""
    stop = asyncio.Event()
    loop = asyncio.create_task(consume(make_consumer(kafka, group=f"{topic}-group"), [topic], step, stop))
    try:
        yield loop
    finally:
        stop.set()
        await asyncio.wait((loop,))


async def _until_committed(kafka: KafkaSettings, topic: str, expected: list[int]) -> None:
    committed: list[int] = []
    async with admin(kafka) as client, asyncio.timeout(20):
        while committed != expected:
            offsets = await client.list_consumer_group_offsets(f"{topic}-group")
            committed = [
                offsets[tp].offset if tp in offsets else 0 for tp in map(partial(TopicPartition, topic), (0, 1))
            ]
            await asyncio.sleep(0.05)


def _each(producer: AIOKafkaProducer, handle: Callable[[Record], Awaitable[None]], parallel: int = 4) -> Each:
    return Each(handle, DeadLetters(producer, "group", "stage"), parallel)


async def test_everything_is_handled_once_in_order_of_partition_and_committed(
    kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    seen: list[int] = []

    async def handle(record: Record) -> None:
        seen.append(_number(record))

    await _fill(producer, topic, range(500))
    async with _consuming(kafka, topic, _each(producer, handle)):
        await _until(lambda: len(seen) == 500)
        await _until_committed(kafka, topic, [250, 250])
    assert sorted(seen) == list(range(500))
    for partition in range(PARTITIONS):
        of_partition = [n for n in seen if n % PARTITIONS == partition]
        assert of_partition == sorted(of_partition)


async def test_a_reader_that_refuses_everything_stops_before_the_topic_is_in_its_dead_letters(
    kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    async def refuse(_record: Record) -> None:
        raise Invalid("nothing is good enough for this release")

    await _fill(producer, topic, range(IN_A_ROW + 500))
    async with _consuming(kafka, topic, _each(producer, refuse, parallel=50)) as loop:
        with pytest.raises(TooManyDeadLetters):
            await asyncio.wait_for(loop, 60)
    consumer = make_consumer(kafka)
    await consumer.start()
    letters = [TopicPartition(f"{topic}.dlq", number) for number in range(PARTITIONS)]
    written = sum((await consumer.end_offsets(letters)).values())
    await consumer.stop()
    assert IN_A_ROW - 50 <= written <= IN_A_ROW


async def test_a_slow_step_keeps_its_membership_and_is_not_given_more(
    kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    """Longer than the session timeout, with no room for a second record meanwhile."""
    seen: list[int] = []
    step = _each(producer, handle := _Slow(seen), parallel=1)
    consumer = make_consumer(kafka, group=f"{topic}-group")
    consumer._session_timeout_ms = 6_000  # the least that the broker allows, to save time
    stop = asyncio.Event()
    await _fill(producer, topic, range(4))
    loop = asyncio.create_task(consume(consumer, [topic], step, stop))
    await _until(lambda: len(seen) == 1)
    await asyncio.sleep(7)
    assert len(seen) == 1
    handle.gate.set()
    await _until(lambda: len(seen) == 4)
    assert sorted(seen) == [0, 1, 2, 3], "a lost membership would have handed records over again"
    stop.set()
    await loop


class _Slow:
    def __init__(self, seen: list[int]) -> None:
        self.gate, self._seen = asyncio.Event(), seen

    async def __call__(self, record: Record) -> None:
        self._seen.append(_number(record))
        await self.gate.wait()


@pytest.mark.parametrize("end", ["stopped", "killed"])
async def test_a_restart_hands_over_what_was_not_committed_and_nothing_else(
    kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer, end: str
) -> None:
    first: list[int] = []
    second: list[int] = []

    async def until_ten(record: Record) -> None:
        first.append(_number(record))
        if _number(record) >= 10:
            await asyncio.sleep(600)

    async def rest(record: Record) -> None:
        second.append(_number(record))

    await _fill(producer, topic, range(20))
    async with _consuming(kafka, topic, _each(producer, until_ten, parallel=20)) as loop:
        await _until(lambda: set(range(10)) < set(first))
        await _until_committed(kafka, topic, [5, 5])
        if end == "killed":
            loop.cancel()
    async with _consuming(kafka, topic, _each(producer, rest)):
        await _until(lambda: len(second) >= 10)
    assert sorted(second) == list(range(10, 20))


async def test_a_dead_letter_is_in_the_log_with_its_origin_before_the_offset_moves(
    kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    seen: list[int] = []

    async def handle(record: Record) -> None:
        if _number(record) == 2:
            raise Invalid("two is bad")
        seen.append(_number(record))

    await _fill(producer, topic, [0, 2, 4])
    await producer.send_and_wait(topic, b"junk", key=b"k", partition=0, headers=[("mine", b"kept")])
    async with _consuming(kafka, topic, _each(producer, handle)):
        await _until_committed(kafka, topic, [4, 0])
    letters = await _read(kafka, f"{topic}.dlq", 2)
    invalid, undecodable = sorted(letters, key=lambda letter: dict(letter.headers)["dlq-offset"])
    assert seen == [0, 4]
    assert (invalid.value, dict(invalid.headers)["dlq-reason"]) == (_value(2), b"two is bad")
    assert (undecodable.key, undecodable.value) == (b"k", b"junk")
    assert dict(undecodable.headers) | {"dlq-reason": b""} == {
        "mine": b"kept",
        "dlq-topic": topic.encode(),
        "dlq-partition": b"0",
        "dlq-offset": b"3",
        "dlq-group": b"group",
        "dlq-stage": b"stage",
        "dlq-error": b"UndecodableRecord",
        "dlq-reason": b"",
    }


async def _read(kafka: KafkaSettings, topic: str, count: int) -> list[ConsumerRecord]:
    consumer = make_consumer(kafka, topic)
    await start(consumer)
    try:
        async with asyncio.timeout(20):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def test_a_rebalance_loses_nothing(kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer) -> None:
    by_one: list[int] = []
    by_two: list[int] = []

    def handler(seen: list[int]) -> Callable[[Record], Awaitable[None]]:
        async def handle(record: Record) -> None:
            await asyncio.sleep(0.01)
            seen.append(_number(record))

        return handle

    await _fill(producer, topic, range(400))
    async with _consuming(kafka, topic, _each(producer, handler(by_one))):
        await _until(lambda: len(by_one) > 20)
        async with _consuming(kafka, topic, _each(producer, handler(by_two))):
            await _until(lambda: len(by_two) > 20 and set(by_one) | set(by_two) == set(range(400)))
        await _fill(producer, topic, range(400, 440))
        await _until(lambda: set(range(400, 440)) <= set(by_one))
        await _until_committed(kafka, topic, [220, 220])


class _Recording:
    """A step that notes what is called, and fails where the test says."""

    def __init__(self, fails_in: str = "") -> None:
        self.fails_in, self.inside = fails_in, False
        self.calls: list[str] = []
        self.overlaps: list[str] = []

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.inside:
            self.overlaps.append(name)
        self.inside = True
        await asyncio.sleep(0.1)
        self.inside = False
        if name == self.fails_in:
            raise RuntimeError(name)

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        await self._call("assigned")

    async def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        await self._call("revoked")

    def room(self) -> int:
        return max(0, 4 - self.calls.count("submit"))

    async def submit(self, record: ConsumerRecord) -> None:
        await self._call("submit")

    async def poll(self) -> Commits:
        await self._call("poll")
        return {}

    async def close(self) -> None:
        self.calls.append("close")


@pytest.mark.parametrize("method", ["assigned", "revoked", "submit", "poll"])
async def test_an_error_of_the_step_ends_the_loop_wherever_it_is_raised(
    kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer, method: str
) -> None:
    """aiokafka itself only logs what a rebalance listener raises."""
    await _fill(producer, topic, range(4))
    step = _Recording(method)
    async with _consuming(kafka, topic, step) as loop:
        with pytest.raises(RuntimeError, match=method):
            await asyncio.wait_for(asyncio.shield(loop), 20)
    assert step.calls[-1] == "close"
    assert method in ("submit", "poll") or "submit" not in step.calls


async def test_no_method_of_a_step_runs_beside_another(
    kafka: KafkaSettings, topic: str, producer: AIOKafkaProducer
) -> None:
    """Without room the step is polled nearly all the time: a rebalance falls into it."""
    await _fill(producer, topic, range(4))
    step = _Recording()
    async with _consuming(kafka, topic, step):
        await _until(lambda: step.calls.count("submit") == 4)
        async with _consuming(kafka, topic, other := _Recording()):
            await _until(lambda: "assigned" in other.calls and step.calls.count("assigned") == 2)
    assert step.overlaps == []
    assert step.calls.index("assigned") < step.calls.index("submit")


async def test_an_absent_broker_ends_in_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.kafka.START_PAUSES_S", (0.1, 0.1))
    nowhere = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(Unreachable, match="KAFKA_BOOTSTRAP"):
        await consume(make_consumer(nowhere, group="g"), ["t"], _Recording(), asyncio.Event())


async def _seconds_to_stop(stop: asyncio.Event, loop: asyncio.Task[None]) -> float:
    stop.set()
    before = time.monotonic()
    await loop
    return time.monotonic() - before


async def test_stopping_while_waiting_for_a_broker_is_prompt() -> None:
    nowhere = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{free_port()}")
    stop = asyncio.Event()
    loop = asyncio.create_task(consume(make_consumer(nowhere, group="g"), ["t"], _Recording(), stop))
    await asyncio.sleep(0.2)
    assert await _seconds_to_stop(stop, loop) < 1


@pytest.mark.usefixtures("kafka_bootstrap")  # skips where no broker can run
async def test_the_loop_outlives_its_broker_and_can_be_stopped_without_it(tmp_path: Path) -> None:
    port, seen, stop = free_port(), list[int](), asyncio.Event()
    kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")

    async def handle(record: Record) -> None:
        seen.append(_number(record))

    with _broker(port, tmp_path) as broker:
        async with admin(kafka) as client:
            await client.create_topics([NewTopic("t", PARTITIONS, 1)])
        producer = make_producer(kafka)
        await start(producer)
        await _fill(producer, "t", range(4))
        loop = asyncio.create_task(consume(make_consumer(kafka, group="t-group"), ["t"], _each(producer, handle), stop))
        await _until(lambda: len(seen) == 4)
        broker.kill()
    with _broker(port, tmp_path) as broker:
        await _fill(producer, "t", range(4, 8))
        await _until(lambda: set(seen) == set(range(8)))
        await producer.stop()
        broker.kill()
        assert await _seconds_to_stop(stop, loop) < 15


def _broker(port: int, folder: Path) -> AbstractContextManager[Process]:
    return running(kafka_command(port, folder), folder / "log.txt", lambda: accepts_connections(port))
