"""One run over stored traces: each is validated again, compared, and its result appended under the run's name.

What the run has done already is passed over, so that one that was cut short goes on where it was. A failure of the
machinery ends the run and is no result: a trace without a result is validated when the run is started again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.consumer import together
from pipeline.errors import Erased, Invalid
from pipeline.positions import at
from pipeline.replay import Log
from sandbox.earlier import Stored, done, earlier, stored
from sandbox.examiner import OUR_REASONS
from sandbox.reproduction import Earlier, compared
from sandbox.worker import Validator
from schemas.codec import decode
from schemas.records import TraceAssembled, TraceValidated

AT_ONCE = 100  # traces whose records and earlier results are fetched together


class MachineryFailed(Exception):
    """Ours failed; what is not done yet can be done by the same run, later."""


@dataclass(slots=True)
class Tally:
    """What a run came to so far."""

    selected: int
    already: int = 0
    unreadable: list[str] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    reproduced: Counter[str] = field(default_factory=Counter)

    def add(self, result: TraceValidated) -> str:
        """Count a result; how it is told in one line."""
        said = {True: "reproduced", False: "differs", None: "not compared"}[result.reproduced]
        self.verdicts[result.verdict] += 1
        self.reproduced[said] += 1
        reason = f" ({result.reason})" if result.reason else ""
        number = self.already + len(self.unreadable) + self.reproduced.total()
        return f"{number}/{self.selected}  {result.trace_id}  {result.verdict}{reason}  {said}"

    def document(self, run_id: str) -> dict[str, object]:
        """The counts as they are printed."""
        return {
            "run": run_id,
            "selected": self.selected,
            "already": self.already,
            "validated": self.reproduced.total(),
            "verdicts": dict(self.verdicts),
            "reproduced": self.reproduced["reproduced"],
            "differ": self.reproduced["differs"],
            "not_compared": self.reproduced["not compared"],
            "unreadable": self.unreadable,
        }


@dataclass(slots=True, kw_only=True)
class Run:
    """One run over stored traces; `validator` examines and publishes, `say` tells of progress."""

    run_id: str
    validator: Validator
    clickhouse: ClickHouse
    log: Log
    parallel: int
    tally: Tally
    say: Callable[[str], None]

    async def over(self, trace_ids: Sequence[str]) -> None:
        """Validate what the run has not done yet. Raises MachineryFailed, and what reading raises."""
        known = await asyncio.to_thread(stored, self.clickhouse, trace_ids)
        self._note_unreadable(trace_ids, {one.trace_id for one in known})
        over = await done(self.log.kafka, self.clickhouse, self.run_id)
        left = [one for one in known if (one.trace_id, one.revision) not in over]
        self.tally.already = len(known) - len(left)
        for first in range(0, len(left), AT_ONCE):
            await self._some(left[first : first + AT_ONCE])

    async def _some(self, some: Sequence[Stored]) -> None:
        ids = [one.trace_id for one in some]
        before = await asyncio.to_thread(earlier, self.clickhouse, ids, self.run_id)
        records = [record async for record in self._records(some)]
        self._note_unreadable(ids, {record.trace_id for record in records})
        room = asyncio.Semaphore(self.parallel)

        async def one(record: TraceAssembled) -> None:
            async with room:
                await self._one(record, before.get((record.trace_id, record.revision)))

        await together(*(one(record) for record in records))

    async def _records(self, some: Sequence[Stored]) -> AsyncIterator[TraceAssembled]:
        by_place: dict[TopicPartition, list[int]] = defaultdict(list)
        for one in some:
            by_place[one.place].append(one.offset)
        for place, offsets in by_place.items():
            async for entry in at(self.log, place, offsets):
                if not entry.erased and isinstance(record := decode(entry.value), TraceAssembled):
                    yield record

    async def _one(self, record: TraceAssembled, before: Earlier | None) -> None:
        try:
            made = await self.validator.result(record)
        except (Invalid, Erased) as error:
            self.tally.unreadable.append(record.trace_id)
            return self.say(f"{record.trace_id} cannot be read: {error}")
        if made.reason in OUR_REASONS:
            raise MachineryFailed(f"{made.verdict} ({made.reason}): {made.detail}")
        result = compared(made, self.run_id, before)
        await self.validator.publish(result)
        return self.say(self.tally.add(result))

    def _note_unreadable(self, trace_ids: Sequence[str], found: set[str]) -> None:
        for trace_id in (id for id in trace_ids if id not in found):
            self.tally.unreadable.append(trace_id)
            self.say(f"{trace_id} is not there any more, neither in the log nor in its archive")
