"""The audit over a real log and real rows: it holds where everything is there, and names what is taken away."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from aiokafka.structs import TopicPartition

from pipeline.auditor import Fault, Report, audit
from pipeline.conservation import Disposition
from pipeline.deadletter import headers
from pipeline.logreader import bounds, committed, read
from pipeline.objectstore import FolderStore
from pipeline.replay import Log
from schemas.codec import decode, encode
from schemas.records import AssemblyProgress, AuditEntry, Record, TraceCompleted, TraceCreated
from schemas.topics import ASSEMBLY_PROGRESS, AUDIT_LOG, TRACE_ASSEMBLED, TRACE_LOG
from sinks.auditing import ACTION, Auditing
from tests.integration.sinks.conftest import Lab
from tests.support.finished import example, finished, fresh_id

pytestmark = pytest.mark.integration
PLACE = TopicPartition(TRACE_LOG.name, 1)


class Books:
    """What a gateway and an assembler wrote; the test plays both, the sink is real."""

    def __init__(self, lab: Lab, first: int) -> None:
        self.lab, self.first = lab, first
        self.log = Log(FolderStore(lab.folder / "objects"), lab.kafka)

    async def append(self, record: Record | bytes, key: str) -> int:
        """One more record of the partition; its offset."""
        value = record if isinstance(record, bytes) else encode(record)
        sent = await self.lab.producer.send_and_wait(PLACE.topic, value, key=key.encode(), partition=PLACE.partition)
        offset: int = sent.offset
        return offset

    async def finish(self, *, assembled: bool = True) -> str:
        """A whole trace without chunks, and its revision."""
        one = fresh_id()
        first = await self.append(example(TraceCreated, one), one)
        last = await self.append(example(TraceCompleted, one, created_offset=first), one)
        if assembled:
            revision = replace(finished(one), first_offset=first, last_offset=last, chunk_count=0)
            await self.lab.write(TRACE_ASSEMBLED, revision, one)
        return one

    async def consumed(self) -> int:
        """Everything counts as consumed; the next offset."""
        end = await self.lab.end(PLACE)
        await self.lab.commit(PLACE, end, group="streams")
        return end

    async def audit(self) -> Report:
        return await audit(self.log, self.lab.clickhouse, 90, {PLACE: self.first})


@pytest.fixture
async def books(lab: Lab) -> Books:
    return Books(lab, await lab.end(PLACE))


async def _until_sunk(lab: Lab) -> None:
    ends = {place: end for place, (_, end) in (await bounds(lab.kafka, TRACE_ASSEMBLED.name)).items()}
    deadline = time.monotonic() + 40
    sunk: dict[TopicPartition, int] = {}
    while behind := [place for place, end in ends.items() if sunk.get(place, 0) < end]:
        assert time.monotonic() < deadline, behind
        await asyncio.sleep(0.2)
        sunk = await committed(lab.kafka, "sinks")


async def test_the_law_holds_and_a_row_that_is_dropped_is_named(books: Books) -> None:
    lab, ids = books.lab, [await books.finish() for _ in range(5)]
    poison = await books.append(b"poison", "poison")
    await lab.producer.send_and_wait(
        TRACE_LOG.dlq,
        b"poison",
        headers=headers(PLACE.topic, PLACE.partition, poison, "streams", "assembly", ValueError("no record")),
    )
    opened = fresh_id()
    await books.append(example(TraceCreated, opened), opened)
    await books.consumed()
    with lab.sink():
        await _until_sunk(lab)
    report = await books.audit()
    assert report.faults == []
    totals = dict.fromkeys(Disposition, 0)
    for balance in report.balances:
        for (_, _, name), count in balance.counts.items():
            totals[name] += count
    found = {name: count for name, count in totals.items() if count}
    assert found == {Disposition.APPLIED: 10, Disposition.DEAD_LETTERED: 1, Disposition.OPEN: 1}
    lab.clickhouse.command(f"DELETE FROM traces WHERE trace_id = '{ids[2]}'")
    lab.clickhouse.command(f"DELETE FROM events WHERE trace_id = '{ids[3]}' AND chain_index = 1")
    faults = (await books.audit()).faults
    assert {(fault.topic, fault.trace_id, fault.what) for fault in faults} == {
        (TRACE_ASSEMBLED.name, ids[2], "revision 1 has no row in ClickHouse"),
        (TRACE_ASSEMBLED.name, ids[3], "revision 1 has 5 events, ClickHouse has 4"),
    }


async def test_a_record_that_was_passed_over_is_named(books: Books) -> None:
    await books.finish()
    lost = await books.finish(assembled=False)
    await books.append(b"poison", "poison")
    end = await books.consumed()
    created, completed, poison = end - 3, end - 2, end - 1
    faults = (await books.audit()).faults
    assert {(fault.offset, fault.trace_id) for fault in faults} == {(created, lost), (completed, lost), (poison, "")}
    assert (
        Fault(PLACE.topic, PLACE.partition, completed, lost, "it should have made a revision, and there is none")
        in faults
    )


async def test_what_was_not_consumed_yet_is_nobodys_loss(books: Books) -> None:
    await books.consumed()
    await books.finish(assembled=False)
    assert (await books.audit()).faults == []


async def test_rounds_find_a_loss_by_themselves_and_tell_it_once(books: Books) -> None:
    lab, stop = books.lab, asyncio.Event()
    end = await books.consumed()
    for partition in range(TRACE_LOG.partitions[0]):
        place = PLACE._replace(partition=partition)
        now = end if place == PLACE else (await committed(lab.kafka, "streams")).get(place, 0)
        mark = AssemblyProgress(partition=partition, rebuild_from=now, committed_offset=now)
        await lab.write(ASSEMBLY_PROGRESS, mark, str(partition))
    auditing = Auditing(books.log, lab.clickhouse, lab.producer, 90, lambda: True)
    rounds = asyncio.create_task(auditing.run(0.2, stop))
    await asyncio.sleep(2)
    lost = await books.finish(assembled=False)
    await books.consumed()
    deadline = time.monotonic() + 40
    while len(told := await _told(lab, lost)) < 2:
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.3)
    await asyncio.sleep(2)
    stop.set()
    await rounds
    assert sorted(entry.detail["offset"] for entry in await _told(lab, lost)) == sorted([str(end), str(end + 1)])


async def _told(lab: Lab, trace_id: str) -> list[AuditEntry]:
    entries = []
    for place, (first, end) in (await bounds(lab.kafka, AUDIT_LOG.name)).items():
        entries += [decode(record.value) async for record in read(lab.kafka, place, first, end)]
    wanted = f"trace/{trace_id}"
    return [e for e in entries if isinstance(e, AuditEntry) and (e.action, e.subject) == (ACTION, wanted)]
