"""Test runs go out as CTRF by its schema and as JUnit that reads back the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jsonschema_rs import validator_for

from pipeline.exports.testruns import ctrf_reports, junit_reports
from pipeline.exports.view import NotExportable, View
from pipeline.reports.formats import parse
from tests.support.data import shared_data
from tests.support.exports import EVENTS, view

RESULTS = [
    {"id": "t.py::C::a", "status": "passed", "duration_us": 1_500},
    {"id": "t.py::C::b", "status": "failed", "message": "assert <1> == 5\nbecause \x00"},
    {"id": "t.py::c", "status": "error"},
    {"id": "d", "status": "skipped"},
    {"id": "t.py::p[a::b-c]", "status": "passed"},
]
RUN = {**EVENTS[0], "results": RESULTS, "duration_us": 2_000_000}
TESTS = (
    {"test_id": "t.py::C::b", "before": "failed", "after": "passed", "suite": "original", "category": "fail_to_pass"},
    {"test_id": "t.py::new", "before": "absent", "after": "passed", "suite": "trace", "category": "other"},
)


def given() -> View:
    return replace(view(events=[RUN]), tests=TESTS)


def test_each_run_is_a_ctrf_document() -> None:
    found = {one.name: json.loads(one.content)["results"] for one in ctrf_reports(given())}
    names = [f"{given().id}-{name}.json" for name in ("claimed-00000", "sandbox-before", "sandbox-after")]
    assert list(found) == names
    claimed, before, after = (found[name] for name in names)
    counts = {name: claimed["summary"][name] for name in ("tests", "passed", "failed", "skipped")}
    assert counts == {"tests": 5, "passed": 2, "failed": 2, "skipped": 1}
    assert claimed["summary"]["stop"] - claimed["summary"]["start"] == 2_000
    assert [test["rawStatus"] for test in claimed["tests"]] == ["passed", "failed", "error", "skipped", "passed"]
    assert [test["name"] for test in before["tests"]] == ["t.py::C::b"]
    assert [(test["suite"], test["status"]) for test in after["tests"]] == [
        (["original"], "passed"),
        (["trace"], "passed"),
    ]


def test_it_is_ctrf_by_its_schema() -> None:
    schema = validator_for(json.loads((shared_data("test-reports/ctrf/schema") / "ctrf.schema.json").read_text()))
    documents = list(ctrf_reports(given()))
    assert len(documents) == 3
    for document in documents:
        schema.validate(json.loads(document.content))


def test_junit_reads_back_the_same() -> None:
    claimed, before, after = (parse(one.content) for one in junit_reports(given()))
    assert [(case.classname, case.name, case.raw_status) for case in claimed.cases] == [
        ("t.py::C", "a", "passed"),
        ("t.py::C", "b", "failed"),
        ("t.py", "c", "error"),
        ("", "d", "skipped"),
        ("t.py", "p[a::b-c]", "passed"),
    ]
    assert claimed.differences == before.differences == after.differences == ()
    assert claimed.cases[0].duration_us == 1_500
    assert "assert <1> == 5" in str(claimed.cases[1].message) + str(claimed.cases[1].trace)
    assert (before.green, after.green) == (False, True)


def test_totals_alone_are_no_report() -> None:
    run = {name: value for name, value in RUN.items() if name != "results"}
    with pytest.raises(NotExportable, match="names its tests"):
        list(ctrf_reports(view(events=[run])))
