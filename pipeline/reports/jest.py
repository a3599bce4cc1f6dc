"""What `jest --json` (and Vitest's `json` reporter) writes: one document, one entry per test file.

A file that could not be loaded has no tests of its own and is a breakage. Jest says that a test was retried and why,
not how each attempt ended: every attempt before the last failed, or there would have been no retry.
"""

from __future__ import annotations

from typing import Any

from pipeline.reports.jsonform import document, optional, records, status_of, texts
from pipeline.reports.model import Attempt, Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.values import MS_US, count, duration_us, epoch_ms, name, prose

_STATUS: dict[str, Status] = {
    "passed": "passed",
    "failed": "failed",
    "pending": "pending",
    "skipped": "skipped",
    "disabled": "skipped",
    "todo": "pending",
    "focused": "other",
}
MOST_ATTEMPTS = 100


def parse_jest(data: bytes) -> Report:
    """The report. Raises BadReport."""
    content = document(data)
    files = records(content, "testResults")
    start = epoch_ms(content.get("startTime"))
    return checked(
        Report(
            format="jest",
            framework="jest",
            cases=tuple(_case(each, _path(file)) for file in files for each in _tests(file)),
            broken=tuple(breakage for file in files if (breakage := _breakage(file))),
            stated=_stated(content),
            start_ms=start,
            duration_us=_took(files, start),
        )
    )


def _tests(file: dict[str, Any]) -> list[dict[str, Any]]:
    """Jest's own results have `testResults`, what `--json` prints of them `assertionResults`."""
    return records(file, "assertionResults" if "assertionResults" in file else "testResults")


def _path(file: dict[str, Any]) -> str:
    return name(file.get("testFilePath") or file.get("name"))


def _case(test: dict[str, Any], path: str) -> Case:
    status = status_of(_STATUS, test.get("status"))
    failures = texts(test.get("failureMessages"))
    retries = max((count(test.get("invocations")) or 1) - 1, 0)
    reasons = texts(test.get("retryReasons"))
    return Case(
        name=name(test.get("title")),
        status=status,
        raw_status=test["status"],
        suite=tuple(name(title) for title in texts(test.get("ancestorTitles"))),
        file=path or None,
        line=count(optional(test, "location").get("line")),
        duration_us=duration_us(test.get("duration"), MS_US),
        message=_first_line(failures),
        trace=prose("\n\n".join(failures)),
        attempts=_attempts(status, retries, reasons),
        retries=retries,
        flaky=status == "passed" and retries > 0,
    )


def _first_line(failures: list[str]) -> str | None:
    return prose(failures[0].strip().partition("\n")[0]) if failures else None


def _attempts(status: Status, retries: int, reasons: list[str]) -> tuple[Attempt, ...]:
    if not retries or retries >= MOST_ATTEMPTS:
        return ()
    messages = [*reasons, *[""] * retries][:retries]
    return (*(Attempt(status="failed", message=prose(message)) for message in messages), Attempt(status=status))


def _breakage(file: dict[str, Any]) -> Breakage | None:
    """A file that did not run; one whose tests ran and that failed outside of them."""
    message = prose(file.get("failureMessage") or file.get("message"))
    tests = _tests(file)
    exec_error = file.get("testExecError") is not None
    if exec_error or (message and not tests and file.get("status") != "passed"):
        return Breakage(_path(file), message or prose(optional(file, "testExecError").get("message")) or "did not run")
    return None


def _stated(content: dict[str, Any]) -> Stated:
    """Pending includes todo, as in the cases; Jest counts a file that did not run among its suites, not its tests."""
    pending, todo = count(content.get("numPendingTests")), count(content.get("numTodoTests"))
    success = content.get("success")
    return Stated(
        tests=count(content.get("numTotalTests")),
        passed=count(content.get("numPassedTests")),
        failed=count(content.get("numFailedTests")),
        pending=None if pending is None else pending + (todo or 0),
        success=success if isinstance(success, bool) else None,
    )


def _took(files: list[dict[str, Any]], start: int | None) -> int | None:
    ends = [epoch_ms(optional(file, "perfStats").get("end") or file.get("endTime")) for file in files]
    latest = max((end for end in ends if end is not None), default=None)
    return None if start is None or latest is None else duration_us(latest - start, MS_US)
