"""Test reports as a session: one run a report, in order of time, with all results and the report itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.chunks import outputs_moved, split
from clients.importers.formats import NotThisFormat
from pipeline.reports.formats import parse
from pipeline.reports.model import BadReport
from pipeline.reports.runs import read_reports
from schemas.events import EVENT_ADAPTER
from tests.support.data import shared_data

JUNIT = b"""<testsuites><testsuite name="s" tests="4" timestamp="2026-01-02T03:04:05" time="2.5">
<testcase name="ok" classname="c" time="0.5"/>
<testcase name="bad" classname="c"><failure message="1 != 2">trace of it</failure></testcase>
<testcase name="broke" classname="c"><error message="no db"/></testcase>
<testcase name="later" classname="c"><skipped/></testcase>
</testsuite></testsuites>"""


def ctrf(start: int | None, *statuses: str) -> bytes:
    tests = [{"name": f"t{n}", "status": status, "duration": 10} for n, status in enumerate(statuses)]
    counts = {name: statuses.count(name) for name in ("passed", "failed", "pending", "skipped", "other")}
    summary = {"tests": len(tests), **counts, "start": start or 0, "stop": (start or 0) + 100}
    return json.dumps({"results": {"tool": {"name": "jest"}, "summary": summary, "tests": tests}}).encode()


def test_a_report_is_a_run_with_all_its_results_and_itself() -> None:
    imported = read_reports([("r.xml", JUNIT)])
    [run] = imported.session.events
    assert (run["passed"], run["failed"], run["errors"], run["skipped"]) == (1, 1, 1, 1)
    assert [(one["id"].rpartition("::")[2], one["status"]) for one in run["results"]] == [
        ("ok", "passed"),
        ("bad", "failed"),
        ("broke", "error"),
        ("later", "skipped"),
    ]
    assert run["results"][1]["message"] == "1 != 2\ntrace of it"
    assert run["results"][0]["duration_us"] == 500_000
    assert run["output"] == JUNIT.decode()
    assert imported.loss.records == 4
    EVENT_ADAPTER.validate_python(run)


def test_reports_that_say_when_they_began_are_in_that_order() -> None:
    imported = read_reports([("b", ctrf(2_000_000_000_000, "passed")), ("a", ctrf(1_000_000_000_000, "failed"))])
    runs = imported.session.events
    assert [run["failed"] for run in runs] == [1, 0]
    assert [run["ts_client_us"] for run in runs] == [1_000_000_000_100_000, 2_000_000_000_100_000]
    assert not imported.loss.estimated


def test_an_order_that_is_only_given_is_said_to_be_estimated() -> None:
    plain = JUNIT.replace(b' timestamp="2026-01-02T03:04:05"', b"")
    imported = read_reports([("a", plain), ("b", plain)])
    assert [run["ts_client_us"] for run in imported.session.events] == [2_500_000, 5_000_000]
    assert [(name, count) for (name, _), count in imported.loss.estimated.items()] == [("ts_client_us", 2)]


def test_states_that_an_event_does_not_know_are_said() -> None:
    imported = read_reports([("a", ctrf(1_000_000_000_000, "pending", "other", "skipped"))])
    assert imported.session.events[0]["skipped"] == 3
    assert ("results[].status", 2) in [(name, count) for (name, _), count in imported.loss.estimated.items()]


def test_of_too_many_results_those_that_failed_are_kept_and_the_report_goes_along() -> None:
    statuses = ["passed"] * 3_000 + ["failed"] + ["passed"] * 3_000
    imported = read_reports([("a", ctrf(1_000_000_000_000, *statuses))])
    [run] = imported.session.events
    assert (run["passed"], run["failed"]) == (6_000, 1)
    assert [one["id"] for one in run["results"] if one["status"] == "failed"] == ["t3000"]
    assert imported.loss.dropped.total() == 6_001 - len(run["results"])
    [moved] = outputs_moved([run], lambda *_: f"artifact:sha256:{0:064x}")
    assert "report_ref" in moved
    assert list(split([moved]))


def test_a_report_that_is_refused_is_named() -> None:
    with pytest.raises(NotThisFormat, match=r"b\.xml: it is empty"):
        read_reports([("a.xml", JUNIT), ("b.xml", b"")])


def readable() -> list[Path]:
    folder = shared_data("test-reports")
    found = []
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        try:
            parse(file.read_bytes())
        except BadReport:
            continue
        found.append(file)
    return found


def test_every_shared_report_that_is_read_becomes_a_valid_run() -> None:
    files = readable()
    assert len(files) > 50
    for file in files:
        data, report = file.read_bytes(), parse(file.read_bytes())
        [run] = read_reports([(file.name, data)]).session.events
        [moved] = outputs_moved([run], lambda *_: f"artifact:sha256:{0:064x}")
        EVENT_ADAPTER.validate_python(moved)
        counted: dict[str, Any] = report.totals()
        assert run["passed"] == counted["passed"]
        assert run["failed"] + run["errors"] == counted["failed"] + len(report.broken)
        assert list(split([moved]))
