"""Writes CTRF 1.0: one document from one report, or from several merged. Pure; the same reports give the same bytes.

CTRF has no place for what broke outside of a test: such a breakage becomes a failed test with the raw status `broken`,
so that a run whose files did not load is never green. Where no start is known it is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.reports.model import STATUSES, Attempt, Breakage, Case, Report
from pipeline.reports.values import MS_US

SPECIFICATION = "1.0.0"
UNNAMED = "(unnamed)"
Named = tuple[str, Report]


def ctrf(reports: Sequence[Named]) -> dict[str, Any]:
    """The document of the reports, given with their files' names; several are merged in order."""
    merged = len(reports) > 1
    tests = [test for named in reports for test in _tests(named, merged)]
    differences = [f"{file}: {text}" for file, report in reports for text in report.differences]
    return {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "generatedBy": "pr-telemetry",
        "results": {
            "tool": _tool([report for _, report in reports]),
            "summary": _summary(tests, [report for _, report in reports]),
            "tests": tests,
            **({"extra": {"differences": differences}} if differences else {}),
        },
    }


def _tool(reports: Iterable[Report]) -> dict[str, str]:
    names = {report.framework: report.version for report in reports}
    version = next(iter(names.values())) if len(names) == 1 else None
    return {"name": ", ".join(names) or UNNAMED, **({"version": version} if version else {})}


def _summary(tests: list[dict[str, Any]], reports: Sequence[Report]) -> dict[str, int]:
    start = min((report.start_ms for report in reports if report.start_ms is not None), default=0)
    stops = [(report.start_ms or start) + (_ms(report.duration_us) or 0) for report in reports]
    stop = max(stops, default=start)
    counts: dict[str, int] = {status: sum(test["status"] == status for test in tests) for status in STATUSES}
    flaky = sum(test.get("flaky", False) for test in tests)
    return {"tests": len(tests), **counts, "flaky": flaky, "start": start, "stop": stop, "duration": stop - start}


def _tests(named: Named, merged: bool) -> Iterable[dict[str, Any]]:
    file, report = named
    extra = {"extra": {"report": file}} if merged else {}
    for case in report.cases:
        yield _test(case) | extra
    for breakage in report.broken:
        yield _broken(breakage) | extra


def _test(case: Case) -> dict[str, Any]:
    suite = [*case.suite, *([case.classname] if case.classname and case.classname not in case.suite else [])]
    return _given(
        testId=case.id or None,
        name=case.name.strip() or UNNAMED,
        status=case.status,
        rawStatus=case.raw_status,
        duration=_ms(case.duration_us) or 0,
        suite=suite or None,
        filePath=case.file,
        line=case.line,
        message=case.message,
        trace=case.trace,
        retries=case.retries or None,
        flaky=case.flaky or None,
        retryAttempts=[_attempt(number, one) for number, one in enumerate(case.attempts, 1)] or None,
    )


def _attempt(number: int, one: Attempt) -> dict[str, Any]:
    return _given(
        attempt=number, status=one.status, duration=_ms(one.duration_us), message=one.message, trace=one.trace
    )


def _broken(breakage: Breakage) -> dict[str, Any]:
    where = breakage.where.strip() or UNNAMED
    return {"name": where, "status": "failed", "rawStatus": "broken", "duration": 0, "message": breakage.message}


def _given(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


def _ms(duration_us: int | None) -> int | None:
    return None if duration_us is None else round(duration_us / MS_US)
