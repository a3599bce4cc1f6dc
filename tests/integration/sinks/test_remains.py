"""The proof of an erasure finds what is left, wherever it is, and says what is kept on purpose."""

from __future__ import annotations

import pytest

from pipeline.archive import write
from pipeline.erasure import mark_erased
from pipeline.objectstore import FolderStore, artifact_key
from pipeline.remains import Held, Left, in_archive, in_store, in_tables, in_topics
from pipeline.segments import Entry, segment_of
from schemas.codec import encode
from schemas.records import AuditEntry, TraceCompleted, TraceErased, TraceJudged
from schemas.topics import AUDIT_LOG, TRACE_JUDGED, TRACE_LOG
from sinks.blocks import columns
from sinks.rows import Position, rows_of
from tests.integration.sinks.conftest import Lab
from tests.support.finished import example, fresh_id

pytestmark = pytest.mark.integration


def _insert(lab: Lab, *records: TraceJudged | TraceErased | AuditEntry) -> None:
    for offset, record in enumerate(records):
        for table, rows in rows_of(record, Position("t", 0, offset)).items():
            lab.clickhouse.insert(table, *columns(rows), f"{table}-{offset}")


async def test_rows_are_found_by_the_id_wherever_it_stands(lab: Lab) -> None:
    one, other = fresh_id(), fresh_id()
    entry = AuditEntry(project="p", actor="a", action="trace erase", subject=f"trace/{one}", detail={}, at_us=7)
    hidden = example(TraceJudged, other, evidence_ref=f"evidence/{one}/x")
    _insert(lab, example(TraceErased, one), entry, hidden)
    assert in_tables(lab.clickhouse, [one]) == [
        Left("clickhouse audit", 1, kept=True),
        Left("clickhouse erasures", 1, kept=True),
        Left("clickhouse judgements", 1),
    ]
    assert in_tables(lab.clickhouse, [fresh_id()]) == []


async def test_objects_and_archived_records_are_found(lab: Lab) -> None:
    one, store = fresh_id(), FolderStore(lab.folder / "objects")
    erasure = Entry(1, 7, one.encode(), encode(example(TraceErased, one)))
    entries = [Entry(0, 4 * 10**12, one.encode(), encode(example(TraceCompleted, one))), erasure]
    await write(store, segment_of("trace-log", 0, entries), entries)
    await store.put(artifact_key("p", one, "sha256:" + "a" * 64, private=True), b"x")
    await mark_erased(store, one)
    assert await in_store(store, [one]) == [Left("objects erasures", 1, kept=True), Left("objects workspaces", 1)]
    assert await in_archive(store, [one]) == [Left("archive trace-log", 1), Left("archive trace-log", 1, kept=True)]
    assert await in_archive(store, [fresh_id()]) == []


async def test_what_the_broker_still_holds_is_told_with_its_end(lab: Lab) -> None:
    one = fresh_id()
    for _ in range(2):
        await lab.write(TRACE_JUDGED, example(TraceJudged, one), one)
    sent = await lab.producer.send_and_wait(TRACE_LOG.dlq, b"about " + one.encode())
    entry = AuditEntry(project="p", actor="a", action="x", subject=f"trace/{one}", detail={}, at_us=7)
    await lab.write(AUDIT_LOG, entry, "p")
    log_letters, judged, audit = sorted(await in_topics(lab.kafka, [one]), key=lambda held: held.topic != TRACE_LOG.dlq)
    assert log_letters == Held(TRACE_LOG.dlq, 1, sent.timestamp + 30 * 86_400_000)
    assert (judged.topic, judged.count) == (TRACE_JUDGED.name, 2)
    assert audit == Held(AUDIT_LOG.name, 1, None)
