"""Who is put into which batch, and what happens to the others when one fails or leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from judge.batches import Batches


class Bench:
    """Batches of at most three things and 100 bytes, and what was asked."""

    def __init__(self, linger_s: float = 0.02) -> None:
        self.asked: list[list[str]] = []
        self.failing = False
        self.batches = Batches[str, str](3, 100, self.ask, linger_s)

    async def ask(self, things: Sequence[str]) -> Sequence[str]:
        self.asked.append(list(things))
        await asyncio.sleep(0.01)
        if self.failing:
            raise ValueError("no")
        return [thing.upper() for thing in things]

    async def results(self, things: str, size: int = 1, group: str = "g") -> list[str]:
        return await asyncio.gather(*(self.batches.result(thing, size, group) for thing in things))


async def test_a_full_batch_goes_at_once_and_the_rest_after_a_while() -> None:
    bench = Bench()
    assert await bench.results("abcd") == ["A", "B", "C", "D"]
    assert bench.asked == [["a", "b", "c"], ["d"]]


async def test_a_full_batch_waits_for_nobody() -> None:
    bench = Bench(linger_s=60)
    async with asyncio.timeout(5):
        assert await bench.results("abc") == ["A", "B", "C"]


async def test_what_has_no_room_begins_the_next_batch_and_the_largest_goes_alone() -> None:
    bench = Bench()
    await asyncio.gather(
        bench.batches.result("a", 60, "g"), bench.batches.result("b", 60, "g"), bench.batches.result("c", 500, "g")
    )
    assert bench.asked == [["a"], ["b"], ["c"]]


async def test_groups_do_not_meet() -> None:
    bench = Bench()
    await asyncio.gather(bench.results("ab", group="one"), bench.results("xy", group="two"))
    assert sorted(bench.asked) == [["a", "b"], ["x", "y"]]


async def test_a_failure_is_everybodys_of_that_batch() -> None:
    bench = Bench()
    bench.failing = True
    results = await asyncio.gather(*(bench.batches.result(one, 1, "g") for one in "ab"), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
    bench.failing = False
    assert await bench.results("c") == ["C"]


async def test_who_leaves_takes_nobody_along() -> None:
    bench = Bench()
    leaving, *staying = (asyncio.create_task(bench.batches.result(one, 1, "g")) for one in "abc"[:2])
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying[0] == "B"
    assert bench.asked == [["b"]]
    late, stays = (asyncio.create_task(bench.batches.result(one, 1, "g")) for one in "de")
    await asyncio.sleep(0.025)
    late.cancel()
    assert await stays == "E"


async def test_closing_ends_what_is_under_way() -> None:
    bench = Bench(linger_s=0)
    waiting = asyncio.create_task(bench.results("a"))
    await asyncio.sleep(0.005)
    await bench.batches.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
