"""The sink as a process between a real broker and the real engine: all of it arrives, each thing once."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.canonical import dumps
from pipeline.document import seal
from pipeline.objectstore import FolderStore
from pipeline.settings import ClickHouseSettings
from schemas.codec import encode
from schemas.records import (
    AuditEntry,
    EventRejected,
    RunManifest,
    RunPromoted,
    RunStateChanged,
    TraceCompleted,
    TraceCreated,
    TraceJudged,
    TraceValidated,
)
from schemas.topics import (
    AUDIT_LOG,
    CONTROL,
    REJECTS,
    RESCORES,
    TRACE_ASSEMBLED,
    TRACE_JUDGED,
    TRACE_LOG,
    TRACE_VALIDATED,
)
from sinks.blocks import Entry, block_of, columns, plan
from sinks.migrate import migrate
from sinks.rows import Position, rows_of
from tests.integration.sinks.conftest import Lab
from tests.support.finished import document_of, example, example_of, finished, fresh_id
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running, start
from tests.support.stack import clickhouse_command, require_chdb

pytestmark = pytest.mark.integration
TRACES = "SELECT count() FROM v1_traces WHERE trace_id IN {ids:Array(String)}"
EVENTS = "SELECT count() FROM v1_events WHERE trace_id IN {ids:Array(String)}"


async def test_every_topic_lands_in_its_view(lab: Lab) -> None:
    one = fresh_id()
    await lab.write(TRACE_LOG, example(TraceCreated, one), one)
    await lab.write(TRACE_LOG, example(TraceCompleted, one), one)
    await lab.write(TRACE_ASSEMBLED, finished(one, events=7), one)
    await lab.write(TRACE_VALIDATED, example(TraceValidated, one), one)
    await lab.write(TRACE_JUDGED, example(TraceJudged, one), one)
    await lab.write(RESCORES, example(TraceJudged, one, run_id="run-1"), one)
    for _ in range(2):
        await lab.write(REJECTS, example(EventRejected, one), one)
    entry = AuditEntry(project="alpha", actor="cli/ann", action="key revoke", subject=one, detail={"a": "b"}, at_us=7)
    for _ in range(2):
        await lab.write(AUDIT_LOG, entry, "alpha")
    await lab.write(CONTROL, b"no record of ours", "odd")
    await lab.write(CONTROL, replace(example_of(RunManifest), run_id=one), f"run/{one}")
    await lab.write(CONTROL, replace(example_of(RunStateChanged), run_id=one), f"run-state/{one}")
    await lab.write(CONTROL, replace(example_of(RunPromoted), run_id=one, project=one), f"promotion/{one}")
    with lab.sink():
        for wanted, view in (("completed", "v1_progress"), ("done", "v1_traces")):
            await lab.until(wanted, f"SELECT stage FROM {view} WHERE trace_id = {{id:String}}", id=one)
        counts = {"v1_events": 7, "v1_validations": 1, "v1_test_results": 2, "v1_judgements": 2, "v1_current_scores": 2}
        counts["v1_rejects"] = 1
        for view, count in counts.items():
            await lab.until(count, f"SELECT count() FROM {view} WHERE trace_id = {{id:String}}", id=one)
        await lab.until("done", "SELECT state FROM v1_runs WHERE run_id = {id:String}", id=one)
        await lab.until(True, "SELECT followed FROM v1_promotions WHERE project = {id:String}", id=one)
        await lab.until(1, "SELECT count() FROM v1_audit WHERE subject = {id:String} AND detail['a'] = 'b'", id=one)


async def test_a_dead_letter_is_a_row_and_whatever_stands_there_is_no_letter_again(lab: Lab) -> None:
    one = fresh_id()
    await lab.write(TRACE_VALIDATED, b"no record of ours", one)
    odd = [("dlq-offset", b"-1"), ("dlq-group", b"\xff"), ("dlq-topic", None)]
    await lab.producer.send_and_wait(TRACE_JUDGED.dlq, None, key=one.encode(), headers=odd)
    rows = "SELECT count() FROM v1_dead_letters WHERE trace_id = {id:String} AND state = 'open'"
    with lab.sink():
        await lab.until(2, rows, id=one)
        own = "SELECT error FROM v1_dead_letters WHERE trace_id = {id:String} AND consumer_group = 'sinks'"
        await lab.until("UndecodableRecord", own, id=one)
        await asyncio.sleep(1)
        await lab.until(2, rows, id=one)


async def test_what_was_redriven_for_another_group_is_no_row(lab: Lab) -> None:
    other, ours = fresh_id(), fresh_id()
    for one, group in ((other, b"judge"), (ours, b"sinks")):
        note = [("redrive-group", group)]
        await lab.producer.send_and_wait(TRACE_ASSEMBLED.name, encode(finished(one)), key=b"k", headers=note)
    with lab.sink():
        await lab.until(1, TRACES, ids=[ours])
        assert lab.value(TRACES, ids=[other]) == 0


async def test_big_documents_come_from_the_object_store(lab: Lab) -> None:
    one = fresh_id()
    sealed = await seal(dumps(document_of(one, 2_000)), one, FolderStore(lab.folder / "objects"), inline_limit=0)
    record = finished(one, 2_000, document=None, document_ref=sealed.ref, document_digest=sealed.digest)
    await lab.write(TRACE_ASSEMBLED, record, one)
    with lab.sink():
        await lab.until(2_000, EVENTS, ids=[one])


async def test_the_same_records_twice_are_seen_once(lab: Lab) -> None:
    ids = [fresh_id() for _ in range(20)]
    for _ in range(2):
        await lab.write_all(TRACE_ASSEMBLED, [finished(one) for one in ids])
        await lab.write_all(TRACE_JUDGED, [example(TraceJudged, one) for one in ids])
    last = fresh_id()
    await asyncio.gather(*(lab.write(TRACE_ASSEMBLED, finished(last), key) for key in "abcdefgh"))
    with lab.sink():
        await lab.until(21, TRACES, ids=[*ids, last])
        await lab.until(5 * 21, EVENTS, ids=[*ids, last])
        await lab.until(2 * 20, "SELECT count() FROM v1_current_scores")


async def test_what_can_never_be_rows_is_dead_lettered_and_the_rest_arrives(lab: Lab) -> None:
    before, lost, after = (fresh_id() for _ in range(3))
    tp = await lab.write(TRACE_ASSEMBLED, finished(before))
    begin = await lab.end(tp)
    for record in (
        b"no record of ours",
        finished(lost, document=None, document_ref="documents/absent"),
        finished(after),
    ):
        await lab.write(TRACE_ASSEMBLED, record)
    with lab.sink():
        await lab.until(2, TRACES, ids=[before, lost, after])
        letters = await lab.dead_letters(TRACE_ASSEMBLED, lambda seen: len(_of_sinks(seen, tp, begin)) >= 2)
        await lab.until_committed(tp, await lab.end(tp))
    reasons = [dict(letter.headers)["dlq-reason"].decode() for letter in _of_sinks(letters, tp, begin)]
    assert "no C3 01 header" in reasons[0]
    assert f"documents/absent of {lost}" in reasons[1]


def _of_sinks(letters: list[ConsumerRecord], tp: TopicPartition, begin: int) -> list[ConsumerRecord]:
    """Those of the sinks about what stands in the partition from `begin` on."""
    return [
        letter
        for letter in letters
        if (told := dict(letter.headers))["dlq-group"] == b"sinks"
        and int(told["dlq-partition"]) == tp.partition
        and int(told["dlq-offset"]) >= begin
    ]


@pytest.mark.parametrize("inserted", [[], ["events"], ["events", "traces"]])
async def test_a_crash_after_the_plan_repeats_exactly_that_block(lab: Lab, inserted: list[str]) -> None:
    """What a sink leaves that died before, amid or after its inserts: a plan, and some tables done."""
    ids = [fresh_id() for _ in range(5)]
    tp = await lab.write(TRACE_LOG, example(TraceCreated, fresh_id()))
    tp = tp._replace(topic=TRACE_ASSEMBLED.name)
    first = await lab.end(tp)
    for one in ids:
        await lab.write(TRACE_ASSEMBLED, finished(one))
    entries = [
        Entry(first + i, rows_of(finished(one), Position(tp.topic, tp.partition, first + i), document_of(one, 5)))
        for i, one in enumerate(ids[:3])
    ]
    block = block_of(tp.topic, tp.partition, entries)
    for table in inserted:
        lab.clickhouse.insert(table, *columns(block.rows[table]), block.token(table))
    await lab.commit(tp, first, plan(block.last))
    done = {table: lab.value(f"SELECT max(inserted_at) FROM {table}") for table in inserted}
    with lab.sink():
        await lab.until(5, TRACES, ids=ids)
        await lab.until(25, EVENTS, ids=ids)
        await lab.until_committed(tp, first + 5)
    for table, at in done.items():
        again = f"SELECT max(inserted_at) FROM {table} WHERE source_offset <= {block.last}"
        assert lab.value(again) == at, f"{table} was stored again"


async def test_kill_9_at_any_moment_loses_and_doubles_nothing(lab: Lab) -> None:
    ids: list[str] = []
    moments, killed = random.Random(7), asyncio.Event()

    async def produce() -> None:
        while not killed.is_set():
            ids.append(fresh_id())
            await lab.write(TRACE_ASSEMBLED, finished(ids[-1]), ids[-1])
            await lab.write(TRACE_VALIDATED, example(TraceValidated, ids[-1]), ids[-1])
            await asyncio.sleep(0.1)

    producing = asyncio.create_task(produce())
    for _ in range(3):
        process = lab.launch()
        await lab.until_rows_grow("SELECT count() FROM events")
        await asyncio.sleep(moments.random())
        process.kill()
    killed.set()
    await producing
    with lab.sink():
        await lab.until(len(ids), TRACES, timeout_s=40, ids=ids)
        await lab.until(5 * len(ids), EVENTS, ids=ids)
        await lab.until(2 * len(ids), "SELECT count() FROM v1_test_results")
    assert lab.value("SELECT count() = uniqExact(trace_id, chain_index) FROM events"), "a block was stored twice"


async def test_an_outage_of_clickhouse_only_delays(lab: Lab) -> None:
    require_chdb()
    folder, port = lab.folder / "engine", free_port()
    folder.mkdir()
    lab.use(ClickHouseSettings(clickhouse_url=f"http://127.0.0.1:{port}", clickhouse_database="telemetry"))
    early, late = fresh_id(), fresh_id()
    command = clickhouse_command(port, folder)

    def listening() -> bool:
        return accepts_connections(port)

    engine = start(command, folder / "engine.log")
    engine.wait_until(listening)
    migrate(lab.settings)
    with lab.sink() as sink:
        await lab.write(TRACE_ASSEMBLED, finished(early))
        await lab.until(1, TRACES, ids=[early])
        engine.kill()
        await lab.write(TRACE_ASSEMBLED, finished(late))
        await asyncio.sleep(2)
        assert sink.returncode is None
        with running(command, folder / "engine.log", listening):
            await lab.until(2, TRACES, ids=[early, late])
