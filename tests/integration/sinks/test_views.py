"""What analysts see: each thing once, of the latest revision, absent never as zero."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse
from schemas.records import Finding, Record, TraceAssembled, TraceCompleted, TraceCreated, TraceJudged, TraceValidated
from sinks.blocks import Entry, block_of, columns
from sinks.rows import Position, rows_of
from tests.support.finished import document_of, example, finished, fresh_id

pytestmark = pytest.mark.integration


def _insert(clickhouse: ClickHouse, record: Record, offset: int, topic: str = "topic") -> None:
    document = None
    if isinstance(record, TraceAssembled):
        document = document_of(record.trace_id, record.event_count, record.revision)
    block = block_of(topic, 0, [Entry(offset, rows_of(record, Position(topic, 0, offset), document))])
    for table, rows in block.rows.items():
        clickhouse.insert(table, *columns(rows), block.token(table))


def _rows(clickhouse: ClickHouse, view: str, trace_id: str, order: str = "1") -> list[dict[str, Any]]:
    return clickhouse.rows(f"SELECT * FROM {view} WHERE trace_id = {{id:String}} ORDER BY {order}", {"id": trace_id})


def test_copies_at_other_offsets_are_one(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    for offset in (3, 9):
        for kind in (TraceCreated, TraceCompleted, TraceValidated, TraceJudged):
            _insert(clickhouse, example(kind, one), offset)
        _insert(clickhouse, finished(one), offset)
    counts = {view: len(_rows(clickhouse, view, one)) for view in ("v1_traces", "v1_progress", "v1_events")}
    assert counts == {"v1_traces": 1, "v1_progress": 1, "v1_events": 5}
    results = ("v1_validations", "v1_test_results", "v1_claims", "v1_judgements", "v1_scores", "v1_current_scores")
    assert {view: len(_rows(clickhouse, view, one)) for view in results} == dict(
        zip(results, (1, 2, 1, 1, 2, 2), strict=True)
    )


def test_of_two_that_differ_the_one_further_in_the_log_counts(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    later = example(TraceValidated, one, verdict="flaky", tests=example(TraceValidated, one).tests[:1])
    _insert(clickhouse, later, 9)
    _insert(clickhouse, example(TraceValidated, one), 3)
    assert [row["verdict"] for row in _rows(clickhouse, "v1_validations", one)] == ["flaky"]
    assert [row["category"] for row in _rows(clickhouse, "v1_test_results", one)] == ["fail_to_pass"]


def test_the_live_verdict_counts_whatever_later_runs_found(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    _insert(clickhouse, finished(one), 1)
    _insert(clickhouse, example(TraceValidated, one), 1)
    again = {"run_id": "run-1", "verdict": "flaky", "reproduced": False, "compared_with": "live", "claims": ()}
    _insert(clickhouse, example(TraceValidated, one, **again), 2)
    columns = ("run_id", "verdict", "latest", "current", "claims_reproduced", "reproduced", "compared_with")
    assert [tuple(row[name] for name in columns) for row in _rows(clickhouse, "v1_validations", one, "run_id")] == [
        ("live", "fixed", True, True, False, None, ""),
        ("run-1", "flaky", True, False, False, False, "live"),
    ]
    claims = _rows(clickhouse, "v1_claims", one)
    assert [(row["run_id"], row["claimed"], row["rerun"]) for row in claims] == [("live", "failed", "passed")]


def test_a_late_chunk_shows_the_new_revision_and_only_its_results_are_current(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    _insert(clickhouse, finished(one, events=3), 1)
    _insert(clickhouse, example(TraceValidated, one), 1)
    _insert(clickhouse, example(TraceJudged, one), 1)
    assert [row["stage"] for row in _rows(clickhouse, "v1_traces", one)] == ["done"]
    _insert(clickhouse, finished(one, events=4, revision=2), 2)
    (trace,) = _rows(clickhouse, "v1_traces", one)
    assert (trace["revision"], trace["event_count"], trace["stage"]) == (2, 4, "assembled")
    events = _rows(clickhouse, "v1_events", one, "chain_index")
    assert [(row["revision"], row["seq"], row["text"]) for row in events] == [(2, i, f"thought {i}") for i in range(4)]
    assert [row["latest"] for row in _rows(clickhouse, "v1_validations", one)] == [False]
    assert _rows(clickhouse, "v1_current_scores", one) == []
    assert len(_rows(clickhouse, "v1_scores", one)) == 2


@pytest.mark.parametrize(
    ("kinds", "stage"),
    [
        ((), "assembled"),
        ((TraceValidated,), "validated"),
        ((TraceJudged,), "judged"),
        ((TraceJudged, TraceValidated), "done"),
    ],
)
def test_stage_says_what_has_come(clickhouse: ClickHouse, kinds: tuple[type[Any], ...], stage: str) -> None:
    one = fresh_id()
    for record in (finished(one), *(example(kind, one) for kind in kinds)):
        _insert(clickhouse, record, 1)
    assert [row["stage"] for row in _rows(clickhouse, "v1_traces", one)] == [stage]


def test_progress_has_the_first_time_of_each_stage(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    created = example(TraceCreated, one)
    _insert(clickhouse, created, 1)
    (row,) = _rows(clickhouse, "v1_progress", one)
    assert (row["stage"], row["completed_at"]) == ("received", None)
    for offset, later_us in ((2, 7), (3, 8)):
        _insert(clickhouse, example(TraceCompleted, one, completed_at_us=created.created_at_us + later_us), offset)
    (row,) = _rows(clickhouse, "v1_progress", one)
    assert row["stage"] == "completed"
    assert (row["completed_at"] - row["received_at"]).microseconds == 7


def test_the_last_live_judgement_is_current_and_the_others_stay(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    _insert(clickhouse, finished(one), 1)
    _insert(clickhouse, example(TraceJudged, one, overall_milli=1000), 1)
    _insert(clickhouse, example(TraceJudged, one, overall_milli=2000, judge_digest="sha256:other"), 2)
    _insert(clickhouse, example(TraceJudged, one, overall_milli=3000, run_id="run-1"), 9, topic="rescores")
    judgements = _rows(clickhouse, "v1_judgements", one, "overall")
    assert [(row["overall"], row["current"]) for row in judgements] == [(1.0, False), (2.0, True), (3.0, False)]
    assert {row["overall"] for row in _rows(clickhouse, "v1_current_scores", one)} == {2.0}
    assert judgements[0]["scores"] == {"causal_linking": 4, "efficiency": None}


def test_unscored_is_seen_and_is_no_zero(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    _insert(clickhouse, finished(one), 1)
    unscored = {"outcome": "unscored", "reason": "no_answer", "overall_milli": None, "grades": ()}
    _insert(clickhouse, example(TraceJudged, one, **unscored), 1)
    (row,) = _rows(clickhouse, "v1_current_scores", one)
    assert (row["outcome"], row["reason"], row["overall"], row["criterion"], row["grade"]) == (
        "unscored",
        "no_answer",
        None,
        "",
        None,
    )


def test_measures_and_findings_have_columns(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    metrics = b'{"duration_us":1500000,"events_by_type":{"cmd_run":3},"clock_skew_us":-250000,"test_runs":2}'
    finding = Finding(kind="gap", detail="chunk 1 is missing", offsets=(4,))
    _insert(clickhouse, finished(one, metrics=metrics, findings=(finding,), intact=True, complete=False), 1)
    (row,) = _rows(clickhouse, "v1_traces", one)
    assert (row["duration_s"], row["cmd_runs"], row["clock_skew_s"], row["test_runs"]) == (1.5, 3, -0.25, 2)
    assert row["time_to_first_green_s"] is None
    assert (row["intact"], row["complete"], row["finding_kinds"]) == (True, False, ["gap"])
