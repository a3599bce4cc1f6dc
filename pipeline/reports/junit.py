"""JUnit XML in the dialects that are written: nested suites, reruns of Surefire, suites that did not run.

There is no one specification; what is read here is common to pytest, unittest, Surefire, Gradle, jest-junit, PHPUnit,
Swift, gotestsum, minitest and others. What each suite and the root state is compared with what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipeline.reports.junit_cases import OUTCOMES, RERUNS, Outcome, case_of
from pipeline.reports.junit_dialects import Habits, framework
from pipeline.reports.junit_suites import Suite, seconds, together
from pipeline.reports.model import MAX_DIFFERENCES, BadReport, Breakage, Case, Report
from pipeline.reports.values import MAX_CASES, SECOND_US, duration_us, epoch_ms, name, prose
from pipeline.reports.xmlform import Attributes, feed

_UNLOADED = "Test suite failed to run"  # jest-junit: a case that none of its own totals counts as a test


def parse_junit(data: bytes) -> Report:
    """The report. Raises BadReport."""
    reader = _Junit()
    feed(data, reader)
    if not reader.is_junit:
        raise BadReport("no <testsuite> or <testsuites> in it: this is no JUnit XML, or give --format")
    return reader.report()


@dataclass(slots=True)
class _Junit:
    """The reader of one document; see Elements."""

    root: Suite = field(default_factory=lambda: Suite({}))
    is_junit: bool = False
    habits: Habits = field(default_factory=Habits)
    cases: list[Case] = field(default_factory=list)
    broken: list[Breakage] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    outermost: list[Suite] = field(default_factory=list)
    _open: list[Suite] = field(default_factory=list)
    _case: dict[str, str] | None = None
    _outcomes: list[Outcome] = field(default_factory=list)
    _inside: list[Outcome] = field(default_factory=list)

    def start(self, element: str, attributes: Attributes) -> None:
        """An element begins."""
        if element == "testsuites":
            self.is_junit, self.habits.root, self.root = True, dict(attributes), Suite(dict(attributes))
        elif element == "testsuite":
            self._start_suite(dict(attributes))
        elif element == "testcase":
            self._case, self._outcomes = dict(attributes), []
            self.habits.case = self.habits.case or self._case
        elif element in OUTCOMES or element in RERUNS:
            self._start_outcome(element, attributes)
        elif element == "property":
            self.habits.properties.add(name(attributes.get("name")))

    def keeps(self, element: str) -> bool:
        """Traces are the texts of outcomes, or of a <stackTrace> inside one."""
        return element in OUTCOMES or element in RERUNS or element == "stackTrace"

    def end(self, element: str, text: str) -> None:
        """An element ends."""
        if element == "testsuite":
            self._end_suite()
        elif element == "testcase" and self._case is not None:
            self._end_case(self._case)
            self._case = None
        elif element in OUTCOMES or element in RERUNS:
            outcome = self._inside.pop()
            outcome.trace = outcome.trace or prose(text)
            if self._case is None:
                self._break(outcome)
        elif element == "stackTrace" and self._inside:
            self._inside[-1].trace = prose(text)

    def report(self) -> Report:
        """All that was read."""
        top = self.root if self.root.stated.anything else together(self.outermost)
        took = self.root.attributes.get("time") or sum(map(seconds, self.outermost))
        return Report(
            format="junit",
            framework=framework(self.habits),
            cases=tuple(self.cases),
            broken=tuple(self.broken),
            stated=top.stated,
            differences=tuple([*self.root.differences(), *self.found][:MAX_DIFFERENCES]),
            start_ms=epoch_ms(self.habits.root.get("timestamp") or self.habits.suite.get("timestamp")),
            duration_us=duration_us(took, SECOND_US),
        )

    def _start_suite(self, attributes: dict[str, str]) -> None:
        self.is_junit = True
        self.habits.suite = self.habits.suite or attributes
        suite = Suite(attributes)
        if not self._open:
            self.outermost.append(suite)
        self._open.append(suite)

    def _end_suite(self) -> None:
        suite = self._open.pop()
        if len(self.found) < MAX_DIFFERENCES:
            self.found.extend(suite.differences())
        self._around.add(suite)

    @property
    def _around(self) -> Suite:
        return self._open[-1] if self._open else self.root

    def _start_outcome(self, element: str, attributes: Attributes) -> None:
        self.habits.elements.add(element)
        kind = OUTCOMES.get(element) or ("error" if element.endswith("Error") else "failed")
        if element == "skipped" and "xfail" in attributes.get("type", "").lower():
            kind = "xfail"
        outcome = Outcome(element, kind, prose(attributes.get("message")))
        self._inside.append(outcome)
        if self._case is not None:
            self._outcomes.append(outcome)

    def _break(self, outcome: Outcome) -> None:
        if outcome.kind in {"failed", "error"}:
            self._add_breakage(self._around.attributes.get("name", ""), outcome)

    def _add_breakage(self, where: str, outcome: Outcome) -> None:
        self._around.failed += 1
        self.broken.append(Breakage(name(where), outcome.message or outcome.trace or outcome.kind))

    def _end_case(self, attributes: dict[str, str]) -> None:
        if len(self.cases) + len(self.broken) >= MAX_CASES:
            raise BadReport(f"more than {MAX_CASES:,} tests: split the run into several reports")
        case = case_of(attributes, self._outcomes, tuple(name(suite.attributes.get("name")) for suite in self._open))
        failing = sum(outcome.element in {"failure", "error"} for outcome in self._outcomes)
        if failing and self._is_no_test(attributes):
            self._add_breakage(attributes.get("name", ""), self._outcomes[0])
        elif self._is_second_half(case):
            self.cases[-1] = replace(self.cases[-1], raw_status="error")
            self._around.failed += failing
        else:
            self.cases.append(case)
            self._around.tests += 1
            self._around.failed += failing
            self._around.skipped += case.status == "skipped"

    def _is_no_test(self, attributes: dict[str, str]) -> bool:
        """jest-junit: a file that did not run. gotestsum: a package that failed outside of its tests."""
        if attributes.get("classname") == _UNLOADED:
            return True
        return "go.version" in self.habits.properties and attributes.get("classname") == ""

    def _is_second_half(self, case: Case) -> bool:
        """pytest: a test that fails and whose teardown fails is one test of two entries, and is counted as one."""
        if not self.cases or self.habits.suite.get("name") != "pytest" or case.raw_status != "error":
            return False
        last = self.cases[-1]
        return last.raw_status == "failed" and (last.classname, last.name) == (case.classname, case.name)
