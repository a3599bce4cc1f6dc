"""Gathers what is asked for at about the same time into batches. What comes later waits in the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

LINGER_S = 0.5
"""How long the first of a batch waits for others; nobody waits for a score that closely."""
Thing = TypeVar("Thing")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Waiting(Generic[Thing, Result]):
    """Something of a size, and who waits for its result."""

    thing: Thing
    size: int
    result: "asyncio.Future[Result]"


class Batches(Generic[Thing, Result]):
    """Batches of at most `most` things and, unless a single one is larger, at most `room` bytes.

    Things of different `group` never meet. `ask` gives a result for each thing, or raises for all of them. Whoever
    stops waiting leaves the others alone.
    """

    def __init__(
        self, most: int, room: int, ask: Callable[[Sequence[Thing]], Awaitable[Sequence[Result]]], linger_s: float
    ) -> None:
        self._most, self._room, self._ask, self._linger_s = most, room, ask, linger_s
        self._open: dict[str, list[Waiting[Thing, Result]]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def result(self, thing: Thing, size: int, group: str) -> Result:
        """What `ask` says about the thing, in a batch with others of its group."""
        waiting = Waiting[Thing, Result](thing, size, asyncio.get_running_loop().create_future())
        if sum(one.size for one in self._open.get(group, [])) + size > self._room:
            self._send(group)
        batch = self._open.setdefault(group, [])
        batch.append(waiting)
        if len(batch) >= self._most:
            self._send(group)
        elif len(batch) == 1:
            asyncio.get_running_loop().call_later(self._linger_s, self._late, group, batch)
        return await waiting.result

    async def close(self) -> None:
        """End what is under way; whoever waits is cancelled."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _late(self, group: str, batch: list[Waiting[Thing, Result]]) -> None:
        if self._open.get(group) is batch:
            self._send(group)

    def _send(self, group: str) -> None:
        batch = [one for one in self._open.pop(group, []) if not one.result.done()]
        if batch:
            task = asyncio.create_task(self._settle(batch))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _settle(self, batch: Sequence[Waiting[Thing, Result]]) -> None:
        try:
            results = await self._ask([one.thing for one in batch])
        except asyncio.CancelledError:
            for one in batch:
                one.result.cancel()
            raise
        except Exception as error:
            for one in batch:
                if not one.result.done():
                    one.result.set_exception(error)
        else:
            for one, result in zip(batch, results, strict=True):
                if not one.result.done():
                    one.result.set_result(result)
