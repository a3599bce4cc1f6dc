"""Rows of any earlier schema are there after an upgrade, through every view, and after a step back and up again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from schemas.records import (
    AuditEntry,
    EventRejected,
    Record,
    RunManifest,
    RunPromoted,
    RunStateChanged,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceJudged,
    TraceValidated,
)
from sinks.blocks import columns
from sinks.migrate import migrate
from sinks.rows import Position, Rows, rows_of
from sinks.schema_doc import relations
from sinks.steps import read_steps
from tests.support.finished import example, example_document, example_of, finished, fresh_id

pytestmark = pytest.mark.integration
NEWEST, ANALYTICS = len(read_steps()), 9
THERE = "SELECT table, groupArray(name) AS names FROM system.columns WHERE database = currentDatabase() GROUP BY table"
# View -> the table whose rows it shows, and how many there are of one trace.
SHOWN = {
    "v1_traces": ("traces", 1),
    "v1_progress": ("trace_progress", 1),
    "v1_events": ("events", 5),
    "v1_edits": ("events", 1),
    "v1_commands": ("events", 1),
    "v1_test_runs": ("events", 1),
    "v1_commits": ("events", 1),
    "v1_rationale": ("events", 1),
    "v1_integrity": ("traces", 1),
    "v1_validations": ("validations", 1),
    "v1_test_results": ("test_results", 2),
    "v1_claims": ("claims", 1),
    "v1_judgements": ("judgements", 2),
    "v1_current_scores": ("judgements", 2),
    "v1_rejects": ("rejects", 1),
    "v1_erasures": ("erasures", 1),
    "v1_audit": ("audit", 1),
    "v1_promotions": ("promotions", 1),
    "v1_rubric_weights": ("judgements", 2),
    "v1_projects": ("traces", 1),
}


def _records(one: str) -> list[Record]:
    return [
        example(TraceCreated, one),
        example(TraceCompleted, one),
        finished(one, document=None),
        example(TraceValidated, one),
        example(TraceJudged, one),
        example(TraceJudged, one, run_id="run-1", overall_milli=1000),
        example(EventRejected, one),
        example(TraceErased, fresh_id()),
        example_of(AuditEntry),
        replace(example_of(RunManifest), run_id="run-1"),
        replace(example_of(RunPromoted), run_id="run-1"),
        replace(example_of(RunStateChanged), run_id="run-1", state="done"),
    ]


def _insert_what_there_is(clickhouse: ClickHouse, record: Record, offset: int) -> set[str]:
    """The rows of a record as an earlier sink would have inserted them; into which tables."""
    there = {row["table"]: set(row["names"]) for row in clickhouse.rows(THERE)}
    rows: Rows = rows_of(record, Position("topic", 0, offset), example_document())
    for table in rows.keys() & there.keys():
        known = [{name: row[name] for name in row if name in there[table]} for row in rows[table]]
        clickhouse.insert(table, *columns(known), f"{offset}-{table}")
    return rows.keys() & there.keys()


def _shown(clickhouse: ClickHouse) -> dict[str, int]:
    return {view: clickhouse.rows(f"SELECT count() AS n FROM {view}")[0]["n"] for view in SHOWN}


def _expected(filled: set[str]) -> dict[str, int]:
    return {view: count if table in filled else 0 for view, (table, count) in SHOWN.items()}


@pytest.mark.parametrize(
    "start", [pytest.param(step, marks=() if step == ANALYTICS - 1 else pytest.mark.slow) for step in range(NEWEST)]
)
def test_rows_of_an_earlier_step_are_there_in_every_view(settings: ClickHouseSettings, start: int) -> None:
    migrate(settings, start)
    clickhouse = ClickHouse(settings)
    filled: set[str] = set()
    for offset, record in enumerate(_records(fresh_id())):
        filled |= _insert_what_there_is(clickhouse, record, offset)
    assert bool(filled) == (start > 0)
    migrate(settings)
    assert _shown(clickhouse) == _expected(filled)
    _reads_all(clickhouse)
    daily = clickhouse.rows("SELECT finished, validated, judged, events, test_runs, judgements FROM v1_daily")
    assert [tuple(row.values()) for row in daily] == ([(1, 1, 1, 5, 1, 2)] if filled else [])
    migrate(settings, start)
    migrate(settings)
    assert _shown(clickhouse) == _expected(filled)
    assert clickhouse.rows("SELECT finished, validated, judged, events, test_runs, judgements FROM v1_daily") == daily
    clickhouse.close()


def _reads_all(clickhouse: ClickHouse) -> None:
    """Every column of every view can be asked of rows that an earlier sink inserted."""
    values: dict[str, Any] = {"String": "'live'", "Date": "'2026-01-01'"}
    for view in relations(clickhouse):
        given = ", ".join(f"{each.name} = {values[each.type]}" for each in view.parameters)
        clickhouse.raw(f"SELECT * FROM {view.name}{f'({given})' if given else ''}", "Null")


@pytest.mark.parametrize(
    "statement", [pytest.param(at, marks=() if at == 22 else pytest.mark.slow) for at in (1, 8, 15, 22, 30)]
)
def test_a_step_that_was_cut_short_is_taken_again(
    settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    """The step that makes the aggregates ends at some statement, and is begun anew over rows that they have already."""
    migrate(settings, ANALYTICS - 1)
    clickhouse = ClickHouse(settings)
    for offset, record in enumerate(_records(fresh_id())):
        _insert_what_there_is(clickhouse, record, offset)
    whole, left = ClickHouse.command, [statement + 2]

    def command(self: ClickHouse, sql: str, parameters: dict[str, object] | None = None) -> object:
        left[0] -= not sql.startswith(("CREATE DATABASE", "ALTER TABLE migration_lock", "DROP TABLE"))
        if left[0] < 0 and not sql.startswith("DROP TABLE"):
            raise RuntimeError("cut short")
        return whole(self, sql, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(ClickHouse, "command", command)
        with pytest.raises(RuntimeError, match="cut short"):
            migrate(settings, ANALYTICS)
    assert migrate(settings, ANALYTICS) == [f"took step {ANALYTICS} (analytics)"]
    assert _shown(clickhouse) == _expected({table for table, _ in SHOWN.values()})
    (daily,) = clickhouse.rows("SELECT finished, validated, judged, events, judgements FROM v1_daily")
    assert tuple(daily.values()) == (1, 1, 1, 5, 2)
    clickhouse.close()
