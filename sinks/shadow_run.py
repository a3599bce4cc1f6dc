"""One rebuild: built beside the live tables, held against them, exchanged with them, dropped.

The exchange loses nothing, with live sinks at work, because every row is made of a record that was in the log before:
1. The shadow catches up, and gets what only the live tables can still have; its aggregates follow by themselves.
2. What the live group has committed is noted: so far the live tables are whole.
3. Each pair of tables is exchanged at once, that of an aggregate before that of its table. A sink's insert goes to the
   table that had the name when it began.
4. The log's ends are read. What was inserted into the former tables stands before them; so the records from where the
   shadow was up to there are inserted once more, into the tables that are live now. Repeats are one row.
5. The former tables, now the shadow's, go on from what was noted in 2: the same steps take them back.
Each step is remembered before the next begins, and may be taken twice: a swap that is killed goes on.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from aiokafka.structs import TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.logreader import committed
from pipeline.objectstore import ObjectStore
from pipeline.replay import Log
from pipeline.settings import ClickHouseSettings, KafkaSettings
from schemas.topics import CONTROL
from sinks.erasure import enforce
from sinks.migrate import migrate
from sinks.shadow_build import Filled, Filler, Tell
from sinks.shadow_check import (
    Comparison,
    Differs,
    compare,
    held_offsets,
    must_have_one_schema,
    overtaken,
    tables,
    until_inserted,
)
from sinks.shadow_plan import AGGREGATES, KEPT_AGGREGATES, Bounds, carried, exchanged, shadow_of, tables_of, topics_of
from sinks.shadow_state import Memory, Purpose, State, placed, spelled
from sinks.worker import GROUP

Offsets = dict[TopicPartition, int]
AT_ONCE = 16
"""Partitions of which the first offset of a time is looked for at once."""
UUIDS = "SELECT name, toString(uuid) AS uuid FROM system.tables WHERE database = {database:String}"
THERE = "SELECT count() AS n FROM system.databases WHERE name = {name:String}"
ENGINE = "SELECT engine FROM system.databases WHERE name = currentDatabase()"
ERASURES = "erasures"
EXCHANGING = ("Atomic", "Replicated", "Shared")
"""Engines of databases whose tables can be exchanged at once."""
EXCHANGED = ("exchanging", "filling")


@dataclass(frozen=True, slots=True)
class Request:
    """What to rebuild: no topics named: all; times in milliseconds, None: no bound."""

    topics: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None


class ShadowRun:
    """The rebuild of one name. Its methods raise Differs, Hole, Invalid, Retryable, QueryFailed, Unreachable and
    KafkaError; after any of these, and after kill -9, the same call goes on."""

    def __init__(self, run: str, settings: ClickHouseSettings, kafka: KafkaSettings, store: ObjectStore, tell: Tell):
        self._settings, self._kafka, self._store, self._tell = settings, kafka, store, tell
        self.name, self.live_name = shadow_of(settings.clickhouse_database, run), settings.clickhouse_database
        self._shadow_settings = settings.model_copy(update={"clickhouse_database": self.name})
        self._live, self._shadow = ClickHouse(settings), ClickHouse(self._shadow_settings)
        self._log, self._memory = Log(store, kafka), Memory(self._shadow)

    def close(self) -> None:
        """Give the connections back."""
        self._live.close()
        self._shadow.close()

    async def build(self, request: Request = Request()) -> Filled:
        """Make the database where it is not there, and bring it to the log's end of now, or to that of the request."""
        topics = topics_of(request.topics)
        tables(self._live, self.live_name, [*tables_of(topics), ERASURES])
        migrate(self._shadow_settings)
        self._memory.create()
        asked = State(topics, request.since_ms, request.until_ms)
        state = self._memory.state()
        if state is None:
            state = replace(asked, firsts=spelled(await self._firsts(asked)))
            self._memory.keep_state(state)
        elif request != Request() and _asks(state) != _asks(asked):
            raise Differs(f"{self.name} was begun with other topics or times: name another run, or drop this one")
        return (await self._caught_up(self._settled(state)))[1]

    async def check(self) -> Comparison:
        """Hold the live tables against the shadow, both up to the same offsets: those of the log's end of now."""
        state = self._begun()
        must_have_one_schema(self._live, self._shadow)
        state, _ = await self._caught_up(self._settled(state))
        ends, names = placed(state.ends), tables_of(state.topics)
        await until_inserted(self._kafka, ends)
        reached = await overtaken(self._live, (self.live_name, self.name), names, self._log, ends)
        bounds = Bounds(await self._still(state), ends, await self._held(state), reached)
        return await asyncio.to_thread(compare, self._live, self.live_name, self.name, names, bounds)

    async def swap(self) -> State:
        """Exchange the tables of the shadow with the live ones; done again, exchange them back."""
        state = self._begun()
        if (engine := self._live.rows(ENGINE)[0]["engine"]) not in EXCHANGING:
            raise Differs(f"{self.live_name} is a database of engine {engine}, which cannot exchange tables")
        must_have_one_schema(self._live, self._shadow)
        if state.phase not in EXCHANGED:
            state = await self._readied(state)
        if state.phase == "exchanging":
            self._exchange(state)
            state = replace(state, phase="filling", uuids={})
            self._memory.keep_state(state)
        ends = await self._ends(replace(state, until_ms=None))
        await self._filler("live", self._settings, enforce).fill(ends, placed(state.firsts))
        former = {place: (state.inserted.get(name, state.firsts.get(name, 0)), "") for name, place in _names(ends)}
        self._memory.keep("shadow", former)
        state = replace(state, phase="built", turned=not state.turned, until_ms=None, ends=spelled(ends))
        self._memory.keep_state(state)
        return state

    def drop(self) -> bool:
        """Remove the database; whether there was one."""
        there = bool(self._live.rows(THERE, {"name": self.name})[0]["n"])
        if there:
            if (state := self._state()) and state.phase in EXCHANGED:
                raise Differs("its swap was cut short: --swap ends it, then it can be dropped")
            self._live.command(f"DROP DATABASE {self.name} SYNC")
        return there

    def state(self) -> State | None:
        """How far it is; None where it was never begun."""
        return self._state() if self._live.rows(THERE, {"name": self.name})[0]["n"] else None

    def _state(self) -> State | None:
        self._memory.create()
        return self._memory.state()

    def _begun(self) -> State:
        if state := self.state():
            return state
        raise Differs(f"there is no {self.name}: build it first (--into sinks --run)")

    def _settled(self, state: State) -> State:
        if state.phase in EXCHANGED:
            raise Differs("its swap was cut short: --swap goes on with it")
        return state

    async def _caught_up(self, state: State) -> tuple[State, Filled]:
        ends = await self._ends(state)
        filler = self._filler("shadow", self._shadow_settings, partial(enforce, known=self.live_name))
        done = await filler.fill(ends, placed(state.firsts))
        state = replace(state, phase="built", ends=spelled(ends))
        self._memory.keep_state(state)
        return state, done

    async def _readied(self, state: State) -> State:
        """Steps 1 and 2. Catches up twice: the second time little is left, so little is put in after the exchange."""
        state, _ = await self._caught_up(replace(state, until_ms=None))
        bounds = Bounds(await self._still(state), placed(state.ends), await self._held(state))
        names = tables_of(state.topics)
        for table in tables(self._live, self.live_name, names):
            await asyncio.to_thread(self._shadow.command, carried(table, self.live_name, self.name, bounds))
        for name in sorted(KEPT_AGGREGATES):
            if AGGREGATES[name] in names:
                self._shadow.command(f"INSERT INTO {self.name}.{name} SELECT * FROM {self.live_name}.{name}")
        self._live.command(f"INSERT INTO {self.live_name}.erased_heads SELECT * FROM {self.name}.erased_heads")
        erased = [row["trace_id"] for row in self._live.rows("SELECT DISTINCT trace_id FROM erasures")]
        await asyncio.to_thread(enforce, self._shadow, erased, self.live_name)
        state, _ = await self._caught_up(state)
        inserted = await committed(self._kafka, GROUP)
        self._memory.keep("live", {place: (end, "") for place, end in placed(state.ends).items()})
        uuids = self._uuids(self.live_name)
        state = replace(
            state,
            phase="exchanging",
            uuids={name: uuids[name] for name in exchanged(tables_of(state.topics))},
            inserted=spelled({place: offset for place, offset in inserted.items() if place.topic in state.topics}),
        )
        self._memory.keep_state(state)
        return state

    def _exchange(self, state: State) -> None:
        now = self._uuids(self.live_name)
        for name, before in state.uuids.items():
            if now[name] == before:
                self._live.command(f"EXCHANGE TABLES {self.live_name}.{name} AND {self.name}.{name}")

    def _uuids(self, database: str) -> dict[str, str]:
        return {row["name"]: row["uuid"] for row in self._live.rows(UUIDS, {"database": database})}

    def _filler(
        self, purpose: Purpose, target: ClickHouseSettings, erasing: Callable[[ClickHouse, Iterable[str]], list[str]]
    ) -> Filler:
        return Filler(self._log, self._store, target, self._memory, purpose, erasing, self._tell)

    async def _firsts(self, state: State) -> Offsets:
        places = await self._log.places(*state.topics)
        return await self._bounded({place: first for place, (first, _) in places.items()}, state.since_ms, max)

    async def _ends(self, state: State) -> Offsets:
        places = await self._log.places(*state.topics)
        return await self._bounded({place: end for place, (_, end) in places.items()}, state.until_ms, min)

    async def _bounded(self, offsets: Offsets, at_ms: int | None, which: Callable[[int, int], int]) -> Offsets:
        if at_ms is None:
            return offsets
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(place: TopicPartition) -> int:
            async with turn:
                return which(offsets[place], await self._log.first_since(place, at_ms))

        return dict(zip(offsets, await asyncio.gather(*map(one, offsets)), strict=True))

    async def _still(self, state: State) -> Offsets:
        """Where each place begins now: what retention has dropped since the beginning can be in one of two only."""
        places, begun = await self._log.places(*state.topics), placed(state.firsts)
        return {place: max(first, begun.get(place, 0)) for place, (first, _) in places.items()}

    async def _held(self, state: State) -> frozenset[int]:
        return await held_offsets(self._log) if CONTROL.name in state.topics else frozenset()


def _asks(state: State) -> tuple[list[str], int | None, int | None]:
    return state.topics, state.since_ms, state.until_ms


def _names(places: Mapping[TopicPartition, int]) -> list[tuple[str, TopicPartition]]:
    return [(f"{place.topic}/{place.partition}", place) for place in places]
