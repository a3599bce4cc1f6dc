"""A worker's partition in memory: effects, late chunks, dead letters, holes and crashes at any point."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.each
import streams.assembly
import streams.partition
from schemas.codec import encode
from schemas.records import AssemblyProgress, Record, TraceAssembled, TraceErased, TraceExpired
from streams.assembly import Patience
from streams.held import Memory
from streams.leases import Leases, expire
from streams.partition import Assembler, Lease, UnderWay, rebuild_start, restore
from tests.support.traces import START_US, chain, chunk, completed, created, trace_id
from tests.unit.streams.memory import PARTITION, ROOM, MemoryLog, Shelf, Written, new_lease, run

TRACES = (1, 2, 3)


@st.composite
def logs(draw: st.DrawFn) -> list[Record | bytes]:
    """A partition with everything in it: interleaved traces, repeats, forks, gaps, late and lost records, poison."""
    log: list[Record | bytes] = []
    begun: dict[int, int] = {}
    for _ in range(draw(st.integers(1, 30))):
        number = draw(st.sampled_from(TRACES))
        if number not in begun:
            begun[number] = len(log)
            log.append(created(number))
            continue
        log.append(_record(draw, number, begun[number]))
    return log


def _record(draw: st.DrawFn, number: int, begins: int) -> Record | bytes:
    name = trace_id(number)
    match draw(st.sampled_from(["chunk", "chunk", "chunk", "fork", "end", "expiry", "erasure", "lost", "poison"])):
        case "chunk":
            return chunk(draw(st.integers(0, 3)), number=number, created_offset=begins)
        case "fork":
            return chunk(0, number=number, created_offset=begins, chunk_id="other", body_mac=b"other")
        case "end":
            return completed(number=number, created_offset=begins)
        case "expiry":
            at_us = START_US * 2
            return TraceExpired(trace_id=name, project="default", created_offset=begins, expired_at_us=at_us, idle_us=1)
        case "erasure":
            return TraceErased(trace_id=name, project="default", erased_at_us=START_US, actor="a", reason="b")
        case "lost":
            return chunk(0, number=number + 10, created_offset=begins)
        case _:
            return b"poison"


async def _with_crashes(log: MemoryLog, crashes: list[tuple[int, int, bool]]) -> Written:
    """Workers one after the other: each takes some records, commits all but the last of them and dies."""
    out = Written()
    assembler = Assembler(log, Shelf(), out, 1 << 20)
    for generation, (taken, uncommitted, marked) in enumerate([*crashes, (len(log.records), 0, True)]):
        lease = await restore(log, PARTITION, generation, Memory(ROOM))
        for count, record in enumerate(log.records[lease.applied :][:taken]):
            if count == taken - uncommitted:
                log.place, log.newest = lease.applied, lease.progress() if marked else log.newest
            await assembler.take(lease, record)
    return out


@settings(max_examples=150, deadline=None)
@given(logs(), st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12), st.booleans()), max_size=4))
def test_crashes_at_any_point_change_nothing_but_add_identical_repeats(
    records: list[Record | bytes], crashes: list[tuple[int, int, bool]]
) -> None:
    straight = asyncio.run(run(MemoryLog(records)))
    broken = asyncio.run(_with_crashes(MemoryLog(records), crashes))
    wanted = {(r.trace_id, r.revision): encode(r) for r in straight.revisions}
    assert {(r.trace_id, r.revision): encode(r) for r in broken.revisions} == wanted
    assert {encode(r) for r in broken.revisions} == set(wanted.values())
    assert set(broken.letters) == set(straight.letters)


@settings(max_examples=50, deadline=None)
@given(logs())
def test_a_trace_comes_out_the_same_whatever_else_is_in_the_log(records: list[Record | bytes]) -> None:
    everything = asyncio.run(run(MemoryLog(records))).revisions
    for number in TRACES:
        alone: list[Record | bytes] = [
            r if not isinstance(r, bytes) and r.trace_id == trace_id(number) else b"other"  # type: ignore[union-attr]
            for r in records
        ]
        expected = asyncio.run(run(MemoryLog(alone))).revisions
        assert [encode(r) for r in everything if r.trace_id == trace_id(number)] == [encode(r) for r in expected]


async def test_a_hole_in_what_is_delivered_is_filled_from_the_log() -> None:
    log = MemoryLog([created(1), completed(number=1), created(2)])
    out = Written()
    lease = new_lease()
    await Assembler(log, Shelf(), out, 1 << 20).take(lease, log.records[-1])
    assert [r.trace_id for r in out.revisions] == [trace_id(1)]
    assert lease.applied == 3


async def test_what_was_applied_is_passed_over() -> None:
    log = MemoryLog([created(), completed()])
    out = Written()
    assembler, lease = Assembler(log, Shelf(), out, 1 << 20), new_lease()
    for record in (*log.records, *log.records):
        await assembler.take(lease, record)
    assert len(out.revisions) == 1


@pytest.mark.parametrize("last", [completed(), b"poison"], ids=["revision", "dead letter"])
async def test_an_offset_is_not_done_before_its_effect_is_out(last: Record | bytes) -> None:
    class Broken(Written):
        async def revision(self, assembled: TraceAssembled) -> Future[object]:
            raise ConnectionError("the log is away")

        async def send_and_wait(self, topic: str, value: Any, key: Any, headers: list[tuple[str, bytes]]) -> None:
            raise ConnectionError("the log is away")

    log, lease = MemoryLog([created(), last]), new_lease()
    assembler = Assembler(log, Shelf(), Broken(), 1 << 20)
    await assembler.take(lease, log.records[0])
    with pytest.raises(ConnectionError):
        await assembler.take(lease, log.records[1])
    assert (lease.applied, lease.progress().rebuild_from) == (1, 0)


async def test_a_revision_waits_for_the_object_store_and_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.each, "FIRST_PAUSE_S", 0.001)
    shelf = Shelf(outages=2)
    out = await run(MemoryLog([created(), chunk(0), completed()]), shelf, inline_limit=1)
    [revision] = out.revisions
    assert (revision.revision, revision.document) == (1, None)
    assert list(shelf.objects) == [revision.document_ref]


async def test_refused_records_are_dead_lettered_and_the_rest_goes_on() -> None:
    log = MemoryLog([created(), b"poison", chunk(0, number=9, created_offset=0), completed()])
    out = await run(log)
    assert out.letters == [(1, "UndecodableRecord"), (2, "Invalid")]
    assert len(out.revisions) == 1


async def test_nothing_of_a_trace_comes_out_after_its_erasure() -> None:
    erased = TraceErased(trace_id=trace_id(1), project="default", erased_at_us=START_US, actor="a", reason="b")
    out = await run(MemoryLog([created(), chunk(0), erased, completed(), chunk(1)]))
    assert (out.revisions, out.letters) == ([], [])


async def test_progress_moves_only_with_effects_that_are_out_in_the_order_of_the_log() -> None:
    lease, loop = new_lease(), asyncio.get_running_loop()
    first, second = loop.create_future(), loop.create_future()
    lease.seen = 9
    lease.under_way.extend([UnderWay(4, 1, first), UnderWay(6, 3, second)])
    assert lease.progress() == AssemblyProgress(partition=PARTITION, rebuild_from=1, committed_offset=4)
    second.set_result(None)
    assert lease.progress() == AssemblyProgress(partition=PARTITION, rebuild_from=1, committed_offset=4)
    first.set_result(None)
    assert lease.progress() == AssemblyProgress(partition=PARTITION, rebuild_from=9, committed_offset=9)


async def test_rebuilding_starts_at_the_oldest_trace_that_was_open_where_the_commit_is() -> None:
    lease = new_lease()
    lease.open.apply(1, created())
    lease.seen = 2
    assert lease.progress() == AssemblyProgress(partition=PARTITION, rebuild_from=1, committed_offset=2)
    # A trace that began after the commit is read anyway.
    lease.under_way.append(UnderWay(0, 0, asyncio.get_running_loop().create_future()))
    assert lease.progress() == AssemblyProgress(partition=PARTITION, rebuild_from=0, committed_offset=0)


async def test_an_effect_that_failed_is_raised_and_nothing_after_it_is_applied() -> None:
    lease, failed = new_lease(), asyncio.get_running_loop().create_future()
    lease.seen = 9
    lease.under_way.append(UnderWay(4, 1, failed))
    lease.check()
    failed.set_exception(ConnectionError("the log is away"))
    assert lease.applied == 4
    with pytest.raises(ConnectionError):
        lease.check()
    with pytest.raises(ConnectionError):
        await lease.wait(0)


async def test_so_many_effects_may_be_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Written):
        def __init__(self) -> None:
            super().__init__()
            self.outs: list[Future[object]] = []

        async def revision(self, assembled: TraceAssembled) -> Future[object]:
            self.outs.append(asyncio.get_running_loop().create_future())
            return self.outs[-1]

    monkeypatch.setattr(streams.partition, "MOST_UNDER_WAY", 2)
    log = MemoryLog([record for n in (1, 2, 3) for record in (created(n), completed(number=n))])
    out, lease = Slow(), new_lease()
    taking = asyncio.create_task(_take_all(Assembler(log, Shelf(), out, 1 << 20), lease, log))
    while len(out.outs) < 3:  # noqa: ASYNC110  # a turn of the loop
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (lease.applied, taking.done()) == (1, False)
    out.outs[0].set_result(None)
    await taking
    assert (lease.applied, lease.seen) == (3, 6)


async def _take_all(assembler: Assembler, lease: Lease, log: MemoryLog) -> None:
    for record in log.records:
        await assembler.take(lease, record)


@pytest.mark.parametrize(("committed", "start"), [(4, 0), (5, 2), (9, 2)])
def test_a_mark_ahead_of_the_commit_is_not_believed(committed: int, start: int) -> None:
    mark = AssemblyProgress(partition=PARTITION, rebuild_from=2, committed_offset=5)
    assert rebuild_start(mark, committed) == start
    assert rebuild_start(None, committed) == 0


async def test_a_lease_lasts_one_generation() -> None:
    leases = Leases(MemoryLog(), Memory(ROOM))
    first = await leases.get(PARTITION, 1)
    assert await leases.get(PARTITION, 1) is first
    assert await leases.get(PARTITION, 2) is not first
    assert leases.of(1) == []


async def test_marks_are_written_when_the_start_of_a_rebuild_has_moved_far() -> None:
    leases, written = Leases(MemoryLog(), Memory(ROOM)), []

    async def write(mark: AssemblyProgress) -> None:
        written.append(mark.rebuild_from)

    for rebuild_from in (10, 499, 500, 999, 1000):
        mark = AssemblyProgress(partition=PARTITION, rebuild_from=rebuild_from, committed_offset=2000)
        await leases.covered([mark], write)
    assert written == [500, 1000]


@pytest.mark.parametrize("patience", [Patience(60, 10**12), Patience(10**12, 60)], ids=["idle", "old"])
async def test_a_trace_that_has_had_its_time_is_asked_about_once(patience: Patience) -> None:
    lease, asked = new_lease(), []
    lease.open.apply(0, created())

    async def write(expired: TraceExpired, partition: int) -> None:
        asked.append((expired.trace_id, expired.idle_us, expired.age_us, partition))

    for now_us in (START_US + 59, START_US + 60, START_US + 60):
        await expire(lease, patience, lambda at_us=now_us: at_us, write)  # type: ignore[misc]
    assert asked == [(trace_id(1), patience.idle_us, patience.age_us, PARTITION)]


class Counted(MemoryLog):
    """A log that counts the records which are read from it, beside the stream."""

    read_again = 0

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        async for logged in super().read(partition, start, end):
            self.read_again += 1
            yield logged


async def test_late_records_of_a_trace_that_is_remembered_do_not_read_the_log_again() -> None:
    first, second = chain(2)
    log = Counted([created(), first, completed(), *(b"others" for _ in range(50)), second, first, second])
    out = await run(log)
    assert [(r.revision, r.chunk_count) for r in out.revisions] == [(1, 1), (2, 2)]
    assert log.read_again == 0


@pytest.mark.parametrize("kept", [0, 1])
async def test_of_the_closed_traces_only_the_newest_are_remembered(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.assembly, "CLOSED_KEPT", kept)
    log = Counted([created(1), completed(number=1), created(2), completed(number=2, created_offset=2)])
    log.append(chunk(0, number=2, created_offset=2))
    log.append(chunk(0, number=1))
    out = await run(log)
    assert [(r.trace_id, r.revision) for r in out.revisions[2:]] == [(trace_id(2), 2), (trace_id(1), 2)]
    assert log.read_again == (5 if kept else 7)


async def test_a_late_record_that_names_another_beginning_is_refused_though_the_trace_is_remembered() -> None:
    out = await run(MemoryLog([created(), completed(), chunk(0, created_offset=1)]))
    assert out.letters == [(2, "Invalid")]
    assert len(out.revisions) == 1


async def test_an_erased_trace_is_not_remembered() -> None:
    erased = TraceErased(trace_id=trace_id(1), project="default", erased_at_us=START_US, actor="a", reason="b")
    out = await run(MemoryLog([created(), chunk(0), completed(), erased, chunk(1)]))
    assert [r.revision for r in out.revisions] == [1]
