"""The work of a run: records in the plan's order, several units at once, results acknowledged before they count.

Units may end in any order; they count in the plan's. So one number says how far the run is, and a crash costs at most
what was under way.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeVar

from aiokafka import AIOKafkaProducer

from judge.budget import BudgetReached
from judge.rescore.cache import Cache
from judge.rescore.checkpoint import Acknowledged, Checkpoint, Known
from judge.rescore.lease import Lease
from judge.rescore.scoring import TOGETHER_BYTES, Made, Scoring, trace_in
from judge.rescore.tally import GONE, NOTHING, Tally
from pipeline.each import FIRST_PAUSE_S, LONGEST_PAUSE_S
from pipeline.errors import Invalid, Retryable
from pipeline.segments import Entry
from pipeline.telemetry import logger
from schemas.topics import RESCORES

CHECKPOINT_S = 1.0
LOOKED_UP_TOGETHER = 200
AHEAD = 4
"""Units that wait for a turn, for each that is worked on: a slow one does not hold up those behind it."""
log = logger(__name__)
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Held(Exception):
    """The run is held: this unit was not begun."""


@dataclass(slots=True)
class Unit:
    """Some places of the plan. `values` are to be scored, `made` is known already, `done` was written before."""

    number: int
    places: int = 0
    size: int = 0
    values: list[bytes] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    tally: Tally = NOTHING


@dataclass(slots=True, kw_only=True)
class Engine:
    """One run at work. `done`: what it has results of beyond its checkpoint; `show` hears of every advance."""

    scoring: Scoring
    cache: Cache | None
    producer: AIOKafkaProducer
    lease: Lease
    save: Callable[[Checkpoint], Awaitable[None]]
    show: Callable[[int, Tally], None]
    done: Mapping[str, Known]
    checkpoint: Checkpoint
    faults: list[str] = field(default_factory=list)
    _room: asyncio.Semaphore = field(init=False)
    _acknowledged: Acknowledged = field(init=False)
    _window: deque[tuple[Unit, asyncio.Task[None]]] = field(init=False, default_factory=deque)
    _saved_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._room = asyncio.Semaphore(self.scoring.units)
        self._acknowledged = Acknowledged(self.checkpoint.after, self.done)

    async def over(self, entries: AsyncGenerator[Entry | None]) -> bool:
        """Score what stands at the places after the checkpoint; whether all of it is done, and not held.

        Raises BudgetReached, Refused, Taken and what servers raise; what is acknowledged by then is in the checkpoint.
        """
        try:
            async with aclosing(entries), aclosing(self._units(entries)) as units:
                async for unit in units:
                    self._window.append((unit, asyncio.create_task(self._work(unit))))
                    await self._advance(AHEAD * self.scoring.units)
                    if self.lease.stop.is_set():
                        break
            await self._advance(0)
        except Held:
            return False
        finally:
            await self._close()
        return not self.lease.stop.is_set()

    def drop(self) -> None:
        """Give up what is under way."""
        for _, task in self._window:
            task.cancel()

    async def _units(self, entries: AsyncIterator[Entry | None]) -> AsyncGenerator[Unit]:
        number = 0
        async for some in _grouped(entries, LOOKED_UP_TOGETHER if self.cache else self.scoring.together):
            hits = await self._hits(some)
            unit = Unit(number)
            for entry in some:
                self._put(unit, entry, hits)
                if len(unit.values) >= self.scoring.together or unit.size >= TOGETHER_BYTES:
                    yield unit
                    number += 1
                    unit = Unit(number)
            if unit.places:
                yield unit
                number += 1

    def _put(self, unit: Unit, entry: Entry | None, hits: Mapping[str, Made]) -> None:
        unit.places += 1
        if entry is None or entry.erased or entry.value is None:
            unit.tally += GONE
        elif (before := self.done.get(entry.trace_id)) is not None:
            unit.tally += before.tally
            unit.done.append(entry.trace_id)
        elif hit := hits.get(entry.trace_id):
            unit.made.append(hit)
        else:
            unit.values.append(entry.value)
            unit.size += len(entry.value)

    async def _hits(self, entries: Sequence[Entry | None]) -> Mapping[str, Made]:
        if self.cache is None:
            return {}
        traces = []
        for entry in entries:
            if entry and not entry.erased and entry.trace_id not in self.done:
                try:
                    traces.append(trace_in(entry.value))
                except Invalid:
                    continue  # the judge says so
        return await self._patiently(self.cache.hits, traces)

    async def _work(self, unit: Unit) -> None:
        async with self._room:
            if self.lease.stop.is_set():
                raise Held
            made = unit.made + (await self._patiently(self.scoring.score, unit.values) if unit.values else [])
            await self._send(unit, [one for one in made if one.value is not None])
        for one in made:
            unit.tally += one.tally
            if one.fault:
                self.faults.append(f"{one.trace_id}: {one.fault}")

    async def _patiently(self, work: Callable[[Sequence[Asked]], Awaitable[Answer]], values: Sequence[Asked]) -> Answer:
        """Do it, however long what it needs is away. Raises Held where the run is held meanwhile."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await work(values)
            except BudgetReached:
                raise
            except Retryable as error:
                log.warning("will try again", pause_s=pause_s, reason=str(error))
            try:
                await asyncio.wait_for(self.lease.stop.wait(), pause_s)
                raise Held
            except TimeoutError:
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _send(self, unit: Unit, made: Sequence[Made]) -> None:
        if not made:
            return
        await self.lease.hold()
        sent = [await self.producer.send(RESCORES.name, one.value, key=one.trace_id.encode()) for one in made]
        for placed in await asyncio.gather(*sent):
            self._acknowledged.add(unit.number, placed.topic_partition, placed.offset)

    async def _advance(self, most: int) -> None:
        """Wait until at most so many units are ahead of what is done; count what is."""
        while self._window and (len(self._window) > most or self._window[0][1].done()):
            _, task = self._window[0]
            await asyncio.wait((task,))
            if task.cancelled():
                raise Held
            task.result()
            self._count(self._window.popleft()[0])
            if time.monotonic() - self._saved_s > CHECKPOINT_S:
                await self._save()

    def _count(self, unit: Unit) -> None:
        self._acknowledged.retire(unit.number, unit.done)
        before = self.checkpoint
        self.checkpoint = replace(before, position=before.position + unit.places, tally=before.tally + unit.tally)
        self.show(self.checkpoint.position, self.checkpoint.tally)

    async def _save(self) -> None:
        if self.lease.lost:  # whoever holds the run is further by now
            return
        self._saved_s = time.monotonic()
        self.checkpoint = replace(self.checkpoint, after=self._acknowledged.after())
        await self.save(self.checkpoint)

    async def _close(self) -> None:
        """What is under way is paid for: it may end, and is found again where it counts no more."""
        await asyncio.gather(*(task for _, task in self._window), return_exceptions=True)
        await self._save()


async def _grouped(entries: AsyncIterator[Entry | None], most: int) -> AsyncIterator[list[Entry | None]]:
    """In groups of at most so many, and of at most TOGETHER_BYTES or one."""
    some: list[Entry | None] = []
    size = 0
    async for entry in entries:
        some.append(entry)
        size += len(entry.value or b"") if entry else 0
        if len(some) >= most or size >= TOGETHER_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some
