"""What Mocha's `json` reporter writes: all tests, and again those that passed, failed and are pending.

A failed hook is in `failures` only, and is a breakage. A test has the number of its retries, not their outcomes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from pipeline.reports.jsonform import document, optional, records
from pipeline.reports.model import Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.values import MS_US, count, duration_us, epoch_ms, name, prose

Key = tuple[str, str, str]


def parse_mocha(data: bytes) -> Report:
    """The report. Raises BadReport."""
    content = document(data)
    stats = optional(content, "stats")
    tests = records(content, "tests")
    pending = Counter(map(_key, records(content, "pending")))
    failures = records(content, "failures")
    known = {_key(test) for test in tests}
    failed = Counter(map(_key, failures))
    return checked(
        Report(
            format="mocha",
            framework="mocha",
            cases=tuple(_case(test, _status(test, pending, failed)) for test in tests),
            broken=tuple(_breakage(each) for each in failures if _key(each) not in known),
            stated=_stated(stats, len([each for each in failures if _key(each) not in known])),
            start_ms=epoch_ms(stats.get("start")),
            duration_us=duration_us(stats.get("duration"), MS_US),
        )
    )


def _key(test: dict[str, Any]) -> Key:
    return name(test.get("file")), name(test.get("fullTitle")), name(test.get("title"))


def _status(test: dict[str, Any], pending: Counter[Key], failed: Counter[Key]) -> Status:
    """Pending and failed as listed; an error of its own fails a test that no list names."""
    key = _key(test)
    if pending[key] > 0 and not optional(test, "err"):
        pending[key] -= 1
        return "pending"
    if failed[key] > 0 and optional(test, "err"):
        failed[key] -= 1
        return "failed"
    return "failed" if optional(test, "err") else "passed"


def _case(test: dict[str, Any], status: Status) -> Case:
    error, retries = optional(test, "err"), count(test.get("currentRetry")) or 0
    title, full = name(test.get("title")), name(test.get("fullTitle"))
    suite = full.removesuffix(title).strip()
    return Case(
        name=title,
        status=status,
        raw_status=status,
        suite=(suite,) if suite else (),
        file=name(test.get("file")) or None,
        duration_us=duration_us(test.get("duration"), MS_US),
        message=prose(error.get("message")),
        trace=prose(error.get("stack")),
        retries=retries,
        flaky=status == "passed" and retries > 0,
    )


def _breakage(failure: dict[str, Any]) -> Breakage:
    return Breakage(
        name(failure.get("fullTitle")) or name(failure.get("title")),
        prose(optional(failure, "err").get("message")) or "failed",
    )


def _stated(stats: dict[str, Any], hooks: int) -> Stated:
    """Mocha counts a failed hook among the failures."""
    failures = count(stats.get("failures"))
    return Stated(
        tests=count(stats.get("tests")),
        passed=count(stats.get("passes")),
        failed=None if failures is None else max(failures - hooks, 0),
        pending=count(stats.get("pending")),
    )
