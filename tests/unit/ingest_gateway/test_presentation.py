"""Rows become the documented shape: seconds, absent instead of empty, events byte for byte."""

from datetime import UTC, datetime
from typing import Any

import orjson

from ingest_gateway.answers import Trace
from ingest_gateway.presentation import in_seconds, json_of, open_trace, whole_trace
from ingest_gateway.reads import Whole

AT = datetime(2026, 1, 2, tzinfo=UTC)
TRACE_ID = "trace-" + "0" * 32
ROW: dict[str, Any] = {
    "trace_id": TRACE_ID,
    "revision": 2,
    "project": "alpha",
    "stage": "done",
    "outcome": "completed",
    "created_at": AT,
    "closed_at": AT,
    "queryable_at": AT,
    "participant_id": "p1",
    "consent": "research",
    "task_id": "t1",
    "task_title": "Off by one",
    "task_description": "",
    "repo_origin": "https://example.org/r.git",
    "start_commit": "",
    "environment": {"os": "linux"},
    "artifacts": '{"a.log":{"size":3}}',
    "metrics": '{"duration_us":1500000,"num_file_edits":2,"by_type":{"wait_us":250000},"clock_skew_us":-1000000}',
    "redactions": {},
    "last_link": "sha256:aa",
    "head": "sha256:bb",
    "intact": True,
    "complete": True,
    "findings": "[]",
}
VALIDATION = {
    "run_id": "live",
    "verdict": "fixed",
    "level": "verified",
    "reason": "",
    "detail": "",
    "tests_passed": 3,
    "tests_failed": 0,
    "environment": {},
    "claims_reproduced": None,
    "claims_compared": 0,
    "claims_incomparable": 2,
}
SCORE = {
    "run_id": "live",
    "outcome": "scored",
    "overall": 3.5,
    "reason": "",
    "rubric": "process",
    "rubric_version": "1.0",
    "judge": "heuristic",
    "model": "",
    "criterion": "efficiency",
    "grade": 4,
    "cited_seqs": (1, 2),
    "rationale": "few detours",
}


def shown(trace: dict[str, Any], scores: list[dict[str, Any]], validation: dict[str, Any] | None) -> dict[str, Any]:
    events = [{"chain_index": 0, "event": '{"b":1,"a":2}'}]
    tests = [{"id": "test_a", "suite": "original", "before": "failed", "after": "passed", "category": "fail_to_pass"}]
    answer = orjson.dumps(whole_trace(Whole(None, trace, events, validation, tests, scores), trace))
    assert b'{"b":1,"a":2}' in answer
    Trace.model_validate_json(answer)
    result: dict[str, Any] = orjson.loads(answer)
    return result


def test_a_whole_trace() -> None:
    answer = shown(ROW, [SCORE], VALIDATION)
    assert answer["task"] == {"id": "t1", "title": "Off by one"}
    assert answer["repo"] == {"origin": "https://example.org/r.git"}
    assert answer["metrics"] == {
        "duration_s": 1.5,
        "num_file_edits": 2,
        "by_type": {"wait_s": 0.25},
        "clock_skew_s": -1.0,
    }
    assert answer["queryable_at"] == AT.isoformat()
    assert answer["integrity"]["event_hash_chain"] == "sha256:aa"
    assert answer["integrity"]["status"] == "verified"
    assert answer["qa"]["validation"]["verdict"] == "fixed"
    assert answer["qa"]["validation"]["tests"][0]["category"] == "fail_to_pass"
    assert not {"reason", "claims_reproduced"} & answer["qa"]["validation"].keys()
    assert answer["qa"]["validation"]["claims_incomparable"] == 2
    grade = {"grade": 4, "cited_seqs": [1, 2], "rationale": "few detours"}
    assert answer["qa"]["judge"]["scores"] == {"efficiency": grade}
    assert answer["qa"]["judge"]["overall"] == 3.5


def test_unscored_is_not_zero() -> None:
    unscored = {**SCORE, "outcome": "unscored", "overall": None, "criterion": "", "reason": "no protocol"}
    judge = shown(ROW, [unscored], None)["qa"]["judge"]
    assert "overall" not in judge
    assert (judge["outcome"], judge["scores"], judge["reason"]) == ("unscored", {}, "no protocol")


def test_intact_and_complete_are_separate() -> None:
    assert shown({**ROW, "complete": False}, [], None)["integrity"]["status"] == "incomplete"
    altered = shown({**ROW, "intact": False, "findings": '[{"kind":"fork"}]'}, [], None)
    assert altered["integrity"]["status"] == "altered"
    assert altered["integrity"]["findings"] == [{"kind": "fork"}]
    assert altered["qa"] == {}


def test_a_trace_on_its_way() -> None:
    progress = {"project": "alpha", "received_at": datetime(2026, 1, 1, tzinfo=UTC), "completed_at": None}
    answer = open_trace(TRACE_ID, progress)
    assert answer["stage"] == "received"
    assert "completed_at" not in answer
    Trace.model_validate_json(orjson.dumps(answer))


def test_times_name_their_zone_as_clickhouse_does_not() -> None:
    naive = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC).replace(tzinfo=None)
    assert json_of({"received_at": naive}) == b'{"received_at":"2026-01-02T03:04:05.000006Z"}'


def test_only_integers_named_so_are_microseconds() -> None:
    assert in_seconds({"a_us": "text", "status": 5, "us": 1}) == {"a_us": "text", "status": 5, "us": 1}
