"""Many traces at once, and one huge one: both go through, within the memory that docs/decisions.md states."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from pipeline.document import open_document
from schemas.records import Record
from streams.assembly import OpenTraces
from streams.held import Chunks, Memory, hold
from tests.support.traces import chunk, completed, created, note
from tests.unit.streams.memory import MemoryLog, Shelf, run

OPEN, OPEN_BYTES_EACH = 50_000, 3 * 1024
ROOM = 32 * 1024 * 1024
EVENTS, EVENTS_A_CHUNK = 100_000, 50


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_fifty_thousand_open_traces_take_their_room_and_little_more() -> None:
    memory = Memory(ROOM)
    open_traces = OpenTraces(memory)
    story = [note(seq, text="a thought of some length " * 8) for seq in range(20)]
    before = resident_bytes()
    for number in range(OPEN):
        open_traces.apply(3 * number, created(number))
        for seq in range(2):
            open_traces.apply(3 * number + seq + 1, chunk(seq, story, number, 3 * number))
    assert len(open_traces) == OPEN
    assert memory.used <= ROOM
    assert resident_bytes() - before < ROOM + OPEN * OPEN_BYTES_EACH
    [trace] = [trace for trace in open_traces if trace.first_offset == 0]
    assert list(trace.chunks.left) == [1, 2]


def test_what_chunks_are_said_to_take_is_what_they_take() -> None:
    big, before = chunk(0, [note(seq, text="a thought of some length " * 8) for seq in range(50)]), resident_bytes()
    chunks = Chunks()
    for offset in range(5_000):
        chunks.add(hold(big, offset))
    assert resident_bytes() - before < 1.5 * chunks.size


@pytest.mark.parametrize("room", [0, ROOM])
async def test_a_trace_of_a_hundred_thousand_events_goes_through(room: int) -> None:
    sent = [
        chunk(seq, [note(i) for i in range(seq * EVENTS_A_CHUNK, (seq + 1) * EVENTS_A_CHUNK)])
        for seq in range(EVENTS // EVENTS_A_CHUNK)
    ]
    log: list[Record | bytes] = [
        created(),
        *sent,
        completed(event_count=EVENTS, completed_at_us=sent[-1].received_at_us),
    ]
    shelf = Shelf()
    [revision] = (await run(MemoryLog(log), shelf, room=room)).revisions
    assert (revision.event_count, revision.intact, revision.complete, revision.findings) == (EVENTS, True, True, ())
    document = await open_document(revision, shelf)
    assert [event["seq"] for event in document["events"]] == list(range(EVENTS))
