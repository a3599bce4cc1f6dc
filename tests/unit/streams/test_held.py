"""Chunks of open traces: who makes room when memory is full, and that nothing is lost by it."""

from __future__ import annotations

import asyncio

import pytest

from schemas.codec import encode
from schemas.records import EventsAppended, Record
from streams.assembly import OpenTraces, begin
from streams.held import INDEX_BYTES, Chunks, Memory, hold
from streams.integrity import verify
from tests.support.traces import chain, chunk, completed, created, trace_id
from tests.unit.streams.memory import MemoryLog, run


def held(*offsets: int) -> Chunks:
    """Chunks of one trace at these offsets."""
    chunks = Chunks()
    for offset in offsets:
        chunks.add(hold(chunk(0), offset))
    return chunks


def offsets(chunks: Chunks) -> list[int]:
    return [each.offset for each in chunks]


def test_what_is_left_to_the_log_takes_its_offset_and_comes_back_whole() -> None:
    chunks = held(3, 5)
    before = [each.unpack() for each in chunks]
    assert chunks.size == sum(len(each.packed) + INDEX_BYTES for each in chunks)
    chunks.leave()
    assert (offsets(chunks), list(chunks.left), chunks.size, len(chunks)) == ([], [3, 5], 0, 2)
    chunks.put_back([hold(chunk(0), 3), hold(chunk(0), 5)])
    assert ([each.unpack() for each in chunks], list(chunks.left)) == (before, [])


def test_the_traces_that_were_quiet_longest_make_room() -> None:
    traces = [held(1), held(2), held(3)]
    memory = Memory(2 * traces[0].size)
    recent = memory.share()
    recent.heard("a", traces[0])
    recent.heard("b", traces[1])
    recent.heard("a", traces[0])
    recent.heard("c", traces[2])
    assert [list(each.left) for each in traces] == [[], [2], []]
    assert memory.used == recent.size == 2 * traces[0].size


def test_partitions_share_the_memory_of_a_worker_and_a_share_that_is_gone_is_free() -> None:
    memory = Memory(held(1).size)
    first, second = memory.share(), memory.share()
    mine, other = held(1), held(2)
    first.heard("a", mine)
    second.heard("b", other)
    assert (list(mine.left), list(other.left)) == ([], [2])
    del first
    again = held(3)
    second.heard("b", again)
    assert (list(again.left), memory.used) == ([], again.size)


def test_a_trace_that_is_released_takes_nothing() -> None:
    memory = Memory(1 << 20)
    open_traces = OpenTraces(memory)
    records: tuple[Record, ...] = (created(), chunk(0))
    for offset, record in enumerate(records):
        open_traces.apply(offset, record)
    assert memory.used > 0
    [trace] = open_traces
    open_traces.release(trace)
    assert memory.used == 0


@pytest.mark.parametrize("room", [0, 1500, 4000])
def test_revisions_are_the_same_bytes_however_little_room_there_is(room: int) -> None:
    log: list[Record | bytes] = [created(1), created(2)]
    for first, second in zip(chain(5, 1, 0), chain(5, 2, 1), strict=True):
        log += [first, second]
    log += [completed(number=1), completed(number=2, created_offset=1), chunk(7, number=1)]
    wanted = [encode(revision) for revision in asyncio.run(run(MemoryLog(log))).revisions]
    assert len(wanted) == 3
    assert [encode(revision) for revision in asyncio.run(run(MemoryLog(log), room=room)).revisions] == wanted


def test_chunks_that_the_log_lost_are_a_finding() -> None:
    sent = chain(3)
    trace = begin(created(), 0)
    for offset, record in enumerate(sent, start=1):
        trace.apply(offset, record)
    trace.chunks.leave()
    trace.apply(4, completed(sent))
    trace.chunks.put_back([hold(sent[0], 1)])
    verified = verify(trace)
    found = {finding.kind: finding.offsets for finding in verified.findings}
    assert found == {"truncated": (4,), "lost": (2, 3)}
    assert (verified.intact, verified.complete) == (True, False)


def test_an_upload_is_the_same_by_its_body_or_by_its_bytes() -> None:
    one = hold(chunk(0, body_mac=b"m"), 1)
    assert one.same_upload(hold(chunk(0, chunk_id="x", body_mac=b"m"), 2))
    assert one.same_upload(hold(chunk(0, body_mac=b"n"), 2))
    unmarked: EventsAppended = chunk(0, chunk_id="x", body_mac=b"")
    assert not hold(chunk(0, body_mac=b""), 1).same_upload(hold(unmarked, 2))
    assert trace_id(1) == unmarked.trace_id
