"""Jest, Mocha, RSpec and CTRF: one JSON document each."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipeline.reports import jsonform
from pipeline.reports.ctrf import parse_ctrf
from pipeline.reports.jest import parse_jest
from pipeline.reports.mocha import parse_mocha
from pipeline.reports.model import BadReport, Report
from pipeline.reports.rspec import parse_rspec

SUMMARY = {"tests": 1, "passed": 1, "failed": 0, "skipped": 0, "pending": 0, "other": 0, "start": 1000, "stop": 3000}
TEST = {"name": "t", "status": "passed", "duration": 2}


def jest(*files: dict[str, Any], **totals: object) -> Report:
    return parse_jest(orjson.dumps({"testResults": files, **totals}))


def ctrf(test: dict[str, Any], **summary: object) -> Report:
    results = {"tool": {"name": "x"}, "summary": SUMMARY | summary, "tests": [TEST | test]}
    return parse_ctrf(orjson.dumps({"reportFormat": "CTRF", "specVersion": "1.0.0", "results": results}))


def test_jest_as_the_command_prints_it() -> None:
    test = {"title": "adds", "ancestorTitles": ["sum"], "status": "failed", "failureMessages": ["wanted 3\n  at a.js"]}
    report = jest(
        {
            "name": "/a.test.js",
            "status": "failed",
            "message": "...",
            "assertionResults": [test, test | {"status": "todo"}],
        },
        numTotalTests=2,
        numFailedTests=1,
        numPendingTests=0,
        numTodoTests=1,
        success=False,
    )
    failed, todo = report.cases
    assert (failed.id, failed.status) == ("/a.test.js::sum::adds", "failed")
    assert (failed.message, failed.trace) == ("wanted 3", "wanted 3\n  at a.js")
    assert (todo.status, todo.raw_status) == ("pending", "todo")
    assert (report.broken, report.differences) == ((), ())


def test_a_file_that_jest_could_not_load_is_a_breakage() -> None:
    report = jest({"name": "/a.test.js", "status": "failed", "message": "Cannot find module", "assertionResults": []})
    assert report.broken[0].message == "Cannot find module"
    assert not report.green


def test_jest_retries_give_attempts_and_a_flaky_test() -> None:
    test = {"title": "t", "status": "passed", "invocations": 3, "retryReasons": ["slow"]}
    (case,) = jest({"testFilePath": "/a", "testResults": [test]}).cases
    assert (case.flaky, case.retries, [one.status for one in case.attempts]) == (
        True,
        2,
        ["failed", "failed", "passed"],
    )
    assert case.attempts[0].message == "slow"


def test_jest_totals_that_are_wrong_are_told() -> None:
    report = jest({"name": "/a", "assertionResults": []}, numTotalTests=4, success=True)
    assert report.differences == ("tests: 4 stated, 0 found",)


def test_mocha_takes_status_from_its_lists_also_where_names_repeat() -> None:
    def test(title: str, **more: object) -> dict[str, Any]:
        return {"title": title, "fullTitle": f"group {title}", "err": {}} | more

    broken = test("same", err={"message": "no", "stack": "no\n at x"})
    hook = test('"before each" hook', err={"message": "db down"})
    report = parse_mocha(
        orjson.dumps(
            {
                "stats": {"tests": 4, "passes": 2, "failures": 2, "pending": 1},
                "tests": [test("same"), broken, test("later"), test("again", currentRetry=2)],
                "pending": [test("later")],
                "failures": [broken, hook],
            }
        )
    )
    assert [case.status for case in report.cases] == ["passed", "failed", "pending", "passed"]
    assert report.cases[3].flaky
    assert report.cases[0].suite == ("group",)
    assert [one.message for one in report.broken] == ["db down"]
    assert report.differences == ()


def test_rspec_errors_outside_of_examples_are_breakages() -> None:
    example = {"description": "is", "full_description": "it is", "status": "failed", "exception": {"message": "m"}}
    summary = {"example_count": 1, "failure_count": 1, "pending_count": 0, "errors_outside_of_examples_count": 2}
    report = parse_rspec(orjson.dumps({"examples": [example], "summary": summary, "messages": ["LoadError"]}))
    assert (report.cases[0].message, report.cases[0].suite) == ("m", ("it",))
    assert [(one.where, one.message) for one in report.broken] == [("2 errors outside of examples", "LoadError")]


def test_ctrf_keeps_flaky_retries_and_the_raw_status() -> None:
    attempts = [{"attempt": 1, "status": "failed", "message": "1st"}, {"attempt": 2, "status": "passed", "duration": 4}]
    report = ctrf({"flaky": True, "retries": 1, "rawStatus": "ok", "retryAttempts": attempts, "suite": ["a", "b"]})
    (case,) = report.cases
    assert (case.flaky, case.retries, case.raw_status, case.suite) == (True, 1, "ok", ("a", "b"))
    assert [(one.status, one.message, one.duration_us) for one in case.attempts] == [
        ("failed", "1st", None),
        ("passed", None, 4000),
    ]
    assert (report.start_ms, report.duration_us, report.differences) == (1000, 2_000_000, ())


def test_ctrf_of_older_writers_is_read() -> None:
    results = {"tool": {"name": "x"}, "summary": SUMMARY | {"stop": 3000.7}, "tests": [TEST | {"suite": "a > b"}]}
    assert parse_ctrf(orjson.dumps({"results": results})).cases[0].suite == ("a > b",)


def test_ctrf_totals_that_are_wrong_are_told() -> None:
    assert ctrf({}, passed=5, flaky=1).differences == ("passed: 5 stated, 1 found", "flaky: 1 stated, 0 found")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "broken"}, "no status"),
        ({"name": ""}, "no text"),
        ({"duration": "1"}, "no number"),
        ({"duration": True}, "no number"),
        ({"flaky": "yes"}, "no bool"),
        ({"suite": [1]}, "no array of texts"),
        ({"retryAttempts": [{"attempt": 0, "status": "passed"}]}, "below 1"),
        ({"retryAttempts": [7]}, "not a JSON object"),
    ],
)
def test_ctrf_that_breaks_the_schema_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadReport, match=reason):
        ctrf(change)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b'{"testResults": [', "not JSON"),
        (b'{"testResults": [NaN]}', "not JSON"),
        (b'{"testResults": "\xff"}', "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"testResults": {}}', "not an array"),
        (b'{"testResults": [1]}', "not a JSON object"),
    ],
)
def test_a_document_that_is_none_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadReport, match=reason):
        parse_jest(data)


def test_a_document_of_too_many_values_is_refused_before_it_takes_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonform, "MAX_VALUES", 10)
    with pytest.raises(BadReport, match="more than 10 JSON values"):
        parse_jest(b'{"testResults": [[],[],[],[],[],[]]}')
