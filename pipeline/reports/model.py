"""What any test report says, in one form: cases, what broke outside of them, and the totals it states itself.

Pure values. A total is counted here from the cases and never taken from the report; where the report states one that
differs, `Report.differences` says so instead of one of the two winning.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["passed", "failed", "skipped", "pending", "other"]
STATUSES: tuple[Status, ...] = ("passed", "failed", "skipped", "pending", "other")
MAX_DIFFERENCES = 20


class BadReport(ValueError):
    """Not a report that can be read; the text says what is wrong and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One execution of a case that was executed several times. Durations are microseconds, None where unknown."""

    status: Status
    duration_us: int | None = None
    message: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One entry of a report. `raw_status` is the report's own word (JUnit: `error` beside `failed`).

    `attempts` has every execution in order where the report lists several; `retries` counts those after the first,
    also where it only gives their number. `flaky`: it passed, and failed before in the same report.
    """

    name: str
    status: Status
    raw_status: str
    suite: tuple[str, ...] = ()
    classname: str = ""
    file: str | None = None
    line: int | None = None
    duration_us: int | None = None
    message: str | None = None
    trace: str | None = None
    attempts: tuple[Attempt, ...] = ()
    retries: int = 0
    flaky: bool = False

    @property
    def id(self) -> str:
        """File, suites, class and name, each once, joined by `::`. Not unique: reports list the same case twice."""
        parts = (self.file or "", *self.suite, self.classname, self.name)
        return "::".join(part for part, before in zip(parts, ("", *parts), strict=False) if part and part != before)


@dataclass(frozen=True, slots=True)
class Breakage:
    """Something that failed outside of any case: a file that did not load, a package that did not build, a hook."""

    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the report itself says; None where it says nothing. `failed` includes errors and breakages where given."""

    tests: int | None = None
    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None
    pending: int | None = None
    other: int | None = None
    flaky: int | None = None
    success: bool | None = None

    @property
    def anything(self) -> bool:
        """Whether the report states anything at all that can be compared."""
        return self != Stated()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report in one form. `start_ms` is since 1970, None where unknown; `differences` are sentences, most 20."""

    format: str
    framework: str
    version: str | None = None
    cases: tuple[Case, ...] = ()
    broken: tuple[Breakage, ...] = ()
    stated: Stated = Stated()
    differences: tuple[str, ...] = ()
    start_ms: int | None = None
    duration_us: int | None = None

    def totals(self) -> Counter[str]:
        """Cases per status."""
        return Counter(case.status for case in self.cases)

    @property
    def flaky(self) -> int:
        """How many cases passed after they had failed."""
        return sum(case.flaky for case in self.cases)

    @property
    def green(self) -> bool:
        """Whether nothing failed, neither a case nor outside of one."""
        return not self.broken and not any(case.status == "failed" for case in self.cases)


def checked(report: Report) -> Report:
    """The report with every difference between what it states and what it holds, after those its reader found."""
    found = (*report.differences, *compared(report))
    return replace(report, differences=found[:MAX_DIFFERENCES])


def compared(report: Report) -> list[str]:
    """One sentence for each stated total that is not the counted one."""
    totals, stated = report.totals(), report.stated
    counted: dict[str, int] = {status: totals[status] for status in STATUSES}
    counted |= {"tests": len(report.cases), "flaky": report.flaky}
    names = ("tests", *STATUSES, "flaky")
    found = [difference(name, said, counted[name]) for name in names if (said := getattr(stated, name)) is not None]
    if stated.success is not None and stated.success != report.green:
        found.append(f"it says {'success' if stated.success else 'failure'}, its tests say otherwise")
    return [text for text in found if text]


def difference(what: str, said: int, counted: int) -> str:
    """The sentence about one total; empty where both agree."""
    return "" if said == counted else f"{what}: {said} stated, {counted} found"
