"""Figures by project and day are those of the tables themselves, whatever comes twice, late, or is taken away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from schemas.records import TraceCompleted, TraceCreated, TraceErased, TraceExpired, TraceJudged, TraceValidated
from sinks.erasure import enforce
from sinks.shadow_plan import AGGREGATES, KEPT_AGGREGATES
from tests.support.finished import document_of, example, finished
from tests.support.inserting import insert

pytestmark = pytest.mark.integration
DAY_US = 86_400_000_000
# The same figures from the views over the tables themselves.
PLAIN = """
SELECT p.project AS project, toDate(UUIDv7ToDateTime(toUUID(substring(p.trace_id, 7)))) AS day,
    count() AS received, countIf(p.completed_at IS NOT NULL) AS completed, countIf(p.expired_at IS NOT NULL) AS expired,
    countIf(t.trace_id != '') AS finished, countIf(t.intact) AS intact, countIf(t.complete) AS complete,
    countIf(t.stage IN ('validated', 'done')) AS validated, countIf(v.verdict = 'fixed') AS fixed,
    countIf(t.stage IN ('judged', 'done')) AS judged, countIf(s.scored) AS scored, sum(t.active_s) AS active_s,
    sum(e.n) AS events, sum(e.edits) AS file_edits, sum(e.cmds) AS cmd_runs, sum(e.tests) AS test_runs,
    sum(e.commits) AS commits, sum(e.notes) AS rationale_notes, sum(j.n) AS judgements,
    sum(j.prompt) AS prompt_tokens, sum(j.completion) AS completion_tokens, sum(j.calls) AS calls,
    sum(j.cost) AS cost_usd, sum(j.unpriced) AS unpriced
FROM v1_progress AS p
LEFT JOIN v1_traces AS t ON t.trace_id = p.trace_id
LEFT JOIN (SELECT trace_id, verdict FROM v1_validations WHERE current) AS v ON v.trace_id = p.trace_id
LEFT JOIN (SELECT trace_id, max(outcome = 'scored') AS scored FROM v1_judgements WHERE latest GROUP BY trace_id) AS s
    ON s.trace_id = p.trace_id
LEFT JOIN (SELECT trace_id, count() AS n, countIf(type = 'file_edit') AS edits, countIf(type = 'cmd_run') AS cmds,
    countIf(type = 'test_run') AS tests, countIf(type = 'commit') AS commits, countIf(type = 'rationale_note') AS notes
    FROM v1_events GROUP BY trace_id) AS e ON e.trace_id = p.trace_id
LEFT JOIN (SELECT trace_id, count() AS n, sum(prompt_tokens) AS prompt, sum(completion_tokens) AS completion,
    sum(v1_judgements.calls) AS calls, sumOrNull(cost_usd) AS cost, countIf(cost_usd IS NULL) AS unpriced
    FROM v1_judgements GROUP BY trace_id) AS j ON j.trace_id = p.trace_id
GROUP BY project, day ORDER BY project, day
"""


def _figures(clickhouse: ClickHouse, query: str) -> list[tuple[Any, ...]]:
    return [
        tuple(round(value, 9) if isinstance(value, float) else value for value in row.values())
        for row in clickhouse.rows(query)
    ]


def _agree(clickhouse: ClickHouse) -> list[tuple[Any, ...]]:
    """The figures, after each part was found to be merged or not merged alike."""
    daily = "SELECT * FROM v1_daily ORDER BY project, day"
    found = _figures(clickhouse, daily)
    assert found == _figures(clickhouse, PLAIN)
    for table in AGGREGATES:
        clickhouse.command(f"OPTIMIZE TABLE {table} FINAL")
    assert _figures(clickhouse, daily) == found
    return found


def _all_of(clickhouse: ClickHouse, one: str, project: str, offset: int, revision: int = 1) -> None:
    document = document_of(one, 5, revision)
    document["events"] = [
        {"id": f"e{i}", "seq": i, "type": kind, "ts_client_us": i}
        for i, kind in enumerate(("file_edit", "cmd_run", "cmd_run", "test_run", "rationale_note"))
    ]
    metrics = b'{"active_us":1500000}'
    insert(clickhouse, example(TraceCreated, one, project=project), offset)
    insert(clickhouse, example(TraceCompleted, one, project=project), offset + 1)
    revised = finished(one, 5, revision, project=project, metrics=metrics, intact=True, complete=revision > 1)
    insert(clickhouse, revised, offset, document=document)
    insert(clickhouse, example(TraceValidated, one, project=project, revision=revision), offset)
    for run, cost in (("live", 2_000_000), ("run-1", None)):
        judged = {"run_id": run, "cost_nano_usd": cost, "calls": 2, "prompt_tokens": 7}
        insert(clickhouse, example(TraceJudged, one, project=project, revision=revision, **judged), offset)


def test_what_comes_twice_later_or_goes_leaves_the_figures_those_of_the_tables(clickhouse: ClickHouse) -> None:
    today, before = now_us(), now_us() - 3 * DAY_US
    ids = [new_trace_id(at) for at in (today, today, before, before)]
    for one, project in zip(ids, ("alpha", "beta", "alpha", "alpha"), strict=True):
        _all_of(clickhouse, one, project, 10)
    insert(clickhouse, example(TraceCreated, only := new_trace_id(today), project="beta"), 30)
    insert(clickhouse, example(TraceExpired, only, project="beta"), 31)
    first = _agree(clickhouse)
    assert [row[:3] for row in first] == [
        ("alpha", datetime.fromtimestamp(before / 1e6, UTC).date(), 2),
        ("alpha", datetime.fromtimestamp(today / 1e6, UTC).date(), 1),
        ("beta", datetime.fromtimestamp(today / 1e6, UTC).date(), 2),
    ]
    for one, project in zip(ids, ("alpha", "beta", "alpha", "alpha"), strict=True):
        _all_of(clickhouse, one, project, 10)  # the same block again
        _all_of(clickhouse, one, project, 50)  # the same at other offsets
    assert _agree(clickhouse) == first
    _all_of(clickhouse, ids[0], "alpha", 70, revision=2)
    later = _agree(clickhouse)
    assert later != first
    insert(clickhouse, example(TraceErased, ids[2], project="alpha"), 90)
    assert enforce(clickhouse, [ids[2]]) == [ids[2]]
    assert _agree(clickhouse)[0][2] == 1
    assert [table for table in AGGREGATES if _of_trace(clickhouse, table, ids[2])] == []


def _of_trace(clickhouse: ClickHouse, table: str, trace_id: str) -> int:
    found = f"SELECT count() AS n FROM {table} WHERE position(toString(tuple(*)), '{trace_id}') > 0"
    return int(clickhouse.rows(found)[0]["n"])


def test_a_later_copy_counts_whole(clickhouse: ClickHouse) -> None:
    """Events of a revision are those of its last copy in the log, by type too."""
    one = new_trace_id(now_us())
    for offset, kind in ((5, "cmd_run"), (9, "file_edit")):
        document = document_of(one, 2)
        document["events"] = [{"id": f"e{i}", "seq": i, "type": kind, "ts_client_us": i} for i in range(2)]
        insert(clickhouse, finished(one, 2), offset, document=document)
    (row,) = clickhouse.rows("SELECT events, file_edits, cmd_runs FROM v1_daily")
    assert tuple(row.values()) == (2, 2, 0)


def test_aggregates_expire_with_their_rows(clickhouse: ClickHouse) -> None:
    _all_of(clickhouse, new_trace_id(now_us() - 91 * DAY_US), "alpha", 1)
    for table in AGGREGATES:
        clickhouse.command(f"OPTIMIZE TABLE {table} FINAL")
    kept = {table for table in AGGREGATES if clickhouse.rows(f"SELECT 1 FROM {table} LIMIT 1")}
    assert kept == {"rubric_weights"} <= KEPT_AGGREGATES


def test_a_period_sums_its_days(clickhouse: ClickHouse) -> None:
    today = datetime.now(UTC).date()
    for days in (0, 1, 40):
        _all_of(clickhouse, new_trace_id(now_us() - days * DAY_US), "alpha", 1)
    query = "SELECT * FROM v1_period(since = {since:Date}, until = {until:Date})"
    (row,) = clickhouse.rows(query, {"since": today - timedelta(days=1), "until": today + timedelta(days=1)})
    assert (row["received"], row["finished"], row["fixed"], row["fixed_share"], row["events"]) == (2, 2, 2, 1.0, 10)
    assert (row["mean_overall"], row["median_active_s"], row["participants"]) == (3.667, 1.5, 1)
    assert (row["judgements"], row["cost_usd"]) == (4, 0.004)
    assert clickhouse.rows(query, {"since": today + timedelta(days=1), "until": today + timedelta(days=9)}) == []
