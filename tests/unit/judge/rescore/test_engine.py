"""The engine counts in the plan's order whatever ends first, and its checkpoint never covers what is not acknowledged.

Everything outside is simulated: a log that acknowledges, a judge that takes its time, a lease that may be lost.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from judge.budget import BudgetReached
from judge.rescore import engine as engine_module
from judge.rescore.checkpoint import Acknowledged, Checkpoint, Known
from judge.rescore.engine import Engine
from judge.rescore.scoring import Made
from judge.rescore.tally import Tally
from pipeline.errors import Retryable
from pipeline.segments import Entry

START = Checkpoint()
ONE = Tally(scored=1, overall_milli=3000)


@dataclass(frozen=True)
class Placed:
    topic_partition: TopicPartition
    offset: int


@dataclass
class FakeLog:
    """Acknowledges what is sent to it, after a while, in the order of its partition."""

    records: list[list[str]] = field(default_factory=lambda: [[], []])

    async def send(self, _topic: str, _value: bytes, key: bytes) -> Any:
        partition = key[-1] % 2
        self.records[partition].append(key.decode())
        place = Placed(TopicPartition("rescores", partition), len(self.records[partition]) - 1)
        return asyncio.create_task(self._later(place))

    async def _later(self, place: Placed) -> Placed:
        await asyncio.sleep(0)
        return place


@dataclass
class FakeLease:
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    async def hold(self) -> None:
        await asyncio.sleep(0)


@dataclass
class FakeScoring:
    """Takes a random number of turns for each unit; `until` counts down to an event of the test's own."""

    chance: random.Random
    units: int = 4
    together: int = 3
    asked: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    stop_after: int = 10**9
    lease: FakeLease = field(default_factory=FakeLease)

    async def score(self, values: Sequence[bytes]) -> list[Made]:
        for _ in range(self.chance.randrange(5)):
            await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop()
        self.asked += [value.decode() for value in values]
        if len(self.asked) >= self.stop_after:
            self.lease.stop.set()
        return [Made(value.decode(), b"result", ONE) for value in values]


def trace(number: int) -> str:
    return f"trace-{number:032x}"


async def entries(first: int, count: int, gone: frozenset[int] = frozenset()) -> AsyncGenerator[Entry | None]:
    for number in range(first, count):
        name = trace(number).encode()
        yield None if number in gone else Entry(number, 0, name, name)


def engine(scoring: FakeScoring, log: FakeLog, checkpoint: Checkpoint = START, **other: Any) -> Engine:
    saved: list[Checkpoint] = other.pop("saved", [])

    async def save(made: Checkpoint) -> None:
        saved.append(made)

    given: dict[str, Any] = {"cache": None, "done": {}, "show": lambda *_: None, **other}
    return Engine(scoring=scoring, producer=log, lease=scoring.lease, save=save, checkpoint=checkpoint, **given)  # type: ignore[arg-type]  # stand-ins


@pytest.mark.parametrize("seed", range(5))
async def test_everything_is_scored_once_and_counted(seed: int) -> None:
    scoring, log = FakeScoring(random.Random(seed)), FakeLog()
    made = engine(scoring, log)
    assert await made.over(entries(0, 100, gone=frozenset({7, 50})))
    assert sorted(scoring.asked) == [trace(number) for number in range(100) if number not in (7, 50)]
    assert sorted(chain(*log.records)) == sorted(scoring.asked)
    assert made.checkpoint.position == 100
    assert made.checkpoint.tally == Tally(scored=98, gone=2, overall_milli=98 * 3000)


@pytest.mark.parametrize("seed", range(20))
async def test_a_run_that_is_cut_short_anywhere_goes_on_without_asking_or_writing_twice(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last checkpoint and what the log has after it are all that the next process knows."""
    monkeypatch.setattr(engine_module, "CHECKPOINT_S", -1.0)  # one after each unit
    chance, log, asked = random.Random(seed), FakeLog(), 0
    checkpoint = Checkpoint(after={0: 0, 1: 0})
    for _ in range(30):
        scoring = FakeScoring(chance, stop_after=chance.randrange(1, 25))
        saved: list[Checkpoint] = []
        done = {
            name: Known(ONE, partition, offset)
            for partition, names in enumerate(log.records)
            for offset, name in enumerate(names)
            if offset >= checkpoint.after.get(partition, 0)
        }
        made = engine(scoring, log, checkpoint, done=done, saved=saved)
        whole = await made.over(entries(checkpoint.position, 100))
        asked += len(scoring.asked)
        if whole:
            break
        # Killed: any checkpoint that was saved, or the one before, is the last one.
        checkpoint = chance.choice([checkpoint, *saved])
    assert whole
    assert made.checkpoint.position == made.checkpoint.tally.scored == 100
    assert asked == 100
    assert sorted(chain(*log.records)) == [trace(number) for number in range(100)]


async def test_what_passes_is_tried_again_and_what_does_not_ends_the_work() -> None:
    scoring, log = FakeScoring(random.Random(1), failures=[Retryable("away")]), FakeLog()
    assert await engine(scoring, log).over(entries(0, 10))
    assert len(scoring.asked) == 10
    scoring.failures = [BudgetReached("the budget is spent")]
    made = engine(scoring, log)
    with pytest.raises(BudgetReached):
        await made.over(entries(0, 30))
    assert made.checkpoint.position < 30


async def test_a_lost_lease_writes_no_checkpoint() -> None:
    scoring, saved = FakeScoring(random.Random(1), stop_after=5), list[Checkpoint]()
    scoring.lease.lost = True
    assert not await engine(scoring, FakeLog(), saved=saved).over(entries(0, 100))
    assert saved == []


def test_results_that_may_lie_beyond_a_checkpoint_are_looked_for_from_the_first_of_them() -> None:
    held = Acknowledged({0: 10, 1: 20}, {"a": Known(ONE, 1, 21)})
    held.add(1, TopicPartition("rescores", 0), 14)
    held.add(2, TopicPartition("rescores", 0), 12)
    held.add(2, TopicPartition("rescores", 1), 25)
    assert held.after() == {0: 12, 1: 21}
    held.retire(2, ())
    assert held.after() == {0: 14, 1: 21}
    held.retire(1, ("a",))
    assert held.after() == {0: 15, 1: 26}
