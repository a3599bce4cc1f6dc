"""Test runs of a trace as reports: what its client claimed, and what the sandbox saw before and after the change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as XML

import orjson

from pipeline.exports.view import Document, NotExportable, Row, View
from pipeline.reports.ctrfwriter import ctrf
from pipeline.reports.model import Case, Report, Status

Named = tuple[str, Report]
SANDBOX = "pr-telemetry sandbox"
_STATUS: dict[str, Status] = {"passed": "passed", "failed": "failed", "error": "failed", "skipped": "skipped"}
# What XML 1.0 has no way to write, escaped or not.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def ctrf_reports(view: View) -> Iterator[Document]:
    """One CTRF 1.0 document a test run."""
    for name, report in _reports(view):
        content = orjson.dumps(ctrf([(name, report)]), option=orjson.OPT_APPEND_NEWLINE)
        yield Document("reports", f"{view.id}-{name}.json", content)


def junit_reports(view: View) -> Iterator[Document]:
    """One JUnit XML document a test run."""
    for name, report in _reports(view):
        yield Document("reports", f"{view.id}-{name}.xml", _junit(name, report))


def _reports(view: View) -> list[Named]:
    """Raises NotExportable where no run names its tests: totals alone are no report."""
    claimed = [event for event in view.events if event["type"] == "test_run" and event.get("results")]
    found = [(f"claimed-{event['seq']:05}", _claimed(event)) for event in claimed]
    for when in ("before", "after"):
        if cases := tuple(_seen(row, when) for row in view.tests if row[when] in _STATUS):
            report = Report(format="sandbox", framework=SANDBOX, cases=cases)
            found.append((f"sandbox-{when}", report))
    if not found:
        raise NotExportable("no test run names its tests")
    return found


def _claimed(event: Mapping[str, Any]) -> Report:
    duration = event.get("duration_us")
    return Report(
        format="event",
        framework=event["framework"],
        cases=tuple(_case(result) for result in event["results"]),
        start_ms=max(0, event["ts_client_us"] - (duration or 0)) // 1000,
        duration_us=duration,
    )


def _case(result: Mapping[str, Any]) -> Case:
    return Case(
        name=result["id"],
        status=_STATUS[result["status"]],
        raw_status=result["status"],
        duration_us=result.get("duration_us"),
        message=result.get("message"),
    )


def _seen(row: Row, when: str) -> Case:
    return Case(name=row["test_id"], status=_STATUS[row[when]], raw_status=row[when], suite=(row["suite"],))


def _junit(name: str, report: Report) -> bytes:
    totals = {
        "tests": len(report.cases),
        "failures": sum(case.raw_status == "failed" for case in report.cases),
        "errors": sum(case.raw_status == "error" for case in report.cases),
    }
    # The schema that Jenkins and pytest hold reports to allows `skipped` of a suite only.
    root = XML.Element("testsuites", {key: str(value) for key, value in totals.items()})
    for suite in dict.fromkeys(case.suite for case in report.cases):
        cases = [case for case in report.cases if case.suite == suite]
        _suite(root, _text("/".join(suite) or f"{report.framework} {name}"), cases)
    content: bytes = XML.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _suite(root: XML.Element, name: str, cases: list[Case]) -> None:
    counts = {
        "tests": len(cases),
        "failures": sum(case.raw_status == "failed" for case in cases),
        "errors": sum(case.raw_status == "error" for case in cases),
        "skipped": sum(case.status == "skipped" for case in cases),
    }
    suite = XML.SubElement(root, "testsuite", {"name": name, **{key: str(value) for key, value in counts.items()}})
    for case in cases:
        classname, title = _parted(case.name)
        own = {"classname": _text(classname), "name": _text(title)}
        time = {} if case.duration_us is None else {"time": f"{case.duration_us / 1_000_000:.6f}"}
        element = XML.SubElement(suite, "testcase", own | time)
        if case.raw_status in ("failed", "error"):
            tag = "failure" if case.raw_status == "failed" else "error"
            XML.SubElement(element, tag, {"message": _text(case.message or "").split("\n")[0]}).text = _text(
                case.message or ""
            )
        elif case.status == "skipped":
            XML.SubElement(element, "skipped")


def _parted(test_id: str) -> tuple[str, str]:
    """Where a test is and its name; what stands in the brackets of a parametrised one is part of its name."""
    bare, bracket, rest = test_id.partition("[")
    place, _, name = bare.rpartition("::")
    return place, f"{name}{bracket}{rest}"


def _text(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
