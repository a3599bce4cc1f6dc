"""Records that were refused and come back: the trace is what it would have been without that."""

from __future__ import annotations

from itertools import product

import pytest
from aiokafka.structs import ConsumerRecord

from schemas.codec import encode
from schemas.records import Record, TraceAssembled, TraceCreated
from schemas.topics import TRACE_LOG
from streams.held import Memory
from streams.partition import GROUP, Assembler, restore
from tests.support.letters import redriven
from tests.support.traces import chain, chunk, completed, created, trace_id
from tests.unit.streams.memory import PARTITION, ROOM, MemoryLog, Shelf, Written, new_lease, run

CHUNKS = chain(3)
SESSION: list[Record] = [created(), CHUNKS[0], CHUNKS[1], completed(CHUNKS[:2])]
LATE = CHUNKS[2]
KEY = trace_id(1).encode()


class Worker:
    """One that does not understand some offsets, until it is given a reader that does."""

    def __init__(self, records: list[Record], unreadable: set[int]) -> None:
        self.log, self.out = MemoryLog(records), Written()
        self._good = {offset: self.log.records[offset] for offset in unreadable}
        for offset, good in self._good.items():
            self.log.records[offset] = _with_value(good, b"unknown to this reader")
        self._assembler = Assembler(self.log, Shelf(), self.out, 1 << 20)
        self.lease = new_lease()

    async def take_all(self) -> None:
        for logged in self.log.records[self.lease.seen :]:
            await self._assembler.take(self.lease, logged)

    def learn(self) -> None:
        for offset, good in self._good.items():
            self.log.records[offset] = good

    async def restart(self) -> None:
        self.log.place = self.lease.applied
        self.log.newest = self.lease.progress()
        self.lease = await restore(self.log, PARTITION, self.lease.generation + 1, Memory(ROOM))

    async def redrive(self, group: str = GROUP) -> None:
        """Put back everything that was refused so far, in order."""
        refused = sorted({offset for offset, _ in self.out.letters})
        self.out.letters.clear()
        for offset in refused:
            self.log.records.append(redriven(self.log.records[offset], group, len(self.log.records)))
        await self.take_all()

    @property
    def newest(self) -> TraceAssembled:
        return max(self.out.revisions, key=lambda revision: revision.revision)


def _with_value(logged: ConsumerRecord, value: bytes) -> ConsumerRecord:
    return ConsumerRecord(TRACE_LOG.name, PARTITION, logged.offset, 0, 0, logged.key, value, None, 0, 0, ())


def _says(revision: TraceAssembled) -> tuple[object, ...]:
    """What must not depend on when a record was understood."""
    about = revision.head, revision.first_offset, revision.chunk_count, revision.outcome
    return *about, revision.intact, revision.complete, revision.findings


SUBSETS = [{i for i in range(4) if bits >> i & 1} for bits in range(1, 16)]
CASES = [*product(SUBSETS, (False, True), (False, True))]


@pytest.mark.parametrize(("unreadable", "restarts", "twice"), CASES, ids=str)
async def test_whatever_was_refused_the_trace_is_whole_once_it_is_redriven(
    unreadable: set[int], restarts: bool, twice: bool
) -> None:
    [wanted] = (await run(MemoryLog(SESSION))).revisions
    worker = Worker(SESSION, unreadable)
    await worker.take_all()
    assert {offset for offset, _ in worker.out.letters} >= unreadable
    worker.learn()
    if restarts:
        await worker.restart()
    refused = list(worker.out.letters)
    await worker.redrive()
    assert worker.out.letters == []
    assert _says(worker.newest) == _says(wanted)
    if twice:
        before = len(worker.out.revisions)
        worker.out.letters += refused
        await worker.redrive()
        assert len(worker.out.revisions) == before
        assert worker.out.letters == []
    await worker.restart()
    assert list(worker.lease.open) == [], "a second beginning opens nothing"


@pytest.mark.parametrize("unreadable", SUBSETS, ids=str)
async def test_a_late_chunk_still_finds_all_of_it(unreadable: set[int]) -> None:
    *_, wanted = (await run(MemoryLog([*SESSION, *[created(9)] * 8, LATE]))).revisions
    worker = Worker(SESSION, unreadable)
    await worker.take_all()
    worker.learn()
    await worker.redrive()
    before = worker.newest.revision
    worker.log.append(LATE)
    await worker.take_all()
    assert worker.newest.revision > before
    assert (worker.newest.chunk_count, worker.newest.intact) == (3, True)
    assert worker.newest.last_link == wanted.last_link


async def test_what_is_redriven_for_another_group_is_nothing_to_this_one() -> None:
    worker = Worker(SESSION, {1})
    await worker.take_all()
    worker.learn()
    await worker.redrive("sinks")
    assert [revision.chunk_count for revision in worker.out.revisions] == [1]
    await worker.restart()
    worker.log.append(LATE)
    await worker.take_all()
    assert worker.newest.chunk_count == 3, "understood by now, where it stands"
    assert [finding.kind for finding in worker.newest.findings] == []


async def test_what_came_between_the_refusal_of_a_beginning_and_its_redrive_is_not_forgotten() -> None:
    worker = Worker([created(), CHUNKS[0]], {0})
    await worker.take_all()
    worker.learn()
    worker.log.append(CHUNKS[1])
    await worker.take_all()
    await worker.redrive()
    worker.log.append(completed(CHUNKS[:2]))
    await worker.take_all()
    assert [(r.revision, r.chunk_count, r.complete) for r in worker.out.revisions] == [(1, 2, True)]


async def test_a_redriven_beginning_is_rebuilt_from_where_it_stood() -> None:
    """Older open traces begin after it, so the mark alone would begin too late."""
    other = created(2)
    worker = Worker([created(), other, CHUNKS[0]], {0})
    await worker.take_all()
    worker.learn()
    worker.log.append(CHUNKS[1])
    await worker.take_all()
    await worker.redrive()
    assert worker.lease.progress().rebuild_from == 1
    await worker.restart()
    worker.log.append(completed(CHUNKS[:2]))
    await worker.take_all()
    assert [(r.chunk_count, r.complete, r.first_offset) for r in worker.out.revisions] == [(2, True, 0)]


async def test_a_chunk_left_in_the_log_comes_back_with_the_place_of_its_receipt() -> None:
    [wanted] = (await run(MemoryLog(SESSION))).revisions
    worker = Worker(SESSION[:3], {1})
    worker.lease = new_lease(room=0)
    await worker.take_all()
    worker.learn()
    await worker.redrive()
    worker.log.append(SESSION[3])
    await worker.take_all()
    assert worker.newest.head == wanted.head


async def test_the_wrong_record_stays_refused_however_often_it_is_redriven() -> None:
    log: list[Record] = [created(), chunk(0, number=9, created_offset=0)]
    worker = Worker(log, set())
    await worker.take_all()
    for _ in range(2):
        assert [error for _, error in worker.out.letters] == ["Invalid"]
        await worker.redrive()
    assert isinstance(log[0], TraceCreated)
    assert encode(log[0]) == worker.log.records[0].value
