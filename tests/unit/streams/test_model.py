"""The assembler against a trivial model of it: whatever clients, brokers and processes do, in any order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import streams.assembly
import streams.marks
from pipeline.canonical import dumps
from pipeline.document import open_document
from schemas.codec import UndecodableRecord, decode
from schemas.records import EventsAppended, Record, TraceAssembled, TraceCompleted, TraceErased, TraceExpired
from tests.support.traces import START_US, chunk, completed, note, trace_id
from tests.unit.streams.memory import MemoryLog
from tests.unit.streams.simulation import PARTITIONS, Points, Worker, World

NUMBERS = st.integers(0, 1)
PARTITION = st.integers(0, PARTITIONS - 1)


class Expected(NamedTuple):
    """A revision as the model says it."""

    revision: int
    outcome: str
    offset: int
    events: tuple[bytes, ...]


def model(records: Iterable[tuple[int, Record]]) -> list[Expected]:
    """The revisions of one trace, from all of its records: no state but two lists and a word."""
    chunks: list[EventsAppended] = []
    revisions: list[Expected] = []
    ending = ""
    for offset, record in records:
        was, new = ending, False
        match record:
            case EventsAppended():
                new = not any(_same(record, earlier) for earlier in chunks)
                chunks.append(record)
            case TraceCompleted():
                new, ending = ending != "completed", "completed"
            case TraceExpired():
                idle_us = record.expired_at_us - max([START_US, *(c.received_at_us for c in chunks)])
                new = not ending and idle_us >= record.idle_us
                ending = "abandoned" if new else ending
            case TraceErased():
                return revisions
        if new and (was or ending):
            revisions.append(Expected(len(revisions) + 1, ending, offset, _events(chunks)))
    return revisions


def _same(one: EventsAppended, other: EventsAppended) -> bool:
    return one.chunk_seq == other.chunk_seq and (
        one.body_mac == other.body_mac or one.chunk_digest == other.chunk_digest
    )


def _events(chunks: list[EventsAppended]) -> tuple[bytes, ...]:
    first = {c.chunk_seq: c for c in reversed(chunks)}
    return tuple(event for seq in sorted(first) for event in first[seq].events)


def _records(log: MemoryLog, number: int, end: int) -> list[tuple[int, Record]]:
    found = []
    for logged in log.records[:end]:
        try:
            record = decode(logged.value)
        except UndecodableRecord:
            continue
        if getattr(record, "trace_id", None) == trace_id(number):
            found.append((logged.offset, record))
    return found


class Assembly(RuleBasedStateMachine):
    """Clients append, a worker takes, sends, commits, dies and is followed by another."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(room=2000, inline_limit=1 << 20)
        self.worker = self._start()

    def _start(self) -> Worker:
        self.world.generation += 1
        return Worker(self.world, Points())

    def _run(self, act: Coroutine[None, None, None]) -> None:
        self.loop.run_until_complete(act)

    def _append(self, number: int, record: Record) -> None:
        self.world.logs[number % PARTITIONS].append(record)

    def _begun(self, number: int) -> int:
        """Where the trace begins; it begins now where it did not before."""
        if number not in self.world.begun:
            self.world.do(("begin", number, 0))
        return self.world.begun[number]

    @rule(number=NUMBERS, seq=st.integers(0, 1), version=st.integers(0, 1))
    def upload(self, number: int, seq: int, version: int) -> None:
        """A chunk, the same chunk again, or another one under its number."""
        begins, mac = self._begun(number), bytes([seq, version])
        story = [note(seq, text=f"version {version}")]
        self._append(number, chunk(seq, story, number, begins, body_mac=mac))

    @rule(number=NUMBERS)
    def complete(self, number: int) -> None:
        self._append(number, completed(number=number, created_offset=self._begun(number)))

    @rule(number=NUMBERS, seconds=st.sampled_from([5, 12, 1000]))
    def find_idle(self, number: int, seconds: int) -> None:
        """What a worker said, in time or too late."""
        expired = TraceExpired(
            trace_id=trace_id(number),
            project="default",
            created_offset=self._begun(number),
            expired_at_us=START_US + seconds * 1_000_000,
            idle_us=4_000_000,
        )
        self._append(number, expired)

    @precondition(lambda self: self.world.begun)
    @rule(number=st.integers(0, 9))
    def erase(self, number: int) -> None:
        """Seldom: nothing more is to be found out about an erased trace."""
        if number not in self.world.begun:
            return
        name = trace_id(number)
        self._append(number, TraceErased(trace_id=name, project="p", erased_at_us=START_US, actor="a", reason="r"))

    @rule(partition=PARTITION)
    def poison(self, partition: int) -> None:
        self.world.logs[partition].append(b"no record")

    @rule(partition=PARTITION, hole=st.integers(0, 5))
    def take(self, partition: int, hole: int) -> None:
        self._run(self.worker.take(partition, hole))

    @rule(count=st.integers(1, 3))
    def flush(self, count: int) -> None:
        self.worker.flush(count)

    @rule()
    def commit(self) -> None:
        self._run(self.worker.commit())

    @rule(count=st.integers(0, 2))
    def die(self, count: int) -> None:
        self.worker.flush(count)
        self.worker = self._start()

    def _wanted(self, whole: bool) -> dict[tuple[str, int], Expected]:
        """The model's revisions of what is committed, or of everything."""
        return {
            (trace_id(number), expected.revision): expected
            for number in self.world.begun
            for log in [self.world.logs[number % PARTITIONS]]
            for expected in model(_records(log, number, len(log.records)))
            if whole or expected.offset < log.place
        }

    def _seen(self) -> dict[tuple[str, int], TraceAssembled]:
        return {(revision.trace_id, revision.revision): revision for revision in self.world.revisions}

    @invariant()
    def what_is_out_is_right_and_what_is_committed_is_out(self) -> None:
        seen = self._seen()
        assert self._wanted(whole=False).keys() <= seen.keys()
        assert seen.keys() <= self._wanted(whole=True).keys()

    def teardown(self) -> None:
        """In the end a worker gets through everything."""
        for partition, log in enumerate(self.world.logs):
            for _ in log.records:
                self._run(self.worker.take(partition, 0))
        self.worker.flush(len(self.world.revisions) + 1000)
        self.loop.run_until_complete(self._compare())
        self.loop.close()

    async def _compare(self) -> None:
        found = {}
        for key, revision in self._seen().items():
            events = tuple(map(dumps, (await open_document(revision, self.world.shelf))["events"]))
            found[key] = Expected(revision.revision, revision.outcome, revision.last_offset, events)
        assert found == self._wanted(whole=True)


@pytest.fixture(autouse=True)
def _many_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.marks, "SPACING", 2)
    monkeypatch.setattr(streams.assembly, "CLOSED_KEPT", 1)


TestAssembly = pytest.mark.filterwarnings("ignore::ResourceWarning")(Assembly.TestCase)
TestAssembly.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
