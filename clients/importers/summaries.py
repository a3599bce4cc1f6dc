"""Totals of a test run, read from the last lines that pytest and unittest print. Pure.

A command counts as a test run only if it starts a test runner and its output has a summary with at least one test: what
stopped before a test ran, or was cut off by `head`, stays an ordinary command.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_STARTS_RUNNER = re.compile(
    r"python[\d.]*\s+(?:-\w\s+)*-m\s+(?:pytest|unittest|nose2)\b"
    r"|(?:^|[;&|(])\s*(?:\w+=\S*\s+)*(?:pytest|py\.test|tox|nox|nosetests|nose2)\b"
    r"|\b(?:manage\.py\s+test|runtests\.py)\b",
    re.MULTILINE,
)
_PYTEST_LINE = re.compile(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s\b.*$", re.MULTILINE)
_PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|skipped|xfailed|xpassed|errors?)\b")
_UNITTEST_LINES = re.compile(r"^Ran (\d+) tests? in [\d.]+s\s+^(OK|FAILED)(?: \(([^)]*)\))?\s*$", re.MULTILINE)
_UNITTEST_COUNT = re.compile(r"(failures|errors|skipped|expected failures|unexpected successes)=(\d+)")


@dataclass(frozen=True, slots=True)
class Totals:
    """How many tests ended how. An expected failure counts as skipped, as in JUnit reports."""

    framework: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: int = 0


def totals_of(command: str, output: str) -> Totals | None:
    """The totals of the last test run in `output`, or None where `command` ran no test that was counted there."""
    if not _STARTS_RUNNER.search(command):
        return None
    found = (read(output) for read in SUMMARIES.values())
    return next((totals for totals in found if totals and _any_test(totals)), None)


def _any_test(totals: Totals) -> bool:
    return totals.passed + totals.failed + totals.skipped + totals.errors > 0


def _pytest(output: str) -> Totals | None:
    lines = _PYTEST_LINE.findall(output)
    if not lines:
        return None
    counts = {word.rstrip("s") if word == "errors" else word: int(n) for n, word in _PYTEST_COUNT.findall(lines[-1])}
    return Totals(
        "pytest",
        passed=counts.get("passed", 0) + counts.get("xpassed", 0),
        failed=counts.get("failed", 0),
        skipped=counts.get("skipped", 0) + counts.get("xfailed", 0),
        errors=counts.get("error", 0),
    )


def _unittest(output: str) -> Totals | None:
    runs = _UNITTEST_LINES.findall(output)
    if not runs:
        return None
    ran, _, details = runs[-1]
    counts = {word: int(n) for word, n in _UNITTEST_COUNT.findall(details)}
    failed = counts.get("failures", 0) + counts.get("unexpected successes", 0)
    skipped = counts.get("skipped", 0) + counts.get("expected failures", 0)
    errors = counts.get("errors", 0)
    return Totals("unittest", max(0, int(ran) - failed - skipped - errors), failed, skipped, errors)


SUMMARIES: dict[str, Callable[[str], Totals | None]] = {"pytest": _pytest, "unittest": _unittest}
