"""Projects take turns: one with many traces does not hold up one with a single trace."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.turns import Turns


class Course:
    """Asks for turns and notes the order in which they are given; a turn lasts until it is ended."""

    def __init__(self, at_once: int) -> None:
        self.turns = Turns(at_once)
        self.given: list[str] = []
        self.running: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def _take(self, name: str) -> None:
        async with self.turns.turn(name[0]):
            self.given.append(name)
            self.running[name] = asyncio.Event()
            await self.running[name].wait()

    async def ask(self, *names: str) -> None:
        """Ask for a turn each; the first letter of a name is its project."""
        for name in names:
            self.tasks[name] = asyncio.create_task(self._take(name))
            await settled()

    async def end(self, name: str) -> None:
        self.running.pop(name).set()
        await settled()

    async def end_all(self) -> None:
        while self.running:
            await self.end(next(iter(self.running)))


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_a_single_trace_waits_for_the_running_ones_only() -> None:
    course = Course(at_once=2)
    await course.ask(*(f"a{number}" for number in range(1000)), "b0", "c0")
    assert course.given == ["a0", "a1"]
    for name in ("a0", "a1", "a2"):
        await course.end(name)
    assert course.given[2:] == ["a2", "b0", "c0"]
    await course.end_all()
    assert [name for name in course.given if name[0] == "a"] == [f"a{number}" for number in range(1000)]


async def test_who_gives_up_waiting_costs_nobody_a_turn() -> None:
    course = Course(at_once=1)
    await course.ask("a0", "a1", "b0", "a2", "b1")
    for name in ("b0", "a1"):
        course.tasks[name].cancel()
    await settled()
    await course.end_all()
    assert course.given == ["a0", "a2", "b1"]
    await course.ask("c0")
    assert course.given[-1] == "c0"


async def test_a_turn_that_fails_or_is_cancelled_is_free_again() -> None:
    turns = Turns(1)
    for failure in (ValueError, asyncio.CancelledError):
        with pytest.raises(failure):
            async with turns.turn("a"):
                raise failure
    async with asyncio.timeout(1), turns.turn("b"):
        pass


async def test_a_turn_that_is_given_to_a_task_cancelled_meanwhile_goes_on() -> None:
    course = Course(at_once=1)
    await course.ask("a0", "b0", "c0")
    course.running["a0"].set()
    await asyncio.sleep(0)  # a0 ends and b0 is given its turn, but has not woken up yet
    course.tasks["b0"].cancel()
    await settled()
    assert course.given[-1] == "c0"
    await course.end_all()


@given(asked=st.lists(st.sampled_from("abc"), max_size=30), at_once=st.integers(1, 4))
def test_everybody_gets_a_turn_and_no_project_two_while_another_waits(asked: list[str], at_once: int) -> None:
    async def play() -> list[str]:
        course = Course(at_once)
        await course.ask(*(f"{project}{number}" for number, project in enumerate(asked)))
        await course.end_all()
        return course.given

    given_turns = asyncio.run(play())
    assert sorted(given_turns) == sorted(f"{project}{number}" for number, project in enumerate(asked))
    later = given_turns[at_once:]
    for number, (name, following) in enumerate(pairwise(later)):
        if name[0] == following[0]:
            assert {other[0] for other in later[number + 1 :]} == {name[0]}
