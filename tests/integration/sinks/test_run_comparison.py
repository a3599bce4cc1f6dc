"""Two runs side by side in SQL, as `pr-telemetry run diff` compares them, and what dictGet knows at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse
from schemas.records import Grade, ProjectPolicy, RunPromoted, TraceCreated, TraceJudged
from tests.support.finished import example, example_of, finished, fresh_id
from tests.support.inserting import insert

pytestmark = pytest.mark.integration


def _grades(**grades: int | None) -> tuple[Grade, ...]:
    return tuple(
        Grade(criterion=name, grade=grade, weight=500, rationale=f"{name} is {grade}", cited_seqs=())
        for name, grade in grades.items()
    )


def _judge(clickhouse: ClickHouse, one: str, run: str, offset: int, overall: int | None, **more: Any) -> None:
    changes = {"run_id": run, "overall_milli": overall, "outcome": "scored" if overall else "unscored", **more}
    insert(clickhouse, example(TraceJudged, one, **changes), offset, topic="rescores")


def _compared(clickhouse: ClickHouse, a: str, b: str) -> list[tuple[Any, ...]]:
    columns = "trace_id, revision, criterion, grade_a, grade_b, difference, overall_difference, same_rubric"
    query = f"SELECT {columns} FROM v1_run_comparison(run_a = {{a:String}}, run_b = {{b:String}}) ORDER BY 1, 3"
    return [tuple(row.values()) for row in clickhouse.rows(query, {"a": a, "b": b})]


def test_grades_of_the_same_revision_stand_side_by_side(clickhouse: ClickHouse) -> None:
    one, only_a, apart = sorted(fresh_id() for _ in range(3))
    _judge(clickhouse, one, "live", 1, 1000, grades=_grades(x=1))
    _judge(clickhouse, one, "live", 2, 3000, grades=_grades(x=3, y=4), judge_digest="sha256:later")
    _judge(clickhouse, one, "r2", 3, 2500, grades=_grades(x=1, y=None, z=5), rubric_digest="sha256:other")
    _judge(clickhouse, only_a, "live", 4, 1000, grades=_grades(x=1))
    _judge(clickhouse, apart, "live", 5, 1000, grades=_grades(x=1))
    _judge(clickhouse, apart, "r2", 6, 1000, grades=_grades(x=1), revision=2)
    assert _compared(clickhouse, "live", "r2") == [
        (one, 1, "x", 3, 1, -2, -0.5, False),
        (one, 1, "y", 4, None, None, -0.5, False),
        (one, 1, "z", None, 5, None, -0.5, False),
    ]
    assert [row[3:5] for row in _compared(clickhouse, "r2", "live")] == [(1, 3), (None, 4), (5, None)]
    assert [row[5:7] for row in _compared(clickhouse, "live", "live")][:2] == [(0, 0.0), (0, 0.0)]


def test_the_latest_revision_that_both_judged_counts_and_unscored_is_no_zero(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    for revision in (1, 2, 3):
        _judge(clickhouse, one, "live", revision, 1000 * revision, grades=_grades(x=revision), revision=revision)
    for revision in (1, 2):
        _judge(clickhouse, one, "r2", 3 + revision, None, grades=(), revision=revision, reason="no_answer")
    assert _compared(clickhouse, "live", "r2") == [(one, 2, "x", 2, None, None, None, True)]
    (row,) = clickhouse.rows("SELECT * FROM v1_run_comparison(run_a = 'live', run_b = 'r2')")
    assert (row["overall_a"], row["overall_b"], row["rationale_a"], row["rationale_b"]) == (2.0, None, "x is 2", "")
    _judge(clickhouse, one, "r3", 9, None, grades=(), revision=2, reason="no_answer")
    assert [row[2:] for row in _compared(clickhouse, "r2", "r3")] == [("", None, None, None, None, True)]


def test_weights_of_a_rubric_are_known_at_once(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    weight = "SELECT dictGet('v1_dict_rubric_weights', 'weight', ({digest:String}, 'x')) AS weight"
    assert clickhouse.rows(weight, {"digest": "sha256:new"}) == [{"weight": None}]
    for offset in (1, 2):
        graded = {"grades": _grades(x=1, y=2), "rubric_digest": "sha256:new", "rubric_id": "r", "rubric_version": "7"}
        _judge(clickhouse, one, "live", offset, 1000, **graded)
    assert clickhouse.rows(weight, {"digest": "sha256:new"}) == [{"weight": 0.5}]
    rows = clickhouse.rows("SELECT * FROM v1_rubric_weights WHERE rubric_digest = 'sha256:new' ORDER BY criterion")
    assert [tuple(row.values()) for row in rows] == [("sha256:new", name, 0.5, "r", "7") for name in ("x", "y")]


def test_a_project_is_known_at_once(clickhouse: ClickHouse) -> None:
    def known(name: str) -> Any:
        return clickhouse.rows(f"SELECT dictGet('v1_dict_projects', '{name}', 'web') AS it")[0]["it"]

    assert (known("traces"), known("first_seen"), known("consent")) == (0, None, "")
    ids = [fresh_id(), fresh_id()]
    for offset, one in enumerate(ids):
        insert(clickhouse, example(TraceCreated, one, project="web"), offset)
    insert(clickhouse, finished(ids[0], project="web"), 1)
    assert (known("traces"), known("finished"), known("promoted")) == (2, 1, "")
    assert known("first_seen") <= known("last_seen")
    for offset, consent in ((1, "ask"), (5, "research"), (3, "training")):
        policy = replace(example_of(ProjectPolicy), project="web", consent=consent, redact=("email",))
        insert(clickhouse, policy, offset, topic="control")
    insert(clickhouse, replace(example_of(RunPromoted), project="web", run_id="r7"), 8, topic="control")
    assert (known("consent"), known("redact"), known("promoted")) == ("research", ["email"], "r7")
    (row,) = clickhouse.rows("SELECT * FROM v1_projects")
    assert (row["project"], row["traces"], row["policy_by"]) == ("web", 2, example_of(ProjectPolicy).recorded_by)
