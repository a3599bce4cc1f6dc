"""What is written is CTRF by its own schema, from any format, and says the same when it is read again."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from jsonschema_rs import validator_for

from pipeline.reports.ctrf import parse_ctrf
from pipeline.reports.ctrfwriter import ctrf
from pipeline.reports.formats import parse
from pipeline.reports.model import Attempt, Breakage, Case, Report
from tests.support.data import SHARED_DATA, shared_data
from tests.unit.pipeline.reports.test_formats import SEEDS

CORPUS = SHARED_DATA / "test-reports"
SUITE = "test-reports/ctrf/tests/normative"


@pytest.fixture(scope="module")
def schema() -> Any:
    return validator_for(json.loads((shared_data("test-reports/ctrf/schema") / "ctrf.schema.json").read_text()))


REPORT = Report(
    format="junit",
    framework="surefire",
    cases=(
        Case(
            name="t",
            status="passed",
            raw_status="passed",
            suite=("s",),
            classname="C",
            file="a.java",
            line=3,
            duration_us=1_500,
            attempts=(Attempt(status="failed", message="1st", duration_us=7_000), Attempt(status="passed")),
            retries=1,
            flaky=True,
        ),
        Case(name=" ", status="failed", raw_status="error", message="m", trace="at x"),
    ),
    broken=(Breakage("pkg", "not built"),),
    start_ms=1_000,
    duration_us=2_000_000,
    differences=("tests: 9 stated, 2 found",),
)


def test_everything_that_the_format_has_a_place_for_is_kept() -> None:
    document = ctrf([("r.xml", REPORT)])
    results = document["results"]
    assert results["summary"] == {
        "tests": 3,
        "passed": 1,
        "failed": 2,
        "skipped": 0,
        "pending": 0,
        "other": 0,
        "flaky": 1,
        "start": 1000,
        "stop": 3000,
        "duration": 2000,
    }
    flaky, unnamed, broken = results["tests"]
    assert flaky["retryAttempts"] == [
        {"attempt": 1, "status": "failed", "duration": 7, "message": "1st"},
        {"attempt": 2, "status": "passed"},
    ]
    assert (flaky["suite"], flaky["filePath"], flaky["duration"], flaky["flaky"]) == (["s", "C"], "a.java", 2, True)
    assert (unnamed["name"], unnamed["rawStatus"], unnamed["message"]) == ("(unnamed)", "error", "m")
    assert (broken["status"], broken["rawStatus"]) == ("failed", "broken")
    assert results["extra"] == {"differences": ["r.xml: tests: 9 stated, 2 found"]}


def test_several_reports_are_one_document_that_names_their_files() -> None:
    document = ctrf([("a", REPORT), ("b", parse(SEEDS[9]))])
    assert document["results"]["tool"] == {"name": "surefire, tap"}
    assert [test["extra"]["report"] for test in document["results"]["tests"]] == ["a", "a", "a", "b", "b"]


@pytest.mark.parametrize("data", SEEDS)
def test_it_is_valid_and_reads_the_same(schema: Any, data: bytes) -> None:
    report = parse(data)
    document = ctrf([("f", report)])
    schema.validate(document)
    again = parse_ctrf(orjson.dumps(document))
    assert again.differences == ()
    assert ctrf([("f", again)])["results"]["summary"] == document["results"]["summary"]


@pytest.mark.parametrize("reports", [[], [("a", REPORT), ("b", REPORT)]])
def test_none_and_several_are_valid(schema: Any, reports: list[tuple[str, Report]]) -> None:
    schema.validate(ctrf(reports))
