"""What analysts see: each thing once, of the latest revision, absent never as zero."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse
from schemas.records import (
    AuditEntry,
    Finding,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceJudged,
    TraceValidated,
)
from tests.support.finished import example, finished, fresh_id
from tests.support.inserting import insert, rows_about

pytestmark = pytest.mark.integration


def test_copies_at_other_offsets_are_one(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    for offset in (3, 9):
        for kind in (TraceCreated, TraceCompleted, TraceValidated, TraceJudged):
            insert(clickhouse, example(kind, one), offset)
        insert(clickhouse, finished(one), offset)
    counts = {view: len(rows_about(clickhouse, view, one)) for view in ("v1_traces", "v1_progress", "v1_events")}
    assert counts == {"v1_traces": 1, "v1_progress": 1, "v1_events": 5}
    results = ("v1_validations", "v1_test_results", "v1_claims", "v1_judgements", "v1_scores", "v1_current_scores")
    assert {view: len(rows_about(clickhouse, view, one)) for view in results} == dict(
        zip(results, (1, 2, 1, 1, 2, 2), strict=True)
    )


def test_of_two_that_differ_the_one_further_in_the_log_counts(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    later = example(TraceValidated, one, verdict="flaky", tests=example(TraceValidated, one).tests[:1])
    insert(clickhouse, later, 9)
    insert(clickhouse, example(TraceValidated, one), 3)
    assert [row["verdict"] for row in rows_about(clickhouse, "v1_validations", one)] == ["flaky"]
    assert [row["category"] for row in rows_about(clickhouse, "v1_test_results", one)] == ["fail_to_pass"]


def test_the_live_verdict_counts_whatever_later_runs_found(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    insert(clickhouse, finished(one), 1)
    insert(clickhouse, example(TraceValidated, one), 1)
    again = {"run_id": "run-1", "verdict": "flaky", "reproduced": False, "compared_with": "live", "claims": ()}
    insert(clickhouse, example(TraceValidated, one, **again), 2)
    columns = ("run_id", "verdict", "latest", "current", "claims_reproduced", "reproduced", "compared_with")
    assert [
        tuple(row[name] for name in columns) for row in rows_about(clickhouse, "v1_validations", one, "run_id")
    ] == [
        ("live", "fixed", True, True, False, None, ""),
        ("run-1", "flaky", True, False, False, False, "live"),
    ]
    claims = rows_about(clickhouse, "v1_claims", one)
    assert [(row["run_id"], row["claimed"], row["rerun"]) for row in claims] == [("live", "failed", "passed")]


def test_a_late_chunk_shows_the_new_revision_and_only_its_results_are_current(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    insert(clickhouse, finished(one, events=3), 1)
    insert(clickhouse, example(TraceValidated, one), 1)
    insert(clickhouse, example(TraceJudged, one), 1)
    assert [row["stage"] for row in rows_about(clickhouse, "v1_traces", one)] == ["done"]
    insert(clickhouse, finished(one, events=4, revision=2), 2)
    (trace,) = rows_about(clickhouse, "v1_traces", one)
    assert (trace["revision"], trace["event_count"], trace["stage"]) == (2, 4, "assembled")
    events = rows_about(clickhouse, "v1_events", one, "chain_index")
    assert [(row["revision"], row["seq"], row["text"]) for row in events] == [(2, i, f"thought {i}") for i in range(4)]
    assert [row["latest"] for row in rows_about(clickhouse, "v1_validations", one)] == [False]
    assert rows_about(clickhouse, "v1_current_scores", one) == []
    assert len(rows_about(clickhouse, "v1_scores", one)) == 2


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
        insert(clickhouse, record, 1)
    assert [row["stage"] for row in rows_about(clickhouse, "v1_traces", one)] == [stage]


def test_progress_has_the_first_time_of_each_stage(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    created = example(TraceCreated, one)
    insert(clickhouse, created, 1)
    (row,) = rows_about(clickhouse, "v1_progress", one)
    assert (row["stage"], row["completed_at"]) == ("received", None)
    for offset, later_us in ((2, 7), (3, 8)):
        insert(clickhouse, example(TraceCompleted, one, completed_at_us=created.created_at_us + later_us), offset)
    (row,) = rows_about(clickhouse, "v1_progress", one)
    assert row["stage"] == "completed"
    assert (row["completed_at"] - row["received_at"]).microseconds == 7


def test_the_last_live_judgement_is_current_and_the_others_stay(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    insert(clickhouse, finished(one), 1)
    insert(clickhouse, example(TraceJudged, one, overall_milli=1000), 1)
    insert(clickhouse, example(TraceJudged, one, overall_milli=2000, judge_digest="sha256:other"), 2)
    insert(clickhouse, example(TraceJudged, one, overall_milli=3000, run_id="run-1"), 9, topic="rescores")
    judgements = rows_about(clickhouse, "v1_judgements", one, "overall")
    assert [(row["overall"], row["current"]) for row in judgements] == [(1.0, False), (2.0, True), (3.0, False)]
    assert {row["overall"] for row in rows_about(clickhouse, "v1_current_scores", one)} == {2.0}
    assert judgements[0]["scores"] == {"causal_linking": 4, "efficiency": None}


def test_unscored_is_seen_and_is_no_zero(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    insert(clickhouse, finished(one), 1)
    unscored = {"outcome": "unscored", "reason": "no_answer", "overall_milli": None, "grades": ()}
    insert(clickhouse, example(TraceJudged, one, **unscored), 1)
    (row,) = rows_about(clickhouse, "v1_current_scores", one)
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
    insert(clickhouse, finished(one, metrics=metrics, findings=(finding,), intact=True, complete=False), 1)
    (row,) = rows_about(clickhouse, "v1_traces", one)
    assert (row["duration_s"], row["cmd_runs"], row["clock_skew_s"], row["test_runs"]) == (1.5, 3, -0.25, 2)
    assert row["time_to_first_green_s"] is None
    assert (row["intact"], row["complete"], row["finding_kinds"]) == (True, False, ["gap"])


def test_verdict_and_score_say_when_they_became_queryable(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    insert(clickhouse, finished(one), 1)
    insert(clickhouse, example(TraceValidated, one), 1)
    insert(clickhouse, example(TraceJudged, one), 1)
    for view in ("v1_validations", "v1_judgements"):
        (row,) = clickhouse.rows(f"SELECT queryable_at, now64(6, 'UTC') AS now FROM {view} WHERE trace_id = '{one}'")
        assert timedelta(0) <= row["now"] - row["queryable_at"] < timedelta(minutes=1)


def test_an_erasure_says_who_asked_for_it_and_why(clickhouse: ClickHouse) -> None:
    by_trace, by_person, unsaid = fresh_id(), fresh_id(), fresh_id()
    times = {by_trace: 1_770_000_000_000_001, by_person: 1_770_000_000_000_002, unsaid: 1_770_000_000_000_003}
    for offset, (trace_id, at_us) in enumerate(times.items()):
        insert(clickhouse, example(TraceErased, trace_id, project="acme", erased_at_us=at_us), offset)
        insert(clickhouse, example(TraceErased, trace_id, project="acme", erased_at_us=at_us + 9), offset + 10)
    told = (
        ("acme", "key/7", "trace erase", f"trace/{by_trace}", times[by_trace]),
        ("acme", "key/8", "participant erase", "participant/00ff", times[by_trace]),
        ("acme", "key/8", "participant erase", "participant/00ff", times[by_person]),
        ("beta", "key/9", "trace erase", f"trace/{unsaid}", times[unsaid]),
        ("acme", "key/9", "trace erase", f"trace/{by_trace}", times[unsaid]),
    )
    for offset, (project, actor, action, subject, at_us) in enumerate(told):
        entry = AuditEntry(
            project=project, actor=actor, action=action, subject=subject, detail={"reason": action[0]}, at_us=at_us
        )
        insert(clickhouse, entry, offset)
    found = {
        row["trace_id"]: (row["actor"], row["reason"], row["subject"])
        for row in clickhouse.rows("SELECT * FROM v1_erasures")
    }
    assert found == {
        by_trace: ("key/7", "t", f"trace/{by_trace}"),
        by_person: ("key/8", "p", "participant/00ff"),
        unsaid: ("", "", ""),
    }
