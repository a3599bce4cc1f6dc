"""Crashes at every await between reading and committing: after healing nothing is lost, doubled or broken.

A failing run is replayed by its seed and its crash points, which its name gives.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator

import pytest
import structlog

import streams.assembly
import streams.marks
from pipeline.document import open_document
from schemas.codec import decode, encode
from schemas.records import EventsAppended, TraceAssembled, TraceCompleted, TraceExpired
from tests.support.traces import EVENTS_PER_CHUNK, trace_id
from tests.unit.streams.memory import MemoryLog, run
from tests.unit.streams.simulation import PARTITIONS, TRACES, Simulation, World, chunks_of

QUICK, SLOW = range(9), range(9, 100)
_found_good: set[tuple[object, ...]] = set()


@pytest.fixture(autouse=True)
def _many_marks_and_no_words(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(streams.marks, "SPACING", 2)
    monkeypatch.setattr(streams.assembly, "CLOSED_KEPT", 1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


async def play(seed: int, *crashes: int) -> None:
    """Play this seed with these crashes and look at what is left of the world."""
    simulation = Simulation(seed, crashes)
    world = await simulation.play()
    name = f"Simulation({seed}, {crashes})"
    assert bool(simulation.crashes) == bool(crashes), f"{name} does not reach its crash points"
    visible = _visible(world, name)
    # Most crashes end in a world that was looked at before.
    state = (*(r.value for log in world.logs for r in log.records), *sorted(map(encode, visible.values())))
    if (state, frozenset(world.letters)) in _found_good:
        return
    for log in world.logs:
        await _equals_one_straight_reading(world, log, visible, name)
    for number in range(TRACES):
        await _holds_everything(world, number, visible, name)
    _found_good.add((state, frozenset(world.letters)))


def _visible(world: World, name: str) -> dict[tuple[str, int], TraceAssembled]:
    """What a reader that deduplicates by (trace, revision) sees; repeats have to be the same bytes."""
    seen: dict[tuple[str, int], TraceAssembled] = {}
    for revision in world.revisions:
        first = seen.setdefault((revision.trace_id, revision.revision), revision)
        assert encode(revision) == encode(first), name
    return seen


async def _equals_one_straight_reading(
    world: World, log: MemoryLog, visible: dict[tuple[str, int], TraceAssembled], name: str
) -> None:
    records = [record.value if record.key == b"poison" else decode(record.value) for record in log.records]
    straight = await run(MemoryLog(records, log.partition), inline_limit=world.inline_limit)
    mine = {encode(revision) for revision in visible.values() if _partition_of(revision) == log.partition}
    assert mine == {encode(revision) for revision in straight.revisions}, name
    letters = {at for partition, at in world.letters if partition == log.partition}
    assert letters == {at for at, _ in straight.letters}, name


def _partition_of(revision: TraceAssembled) -> int:
    return int(revision.trace_id.removeprefix("trace-"), 16) % PARTITIONS


async def _holds_everything(
    world: World, number: int, visible: dict[tuple[str, int], TraceAssembled], name: str
) -> None:
    """Every acknowledged event is in the newest revision once, and the chain of a trace is whole."""
    records = [decode(r.value) for r in world.logs[number % PARTITIONS].records if r.key == trace_id(number).encode()]
    numbers = sorted(revision for trace, revision in visible if trace == trace_id(number))
    assert numbers == list(range(1, len(numbers) + 1)), name
    if not any(isinstance(record, TraceCompleted | TraceExpired) for record in records):
        assert numbers == [], name
        return
    newest = visible[trace_id(number), numbers[-1]]
    document = await open_document(newest, world.shelf)
    sent = {event for record in records if isinstance(record, EventsAppended) for event in record.events}
    assert [event["id"] for event in document["events"]] == [f"e{i}" for i in range(len(sent))], name
    assert len(sent) == chunks_of(number) * EVENTS_PER_CHUNK, name
    assert newest.intact, name
    assert {finding.kind for finding in newest.findings} <= {"duplicate"}, name
    assert newest.complete == any(isinstance(record, TraceCompleted) for record in records), name


async def _points(seed: int) -> int:
    simulation = Simulation(seed)
    await simulation.play()
    return simulation.points.passed


@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in SLOW)])
async def test_a_crash_at_any_point_loses_and_doubles_nothing(seed: int) -> None:
    await play(seed)
    for point in range(1, await _points(seed) + 1):
        await play(seed, point)


@pytest.mark.parametrize(
    "seed", [*range(100, 110), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(110, 140))]
)
async def test_neither_do_several_crashes_in_one_life(seed: int) -> None:
    chance, points = random.Random(seed), await _points(seed)
    for _ in range(30):
        # The first one is reached in any case; of the others there may be fewer after it.
        await play(seed, *sorted(chance.sample(range(1, points + 1), 3)))


async def test_there_are_enough_points() -> None:
    assert sum([await _points(seed) for seed in QUICK]) >= 900
