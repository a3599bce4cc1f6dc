"""A worker's partition in memory: effects, late chunks, dead letters, holes and crashes at any point."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.each
from schemas.codec import encode
from schemas.records import AssemblyProgress, Record, TraceAssembled, TraceErased, TraceExpired
from streams.leases import Leases, expire_idle
from streams.partition import Assembler, Lease, rebuild_start, restore
from tests.support.traces import START_US, chunk, completed, created, trace_id
from tests.unit.streams.memory import PARTITION, MemoryLog, Shelf, Written, run

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
        lease = await restore(log, PARTITION, generation)
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
    lease = Lease(PARTITION, 1, 0, 0)
    await Assembler(log, Shelf(), out, 1 << 20).take(lease, log.records[-1])
    assert [r.trace_id for r in out.revisions] == [trace_id(1)]
    assert lease.applied == 3


async def test_what_was_applied_is_passed_over() -> None:
    log = MemoryLog([created(), completed()])
    out = Written()
    assembler, lease = Assembler(log, Shelf(), out, 1 << 20), Lease(PARTITION, 1, 0, 0)
    for record in (*log.records, *log.records):
        await assembler.take(lease, record)
    assert len(out.revisions) == 1


@pytest.mark.parametrize("last", [completed(), b"poison"], ids=["revision", "dead letter"])
async def test_an_offset_is_not_done_before_its_effect_is_out(last: Record | bytes) -> None:
    class Broken(Written):
        async def revision(self, assembled: TraceAssembled) -> None:
            raise ConnectionError("the log is away")

        async def send_and_wait(self, topic: str, value: Any, key: Any, headers: list[tuple[str, bytes]]) -> None:
            raise ConnectionError("the log is away")

    log, lease = MemoryLog([created(), last]), Lease(PARTITION, 1, 0, 0)
    assembler = Assembler(log, Shelf(), Broken(), 1 << 20)
    await assembler.take(lease, log.records[0])
    with pytest.raises(ConnectionError):
        await assembler.take(lease, log.records[1])
    assert (lease.applied, lease.rebuild_from) == (1, 0)


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


def test_progress_moves_only_with_what_is_applied() -> None:
    lease = Lease(PARTITION, 1, 0, 0)
    lease.advance(1)
    lease.open.apply(1, created())
    lease.advance(2)
    assert lease.progress() == AssemblyProgress(partition=PARTITION, rebuild_from=1, committed_offset=2)
    finished = lease.open.apply(2, completed(created_offset=1))
    assert finished is not None
    lease.open.release(finished)
    assert lease.progress().rebuild_from == 1
    lease.advance(3)
    assert lease.progress().rebuild_from == 3


@pytest.mark.parametrize(("committed", "start"), [(4, 0), (5, 2), (9, 2)])
def test_a_mark_ahead_of_the_commit_is_not_believed(committed: int, start: int) -> None:
    mark = AssemblyProgress(partition=PARTITION, rebuild_from=2, committed_offset=5)
    assert rebuild_start(mark, committed) == start
    assert rebuild_start(None, committed) == 0


async def test_a_lease_lasts_one_generation() -> None:
    leases = Leases(MemoryLog())
    first = await leases.get(PARTITION, 1)
    assert await leases.get(PARTITION, 1) is first
    assert await leases.get(PARTITION, 2) is not first
    assert leases.of(1) == []


async def test_marks_are_written_when_the_start_of_a_rebuild_has_moved_far() -> None:
    leases, written = Leases(MemoryLog()), []

    async def write(mark: AssemblyProgress) -> None:
        written.append(mark.rebuild_from)

    for rebuild_from in (10, 499, 500, 999, 1000):
        mark = AssemblyProgress(partition=PARTITION, rebuild_from=rebuild_from, committed_offset=2000)
        await leases.covered([mark], write)
    assert written == [500, 1000]


async def test_an_idle_trace_is_asked_about_once() -> None:
    lease, asked = Lease(PARTITION, 1, 0, 0), []
    lease.open.apply(0, created())

    async def write(expired: TraceExpired, partition: int) -> None:
        asked.append((expired.trace_id, expired.idle_us, partition))

    for _ in range(2):
        await expire_idle(lease, 60, lambda: START_US + 60, write)
    assert asked == [(trace_id(1), 60, PARTITION)]
