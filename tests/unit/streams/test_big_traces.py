"""A big trace is put together beside the event loop, in its turn, and nothing else changes by it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

import pipeline.document
import streams.partition
from pipeline.document import open_document
from schemas.codec import encode
from schemas.records import Record, TraceAssembled
from streams.assembly import Trace
from streams.partition import Assembler
from streams.revision import assemble
from tests.support.traces import chain, completed, created
from tests.unit.streams.memory import MemoryLog, Shelf, Written, new_lease, run
from tests.unit.streams.test_crash_points import play

PATIENCE_S = 10
Assemble = Callable[[Trace, int], tuple[TraceAssembled, bytes]]


def _session(number: int) -> list[Record | bytes]:
    sent = chain(3, number, 0)
    return [created(number), *sent, completed(sent, number, 0)]


@pytest.fixture
def all_are_big(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.partition, "MOST_ON_THE_LOOP", 0)
    monkeypatch.setattr(pipeline.document, "MOST_ON_THE_LOOP", 0)


@pytest.mark.usefixtures("all_are_big")
async def test_the_loop_goes_on_and_the_record_is_not_done_with_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slowly(trace: Trace, partition: int) -> tuple[TraceAssembled, bytes]:
        begun.set()
        assert may_end.wait(PATIENCE_S), "the event loop stands still"
        return assemble(trace, partition)

    monkeypatch.setattr(streams.partition, "assemble", slowly)
    log, out, lease = MemoryLog(_session(1)), Written(), new_lease()
    assembler = Assembler(log, Shelf(), out, 1 << 20)
    for record in log.records[:-1]:
        await assembler.take(lease, record)
    last = asyncio.create_task(assembler.take(lease, log.records[-1]))
    await asyncio.to_thread(begun.wait, PATIENCE_S)
    assert (lease.applied, lease.progress().rebuild_from, out.revisions) == (len(log.records) - 1, 0, [])
    may_end.set()
    await last
    assert (lease.applied, len(out.revisions)) == (len(log.records), 1)


async def test_the_revision_and_its_document_are_those_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    [there] = (await run(MemoryLog(_session(1)), shelf, inline_limit=1)).revisions
    monkeypatch.setattr(streams.partition, "MOST_ON_THE_LOOP", 0)
    monkeypatch.setattr(pipeline.document, "MOST_ON_THE_LOOP", 0)
    [here] = (await run(MemoryLog(_session(1)), shelf, inline_limit=1)).revisions
    assert encode(here) == encode(there)
    assert len(shelf.objects) == 1
    assert (await open_document(here, shelf))["trace_id"] == here.trace_id


@pytest.mark.usefixtures("all_are_big")
@pytest.mark.parametrize("seed", range(4))
async def test_crashes_lose_and_double_nothing_then_either(seed: int) -> None:
    for crashes in ((), (20,), (35,), (20, 40)):
        await play(seed, *crashes)
