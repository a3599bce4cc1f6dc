"""An erased trace is gone from every table and from the object store, and nothing that comes late brings it back."""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256
from typing import Any

import pytest

from pipeline.canonical import dumps
from pipeline.clock import now_us
from pipeline.document import seal
from pipeline.erasure import KEPT_TABLES, is_erased
from pipeline.objectstore import FolderStore, artifact_key, derived_key
from schemas.records import (
    ArtifactStored,
    EventRejected,
    LeafAppended,
    TraceAssembled,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceJudged,
    TraceValidated,
)
from schemas.topics import INTEGRITY_LOG, REJECTS, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_LOG, TRACE_VALIDATED
from sinks.erasure import TABLES, enforce
from sinks.shadow_plan import AGGREGATES, KEPT_AGGREGATES
from tests.integration.sinks.conftest import Lab
from tests.support.finished import document_of, example, finished, fresh_id

pytestmark = pytest.mark.integration
SHA = "sha256:" + "a" * 64
OWN = {"claims", "events", "judgements", "leaves", "rejects", "test_results", "trace_progress", "traces", "validations"}
"""The tables that have rows of a trace once all has come."""
FILLED = OWN | AGGREGATES.keys() - KEPT_AGGREGATES


def _left(lab: Lab, trace_id: str) -> dict[str, int]:
    """Rows of a trace by table, even those that a view would not show."""
    counts = {}
    for table in (row["name"] for row in lab.clickhouse.rows(TABLES)):
        counts[table] = lab.value(f"SELECT count() FROM {table} WHERE trace_id = {{id:String}}", id=trace_id)
    return {table: count for table, count in counts.items() if count and table not in KEPT_TABLES}


async def _until_gone(lab: Lab, trace_id: str) -> None:
    deadline = time.monotonic() + 30
    while left := _left(lab, trace_id):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.05)


async def _write_all_of(lab: Lab, one: str) -> TraceAssembled:
    revision = finished(one, events=7)
    await lab.write(TRACE_LOG, example(TraceCreated, one), one)
    await lab.write(TRACE_LOG, example(TraceCompleted, one), one)
    await lab.write(TRACE_ASSEMBLED, revision, one)
    await lab.write(TRACE_VALIDATED, example(TraceValidated, one), one)
    await lab.write(TRACE_JUDGED, example(TraceJudged, one), one)
    await lab.write(REJECTS, example(EventRejected, one), one)
    await lab.write(INTEGRITY_LOG, example(LeafAppended, one, leaf_hash=sha256(one.encode()).digest()), one)
    return revision


async def test_rows_of_an_erased_trace_go_from_every_table_and_those_of_others_stay(lab: Lab) -> None:
    one, other = fresh_id(), fresh_id()
    await _write_all_of(lab, other)
    revision = await _write_all_of(lab, one)
    stage = "SELECT stage FROM v1_traces WHERE trace_id = {id:String}"
    with lab.sink():
        for trace_id in (one, other):
            await lab.until("done", stage, id=trace_id)
            for view in ("v1_rejects", "v1_leaves"):
                await lab.until(1, f"SELECT count() FROM {view} WHERE trace_id = {{id:String}}", id=trace_id)
        assert _left(lab, one).keys() == FILLED
        await lab.write(TRACE_LOG, example(TraceErased, one), one)
        await _until_gone(lab, one)
        assert _left(lab, other).keys() == FILLED
        place = "SELECT leaf_index FROM v1_leaves WHERE trace_id = {id:String}"
        first = "SELECT count() FROM leaf_hashes WHERE source_offset <"
        of_other = "(SELECT min(source_offset) FROM leaves WHERE trace_id = {id:String})"
        assert lab.value(place, id=other) == lab.value(f"{first} {of_other}", id=other)
        heads = "SELECT heads FROM v1_erasures WHERE trace_id = {id:String}"
        await lab.until([revision.head], heads, id=one)
        # A second erasure finds nothing, and what was kept of the first one stays.
        await lab.write(TRACE_LOG, example(TraceErased, one), one)
        await lab.until(2, "SELECT count() FROM erasures WHERE trace_id = {id:String}", id=one)
        assert lab.value(heads, id=one) == [revision.head]


async def test_what_comes_after_the_erasure_does_not_stay(lab: Lab) -> None:
    """Verdict, score and a repeated revision of services that were at work, and all of it again by a replay."""
    one, marker = fresh_id(), fresh_id()
    place = await lab.write(TRACE_LOG, example(TraceErased, one), one)
    with lab.sink():
        await lab.until(1, "SELECT count() FROM erasures WHERE trace_id = {id:String}", id=one)
        for _ in range(2):
            await _write_all_of(lab, one)
        for topic in (TRACE_LOG, TRACE_ASSEMBLED, TRACE_VALIDATED, TRACE_JUDGED):
            partition = place._replace(topic=topic.name)
            await lab.until_committed(partition, await lab.end(partition))
        await _write_all_of(lab, marker)
        await lab.until(1, "SELECT count() FROM v1_rejects WHERE trace_id = {id:String}", id=marker)
        await _until_gone(lab, one)


async def test_two_sinks_at_once_leave_no_row(lab: Lab) -> None:
    """One has inserted the erasure and not yet looked; the other inserts a row, and looks: it removes it."""
    one = fresh_id()
    row = {"trace_id": one, "project": "p", "participant_id": "x", "stage": "received", "at": 1}
    row |= {"minted_at": now_us() // 1000, "source_topic": "t", "source_partition": 0, "source_offset": 0}
    erasure = {name: row[name] for name in ("trace_id", "project", "minted_at", "source_topic", "source_partition")}
    erasure |= {"source_offset": 1, "erased_at": 2}
    for table, values in (("erasures", erasure), ("trace_progress", row)):
        lab.clickhouse.insert(table, list(values), [[value] for value in values.values()], table)
    assert _left(lab, one) == {"trace_progress": 1, "agg_progress": 1}
    assert enforce(lab.clickhouse, [one, fresh_id()]) == [one]
    assert _left(lab, one) == {}
    parts = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND active AND has_lightweight_delete"
    await lab.until(0, parts)


async def test_objects_of_an_erased_trace_go_even_those_that_are_stored_late(lab: Lab) -> None:
    one, other, store = fresh_id(), fresh_id(), FolderStore(lab.folder / "objects")
    project = example(TraceCreated, one).project
    sealed = await seal(dumps(document_of(one, 2_000)), one, store, inline_limit=0)
    keys = [artifact_key(project, one, SHA, private) for private in (True, False)]
    keys += [derived_key("evidence", one, SHA), sealed.ref or ""]
    kept = artifact_key(project, other, SHA, private=False)
    for key in (*keys[:3], kept):
        await store.put(key, b"content")
    await lab.write(TRACE_LOG, example(TraceErased, one), one)
    with lab.sink():
        await _until_no_objects(store, keys)
        assert await is_erased(store, one)
        # The file of an upload, the document of a replay and the evidence of a judge that were under way.
        await store.put(keys[1], b"late")
        await lab.write(TRACE_LOG, example(ArtifactStored, one, sha256=SHA), one)
        await _until_no_objects(store, keys)
        sealed = await seal(dumps(document_of(one, 2_000)), one, store, inline_limit=0)
        by_ref: dict[str, Any] = {"document": None, "document_ref": sealed.ref, "document_digest": sealed.digest}
        await lab.write(TRACE_ASSEMBLED, finished(one, 2_000, **by_ref), one)
        await _until_no_objects(store, keys)
        await store.put(keys[2], b"late")
        tp = await lab.write(TRACE_JUDGED, example(TraceJudged, one, evidence_ref=keys[2]), one)
        await _until_no_objects(store, keys)
        await lab.until_committed(tp, await lab.end(tp))
        await _until_gone(lab, one)
    assert await store.keys("artifacts/") == [kept]


async def _until_no_objects(store: FolderStore, keys: list[str]) -> None:
    deadline = time.monotonic() + 30
    while left := [key for key in keys if await store.exists(key)]:
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.05)


async def test_a_document_that_went_with_its_trace_is_no_dead_letter(lab: Lab) -> None:
    one, last = fresh_id(), fresh_id()
    await lab.write(TRACE_LOG, example(TraceErased, one), one)
    with lab.sink():
        deadline = time.monotonic() + 30
        while not await is_erased(FolderStore(lab.folder / "objects"), one):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        gone = finished(one, document=None, document_ref=derived_key("documents", one, SHA))
        lost = finished(last, document=None, document_ref=derived_key("documents", last, SHA))
        for record in (gone, lost):
            await lab.write(TRACE_ASSEMBLED, record)
        about = f"of {last}"
        letters = await lab.dead_letters(
            TRACE_ASSEMBLED, lambda seen: any(about in dict(x.headers)["dlq-reason"].decode() for x in seen)
        )
    assert not any(one in dict(letter.headers)["dlq-reason"].decode() for letter in letters)
