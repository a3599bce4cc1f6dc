"""Tables rebuilt from the log beside the live ones: what was damaged is found, exchanged and taken back."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.errors import Retryable
from pipeline.ids import new_trace_id
from pipeline.kafka import admin, ensure_topics, make_consumer
from pipeline.logreader import bounds
from pipeline.objectstore import FolderStore
from pipeline.remains import in_tables
from pipeline.settings import KafkaSettings
from schemas.records import (
    AuditEntry,
    CheckpointSigned,
    EventRejected,
    LeafAppended,
    ProjectPolicy,
    RunManifest,
    RunPromoted,
    RunStateChanged,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceJudged,
    TraceValidated,
)
from schemas.topics import (
    AUDIT_LOG,
    CONTROL,
    INTEGRITY_LOG,
    REJECTS,
    RESCORES,
    TRACE_ASSEMBLED,
    TRACE_JUDGED,
    TRACE_LOG,
    TRACE_VALIDATED,
)
from sinks.migrate import migrate
from sinks.shadow_build import Filled, Filler
from sinks.shadow_check import Comparison, Differs, until_inserted
from sinks.shadow_plan import FED_BY
from sinks.shadow_run import Request, ShadowRun
from sinks.worker import GROUP, TOPICS
from tests.integration.sinks.conftest import Lab
from tests.support.finished import example, example_of, finished, fresh_id
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running, start
from tests.support.stack import kafka_command, require_kafka

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
DAY_US = 86_400_000_000
_logs = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker whose whole log is that of these tests."""
    require_kafka()
    folder, port = tmp_path_factory.mktemp("shadow-kafka"), free_port()
    with running(kafka_command(port, folder), folder / "kafka.log", lambda: accepts_connections(port)):
        asyncio.run(ensure_topics(KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")))
        yield f"127.0.0.1:{port}"


@pytest.fixture
async def live(lab: Lab) -> AsyncIterator[Lab]:
    """The live database has what the whole log says once a sink has run; shadows go at the end."""
    firsts = {place: first for place, (first, _) in (await _places(lab)).items()}
    consumer = make_consumer(lab.kafka, group=GROUP)
    consumer.assign(list(firsts))
    await consumer.start()
    await consumer.commit(firsts)
    await consumer.stop()
    yield lab
    for database in _shadows(lab.clickhouse):
        lab.clickhouse.command(f"DROP DATABASE {database} SYNC")


async def _places(lab: Lab) -> dict[TopicPartition, tuple[int, int]]:
    """Every partition that the sinks read."""
    return await bounds(lab.kafka, *TOPICS)


def _shadows(clickhouse: ClickHouse) -> list[str]:
    names = "SELECT name FROM system.databases WHERE startsWith(name, concat(currentDatabase(), '_shadow_'))"
    return [row["name"] for row in clickhouse.rows(names)]


def _environment(lab: Lab) -> dict[str, str]:
    return {
        "PR_TELEMETRY_HOME": str(lab.folder),
        "KAFKA_BOOTSTRAP": lab.kafka.kafka_bootstrap,
        "CLICKHOUSE_URL": lab.settings.clickhouse_url,
        "CLICKHOUSE_DATABASE": lab.settings.clickhouse_database,
        "OBJECT_STORE_DIR": str(lab.folder / "objects"),
    }


async def _replay(lab: Lab, *args: str, status: int = 0) -> dict[str, Any]:
    """What `pr-telemetry replay` says; AssertionError for another exit status."""
    command = [sys.executable, "-m", "pipeline.cli", "replay", "--run", "r", *args, "--json"]
    environment = {**os.environ, **_environment(lab)}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150, check=False)

    done = await asyncio.to_thread(run)
    assert done.returncode == status, done.stderr + done.stdout
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return found


@contextmanager
def _shadow(lab: Lab) -> Iterator[ShadowRun]:
    """The same run, in this process."""
    store = FolderStore(lab.folder / "objects")
    run = ShadowRun("r", lab.settings, lab.kafka, store, lambda *_: None)
    try:
        yield run
    finally:
        run.close()


def _found(comparison: Comparison) -> list[tuple[str, str, int]]:
    return sorted((found.table, found.kind, found.count) for found in comparison.differences)


def _rebuild(lab: Lab) -> Process:
    command = [sys.executable, "-m", "sinks.shadow", "build", "--run", "r"]
    return start(command, lab.folder / f"rebuild-{next(_logs)}.log", _environment(lab))


async def _write_all_of(lab: Lab, one: str) -> None:
    await lab.write(TRACE_LOG, example(TraceCreated, one), one)
    await lab.write(TRACE_LOG, example(TraceCompleted, one), one)
    await lab.write(TRACE_ASSEMBLED, finished(one), one)
    await lab.write(TRACE_VALIDATED, example(TraceValidated, one), one)
    await lab.write(TRACE_JUDGED, example(TraceJudged, one), one)
    await lab.write(RESCORES, example(TraceJudged, one, run_id="run-1"), one)
    await lab.write(REJECTS, example(EventRejected, one), one)
    leaf = hashlib.sha256(one.encode()).digest()
    await lab.write(INTEGRITY_LOG, example(LeafAppended, one, leaf_hash=leaf), one)


async def _write_a_run(lab: Lab) -> None:
    entry = AuditEntry(project="alpha", actor="cli/ann", action="key revoke", subject="x", detail={"a": "b"}, at_us=7)
    await lab.write(AUDIT_LOG, entry, "alpha")
    await lab.write(CONTROL, replace(example_of(RunManifest), run_id="r1"), "run/r1")
    await lab.write(CONTROL, replace(example_of(RunStateChanged), run_id="r1"), "run-state/r1")
    await lab.write(CONTROL, replace(example_of(RunPromoted), run_id="r1"), "promotion/p")
    await lab.write(CONTROL, example_of(ProjectPolicy), "policy/acme")
    await lab.write(INTEGRITY_LOG, example_of(CheckpointSigned))
    await lab.write(TRACE_VALIDATED, b"no record of ours", "odd")


def _figures(lab: Lab) -> list[list[dict[str, Any]]]:
    """What is asked of aggregates: of days, of the transparency log, of rubrics."""
    asked = (
        "v1_daily ORDER BY project, day",
        "v1_leaves ORDER BY leaf_index",
        "v1_rubric_weights ORDER BY rubric_digest, criterion",
        "v1_projects ORDER BY project",
    )
    return [lab.clickhouse.rows(f"SELECT * FROM {view}") for view in asked]


async def _settled(lab: Lab) -> None:
    """Returns once the live sink has inserted the whole log."""
    await until_inserted(lab.kafka, {place: end for place, (_, end) in (await _places(lab)).items()})


async def test_damage_is_found_exactly_and_a_swap_repairs_it(live: Lab) -> None:
    ids = [fresh_id() for _ in range(8)]
    for one in ids:
        await _write_all_of(live, one)
    await _write_a_run(live)
    with live.sink(), _shadow(live) as run:
        await _settled(live)
        assert (await run.build()).rows > 8 * 10
        whole = await run.check()
        assert whole.differences == []
        assert whole.live.keys() == FED_BY.keys()
        assert all(whole.live[table].rows for table in FED_BY if table not in ("erasures", "claims"))

        figures = _figures(live)
        live.clickhouse.command(f"DELETE FROM events WHERE trace_id = '{ids[0]}' AND chain_index >= 3")
        live.clickhouse.command(f"DELETE FROM agg_events WHERE trace_id = '{ids[0]}'")
        live.clickhouse.command(f"DELETE FROM agg_traces WHERE trace_id = '{ids[1]}'")
        live.clickhouse.command("TRUNCATE TABLE rubric_weights")
        assert _figures(live) != figures
        live.clickhouse.command(f"DELETE FROM traces WHERE trace_id = '{ids[1]}'")
        await _changed_grade(live, ids[2])
        damaged = await run.check()
        assert _found(damaged) == [("events", "missing", 2), ("judgements", "different", 1), ("traces", "missing", 1)]
        keys = {found.table: found.keys for found in damaged.differences}
        assert keys["events"] == (f"('{ids[0]}',1,3)", f"('{ids[0]}',1,4)")
        assert keys["traces"] == (f"('{ids[1]}',1)",)
        assert ids[2] in keys["judgements"][0]

        assert (await run.swap()).turned
        assert live.value(f"SELECT count() FROM v1_events WHERE trace_id = '{ids[0]}'") == 5
        assert live.value(f"SELECT count() FROM v1_traces WHERE trace_id = '{ids[1]}'") == 1
        assert (await run.check()).live == whole.live
        assert _figures(live) == figures

        assert not (await run.swap()).turned
        assert live.value(f"SELECT count() FROM v1_traces WHERE trace_id = '{ids[1]}'") == 0
        assert _found(await run.check()) == _found(damaged)


async def test_the_commands_build_check_swap_and_drop_and_leave_entries(live: Lab) -> None:
    one = fresh_id()
    await _write_all_of(live, one)
    with live.sink():
        await _settled(live)
        assert (await _replay(live, "--into", "sinks", "--topic", "rejects"))["rows"]
        live.clickhouse.command(f"DELETE FROM rejects WHERE trace_id = '{one}'")
        (missing,) = (await _replay(live, "--check", status=1))["differences"]
        assert (missing["table"], missing["kind"], missing["count"]) == ("rejects", "missing", 1)
        await _replay(live, "--swap", status=2)
        assert (await _replay(live, "--swap", "--yes"))["swapped"]
        assert live.value(f"SELECT count() FROM v1_rejects WHERE trace_id = '{one}'") == 1
        assert (await _replay(live, "--drop", "--yes"))["dropped"]
        await _settled(live)
    actions = live.clickhouse.rows("SELECT DISTINCT action FROM v1_audit WHERE subject = 'rebuild/r' ORDER BY action")
    assert [row["action"] for row in actions] == ["replay build", "replay drop", "replay swap"]
    assert _shadows(live.clickhouse) == []


async def _changed_grade(lab: Lab, trace_id: str) -> None:
    """What somebody does who wants another score: a newer row of the same key."""
    (place,) = lab.clickhouse.rows(
        "SELECT source_partition AS n FROM judgements WHERE run_id = 'live' AND trace_id = {id:String}",
        {"id": trace_id},
    )
    end = (await bounds(lab.kafka, TRACE_JUDGED.name))[TopicPartition(TRACE_JUDGED.name, place["n"])][1]
    lab.clickhouse.command(
        f"INSERT INTO judgements SELECT * REPLACE(5000 AS overall_milli, {end + 3} AS source_offset)"
        f" FROM judgements WHERE run_id = 'live' AND trace_id = '{trace_id}'"
    )
    assert lab.value(f"SELECT overall FROM v1_judgements WHERE current AND trace_id = '{trace_id}'") == 5


async def test_a_row_changed_in_place_differs(live: Lab) -> None:
    one = fresh_id()
    await _write_all_of(live, one)
    with live.sink(), _shadow(live) as run:
        await _settled(live)
        live.clickhouse.command(
            "INSERT INTO validations SELECT * REPLACE('not_fixed' AS verdict) FROM validations"
            f" WHERE trace_id = '{one}'"
        )
        await run.build()
        found = await run.check()
    assert _found(found) == [("validations", "different", 1)]
    assert found.live["validations"].rows == found.shadow["validations"].rows


async def test_a_rebuild_killed_at_any_moment_goes_on_and_stores_nothing_twice(live: Lab) -> None:
    for _ in range(30):
        await _write_all_of(live, fresh_id())
    place = await live.write(TRACE_ASSEMBLED, finished(fresh_id(), events=30_000))
    for _ in range(5):
        await live.write(TRACE_ASSEMBLED, finished(fresh_id(), events=30_000))
    name = f"{live.settings.clickhouse_database}_shadow_r"
    plans = f"SELECT count() FROM {name}.shadow_positions WHERE metadata != '' AND topic = '{place.topic}'"
    for number in (1, 2):
        process = _rebuild(live)
        await _until_at_least(live, number, plans, process)
        process.kill()
    with live.sink(), _shadow(live) as run:
        await _settled(live)
        await run.build()
        found = await run.check()
    assert found.differences == []
    assert found.shadow["events"].rows >= 6 * 30_000
    keys = "count() = uniqExact(trace_id, revision, chain_index, source_offset)"
    assert live.value(f"SELECT {keys} FROM {name}.events"), "a block was stored twice"


async def _until_at_least(lab: Lab, number: int, sql: str, process: Process) -> None:
    for _ in range(3_000):
        if (lab.value(sql) or 0) >= number:
            return
        assert process.returncode is None, process.log_tail()
        await asyncio.sleep(0.01)
    raise AssertionError(process.log_tail())


@asynccontextmanager
async def _traffic(lab: Lab) -> AsyncIterator[list[str]]:
    """Finished traces, one after the other; their ids."""
    ids: list[str] = []
    stop = asyncio.Event()

    async def produce() -> None:
        while not stop.is_set():
            one = fresh_id()
            await _write_all_of(lab, one)
            ids.append(one)

    producing = asyncio.create_task(produce())
    try:
        yield ids
    finally:
        stop.set()
        await producing


async def test_traces_that_arrive_during_swaps_are_there_exactly_once(live: Lab) -> None:
    """With the sink at work all the time, and killed once in between: forth, back and forth again."""
    sink = live.launch()
    try:
        async with _traffic(live) as ids:
            with _shadow(live) as run:
                await run.build()
            for turn in range(3):
                before = len(ids)
                with _shadow(live) as run:
                    assert (await run.swap()).turned == (turn % 2 == 0)
                assert len(ids) > before, "nothing arrived meanwhile"
                if turn == 1:
                    sink.kill()
                    sink = live.launch()
        await _settled(live)
        assert await _counts(live, ids) == {
            "v1_traces": len(ids),
            "v1_events": 5 * len(ids),
            "v1_validations": len(ids),
            "v1_test_results": 2 * len(ids),
            "v1_judgements": 2 * len(ids),
            "v1_current_scores": 2 * len(ids),
            "v1_rejects": len(ids),
            "v1_progress": len(ids),
        }
        with _shadow(live) as run:
            assert (await run.check()).differences == []
        daily = live.clickhouse.rows("SELECT sum(finished), sum(events), sum(judgements) FROM v1_daily")[0]
        assert list(daily.values()) == [
            live.value(f"SELECT count() FROM {view}") for view in ("v1_traces", "v1_events", "v1_judgements")
        ]
    finally:
        assert sink.stop() == 0, sink.log_tail()


async def _counts(lab: Lab, ids: Sequence[str]) -> dict[str, int]:
    views = ("traces", "events", "validations", "test_results", "judgements", "current_scores", "rejects", "progress")
    query = "SELECT count() FROM v1_{} WHERE trace_id IN {{ids:Array(String)}}"
    return {f"v1_{view}": lab.value(query.format(view), ids=list(ids)) for view in views}


@pytest.mark.parametrize("when", ["amid the exchange", "before the live tables are filled"])
async def test_a_swap_that_was_cut_short_goes_on(live: Lab, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Two tables of three are exchanged, or all of them and nothing more; meanwhile records have come."""
    early, late = fresh_id(), fresh_id()
    await _write_all_of(live, early)
    rows = "SELECT count() FROM {} WHERE trace_id = {{id:String}}"
    with live.sink(), _shadow(live) as run:
        await _settled(live)
        live.clickhouse.command(f"DELETE FROM rejects WHERE trace_id = '{early}'")
        await run.build(Request(("rejects", "trace-log")))
        with monkeypatch.context() as patch:
            if when == "amid the exchange":
                patch.setattr(ClickHouse, "command", _dying_at("EXCHANGE", 3))
            else:
                patch.setattr(Filler, "fill", _dying_for("live"))
            with pytest.raises(Retryable, match="dead"):
                await run.swap()
        for refused in (run.build, run.check):
            with pytest.raises(Differs, match="cut short"):
                await refused()
        with pytest.raises(Differs, match="cut short"):
            run.drop()
        await _write_all_of(live, late)
    with live.sink(), _shadow(live) as again:
        assert (await again.swap()).turned
        await _settled(live)
        for table, count in (("v1_rejects", 1), ("v1_progress", 1)):
            assert [live.value(rows.format(table), id=one) for one in (early, late)] == [count, count]
        missing = live.value(f"SELECT count() FROM {again.name}.rejects WHERE trace_id = '{early}'")
        assert missing == 0, "the former table is not the shadow's"


def _dying_at(word: str, number: int) -> Callable[..., Any]:
    """A `command` that fails at the so-manieth statement with this word."""
    whole, seen = ClickHouse.command, itertools.count(1)

    def command(self: ClickHouse, sql: str, parameters: dict[str, Any] | None = None) -> Any:
        if word in sql and next(seen) == number:
            raise Retryable("dead")
        return whole(self, sql, parameters)

    return command


def _dying_for(purpose: str) -> Callable[..., Any]:
    whole = Filler.fill

    async def fill(self: Filler, *args: Any) -> Filled:
        if self.purpose == purpose:
            raise Retryable("dead")
        return await whole(self, *args)

    return fill


async def test_erased_and_expired_rows_are_no_differences(live: Lab) -> None:
    gone, late, stays, old = fresh_id(), fresh_id(), fresh_id(), new_trace_id(now_us() - 100 * DAY_US)
    for one in (gone, late, stays, old):
        await _write_all_of(live, one)
    await live.write(TRACE_LOG, example(TraceErased, gone), gone)
    with live.sink(), _shadow(live) as run:
        await _settled(live)
        for table in ("traces", "events", "judgements"):
            live.clickhouse.command(f"OPTIMIZE TABLE {table} FINAL")
        await run.build()
        assert (await run.check()).differences == []
        # Erased while the shadow is there: its rows go from both, and the proof looks into both.
        shadowed = f"SELECT count() FROM {run.name}.events WHERE trace_id = {{id:String}}"
        assert live.value(shadowed, id=late) == 5
        assert any(run.name in left.place for left in in_tables(live.clickhouse, [late]))
        await live.write(TRACE_LOG, example(TraceErased, late), late)
        await live.until(0, shadowed, id=late)
        await _settled(live)
        assert all(left.kept for left in in_tables(live.clickhouse, [gone, late]))
        await run.swap()
        assert (await run.check()).differences == []
    assert all(left.kept for left in in_tables(live.clickhouse, [gone, late]))
    assert live.value("SELECT length(heads) FROM v1_erasures WHERE trace_id = {id:String}", id=late) == 1
    assert await _counts(live, [stays]) == dict.fromkeys(
        ("v1_traces", "v1_validations", "v1_rejects", "v1_progress"), 1
    ) | {"v1_events": 5, "v1_test_results": 2, "v1_judgements": 2, "v1_current_scores": 2}


async def test_what_the_log_no_longer_has_is_no_difference_and_survives_a_swap(live: Lab) -> None:
    """The broker's retention drops what nobody archives: refused events, and dead letters."""
    one = fresh_id()
    place = await live.write(REJECTS, example(EventRejected, one), one)
    kept = f"SELECT count() FROM v1_rejects WHERE trace_id = '{one}'"
    with live.sink(), _shadow(live) as run:
        await _settled(live)
        async with admin(live.kafka) as client:
            await client.delete_records({place: RecordsToDelete(before_offset=await live.end(place))})
        await run.build(Request(("rejects", "trace-log")))
        found = await run.check()
        assert found.differences == []
        assert found.live.keys() == {"trace_progress", "erasures", "rejects"}
        assert live.value(kept) == 1
        await run.swap()
        assert live.value(kept) == 1


async def test_a_rebuild_from_a_time_on_leaves_what_is_older_as_it_is(live: Lab) -> None:
    early, late = fresh_id(), fresh_id()
    await _write_all_of(live, early)
    await asyncio.sleep(0.1)
    since = now_us() // 1_000
    await asyncio.sleep(0.1)
    await _write_all_of(live, late)
    with live.sink(), _shadow(live) as run:
        await _settled(live)
        live.clickhouse.command(f"DELETE FROM traces WHERE trace_id IN ('{early}', '{late}')")
        assert (await run.build(Request(since_ms=since))).rows < 20
        assert _found(await run.check()) == [("traces", "missing", 1)]
        await run.swap()
    counts = "SELECT count() FROM {} WHERE trace_id = {{id:String}}"
    assert [live.value(counts.format("v1_traces"), id=one) for one in (early, late)] == [0, 1]
    assert [live.value(counts.format("events"), id=one) for one in (early, late)] == [5, 5]


async def test_what_cannot_be_done_is_said(live: Lab) -> None:
    await _replay(live, "--check", status=3)
    place = await live.write(TRACE_LOG, example(TraceCompleted, fresh_id()))
    with pytest.raises(Differs, match=f"behind: {place.topic}/{place.partition}"):
        await until_inserted(live.kafka, {place: await live.end(place)}, wait_s=0.2)
    with _shadow(live) as run:
        with pytest.raises(ValueError, match="no table is made of rescores alone"):
            await run.build(Request(("rescores",)))
        await run.build(Request(("rejects",)))
        with pytest.raises(Differs, match="begun with other topics"):
            await run.build(Request(("trace-log",)))
        await run.build()
        migrate(live.settings, 7)
        with pytest.raises(Differs, match="schema has changed"):
            await run.swap()
        migrate(live.settings, 0)
        with pytest.raises(Differs, match="migrate it"):
            await run.build()
