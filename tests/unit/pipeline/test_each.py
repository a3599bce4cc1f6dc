"""What becomes of each record: done, dead-lettered, tried again, or the end of the process; and what is committed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline import each
from pipeline.deadletter import DeadLetters
from pipeline.each import MOST_HELD, Each, settle
from pipeline.errors import Invalid, Retryable
from schemas.codec import encode
from schemas.examples import load_examples
from schemas.records import Record
from tests.support.letters import redriven

P0, P1 = TopicPartition("t", 0), TopicPartition("t", 1)
VALUE = encode(load_examples()["TraceCompleted"])


class Producer:
    """Keeps what is sent; a send takes as long as the gate is closed."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def send_and_wait(self, topic: str, value: Any, key: Any, headers: Any) -> None:
        await self.gate.wait()
        self.sent.append((topic, key, value, headers))


class Handler:
    """Does what the test has put down: waits for `gates`, raises `errors` in turn."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.seen: list[Record] = []
        self.gate = asyncio.Event()

    async def __call__(self, record: Record) -> None:
        self.seen.append(record)
        if self.errors:
            raise self.errors.pop(0)
        await self.gate.wait()


def _record(offset: int, partition: TopicPartition = P0, value: bytes | None = VALUE) -> ConsumerRecord:
    return ConsumerRecord(*partition, offset, 0, 0, b"key", value, None, 3, len(value or b""), [("h", b"1")])


def _dead_letters() -> tuple[DeadLetters, Producer]:
    producer = Producer()
    return DeadLetters(producer, "group", "stage"), producer


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_is_taken_than_fits_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each, "MOST_BYTES", 2 * len(VALUE))
    handler = Handler()
    step = Each(handler, _dead_letters()[0], parallel=10)
    await step.assigned([P0])
    rooms = []
    for offset in range(3):
        await step.submit(_record(offset))
        await _turns()
        rooms.append(step.room())
    assert rooms == [9, 0, 0]
    handler.gate.set()
    await _turns()
    assert step.room() == 10


async def test_only_the_finished_prefix_of_each_partition_is_committed() -> None:
    gates = {offset: asyncio.Event() for offset in (7, 8, 9, 30)}
    waiting = iter(gates.values())

    async def handle(record: Record) -> None:
        await next(waiting).wait()

    step = Each(handle, _dead_letters()[0], parallel=4)
    await step.assigned([P0, P1])
    for record in (_record(7), _record(8), _record(9), _record(30, P1)):
        await step.submit(record)
        await _turns()
    assert step.room() == 0
    gates[8].set()
    gates[30].set()
    await _turns()
    assert await step.poll() == {P1: (31, "")}
    assert step.room() == 2
    gates[7].set()
    await _turns()
    assert await step.poll() == {P0: (9, "")}
    assert await step.poll() == {}
    await step.close()


async def test_what_waits_behind_an_unfinished_record_is_bounded() -> None:
    stuck = asyncio.Event()
    first = iter([stuck])

    async def handle(record: Record) -> None:
        if gate := next(first, None):
            await gate.wait()

    step = Each(handle, _dead_letters()[0], parallel=2)
    await step.assigned([P0])
    for offset in range(MOST_HELD):
        assert step.room() > 0
        await step.submit(_record(offset))
        await _turns()
    assert step.room() == 0
    stuck.set()
    await _turns()
    assert await step.poll() == {P0: (MOST_HELD, "")}
    assert step.room() == 2


async def test_a_fatal_error_stops_the_process_even_behind_an_unfinished_record() -> None:
    handler = Handler()
    step = Each(handler, _dead_letters()[0], parallel=2)
    await step.assigned([P0])
    await step.submit(_record(1))
    await _turns()
    handler.errors = [ZeroDivisionError("bug")]
    await step.submit(_record(2))
    await _turns()
    with pytest.raises(ZeroDivisionError):
        await step.poll()
    await step.close()


@pytest.mark.parametrize("end", ["revoked", "closed"])
async def test_work_on_partitions_that_are_gone_is_cancelled_and_never_committed(end: str) -> None:
    cancelled = []

    async def handle(record: Record) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(record)
            raise

    step = Each(handle, _dead_letters()[0], parallel=2)
    await step.assigned([P0])
    await step.submit(_record(1))
    await _turns()
    await (step.revoked([P0]) if end == "revoked" else step.close())
    assert len(cancelled) == 1
    assert await step.poll() == {}
    assert step.room() == 2


@pytest.mark.parametrize(("error", "value"), [(Invalid("no such thing"), VALUE), (None, b"junk"), (None, None)])
async def test_an_invalid_record_is_a_dead_letter_before_it_is_done(error: Exception | None, value: Any) -> None:
    dead_letters, producer = _dead_letters()
    producer.gate.clear()
    step = Each(Handler(*[error] if error else []), dead_letters, parallel=1)
    await step.assigned([P0])
    await step.submit(_record(5, value=value))
    await _turns()
    assert await step.poll() == {}, "the offset moves only when the log has the dead letter"
    producer.gate.set()
    await _turns()
    assert await step.poll() == {P0: (6, "")}
    ((topic, key, sent, headers),) = producer.sent
    assert (topic, key, sent) == ("t.dlq", b"key", value)
    added = dict(headers)
    assert added["h"] == b"1"
    assert (added["dlq-topic"], added["dlq-partition"], added["dlq-offset"]) == (b"t", b"0", b"5")
    assert (added["dlq-group"], added["dlq-stage"]) == (b"group", b"stage")
    assert added["dlq-error"] == (b"Invalid" if error else b"UndecodableRecord")
    assert added["dlq-reason"]


async def test_a_record_that_was_redriven_for_another_group_is_passed_over() -> None:
    handler, (dead_letters, _) = Handler(), _dead_letters()
    handler.gate.set()
    await settle(handler, redriven(_record(1), "somebody", 5), dead_letters)
    assert handler.seen == []
    await settle(handler, redriven(_record(1), dead_letters.group, 5), dead_letters)
    assert len(handler.seen) == 1


async def test_a_retryable_error_is_tried_again_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    dead_letters, producer = _dead_letters()
    handler = Handler(*[Retryable("away")] * 10)
    handler.gate.set()
    await settle(handler, _record(1), dead_letters)
    assert len(handler.seen) == 11
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    assert not producer.sent
    assert dead_letters.cap.seen == 1
