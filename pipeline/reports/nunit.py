"""NUnit 3 XML (`<test-run>`), as its console and adapters write it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.reports.jsonform import status_of
from pipeline.reports.model import BadReport, Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.values import MAX_CASES, SECOND_US, count, duration_us, epoch_ms, name, prose
from pipeline.reports.xmlform import Attributes, feed

_STATUS: dict[str, Status] = {
    "Passed": "passed",
    "Warning": "passed",
    "Failed": "failed",
    "Skipped": "skipped",
    "Inconclusive": "other",
}
_OUTSIDE = {"SetUp", "TearDown"}  # sites of a suite's own failure; Child and Test are those of its tests


def parse_nunit(data: bytes) -> Report:
    """The report. Raises BadReport."""
    reader = _Nunit()
    feed(data, reader)
    if reader.run is None:
        raise BadReport("no <test-run> in it: this is no NUnit 3 XML, or give --format")
    return checked(reader.report(reader.run))


@dataclass(slots=True)
class _Nunit:
    """The reader of one document; see Elements."""

    run: dict[str, str] | None = None
    cases: list[Case] = field(default_factory=list)
    broken: list[Breakage] = field(default_factory=list)
    _suites: list[dict[str, str]] = field(default_factory=list)
    _case: dict[str, str] | None = None
    _texts: dict[str, str] = field(default_factory=dict)

    def start(self, element: str, attributes: Attributes) -> None:
        """An element begins."""
        if element == "test-run":
            self.run = dict(attributes)
        elif element == "test-suite":
            self._suites.append(dict(attributes))
        elif element == "test-case":
            self._case, self._texts = dict(attributes), {}

    def keeps(self, element: str) -> bool:
        """The texts of a <failure> or a <reason>."""
        return element in {"message", "stack-trace"}

    def end(self, element: str, text: str) -> None:
        """An element ends."""
        if element == "test-case" and self._case is not None:
            self._end_case(self._case)
            self._case = None
        elif element == "test-suite":
            self._suites.pop()
        elif element in {"message", "stack-trace"}:
            self._texts[element] = text
        elif element == "failure" and self._case is None and self._suites:
            self._break(self._suites[-1])

    def _break(self, suite: dict[str, str]) -> None:
        if suite.get("site") in _OUTSIDE:
            self.broken.append(Breakage(name(suite.get("fullname")), prose(self._texts.get("message")) or "failed"))

    def _end_case(self, attributes: dict[str, str]) -> None:
        if len(self.cases) >= MAX_CASES:
            raise BadReport(f"more than {MAX_CASES:,} tests: split the run into several reports")
        result = attributes.get("result", "")
        time = attributes.get("duration") or attributes.get("time")
        self.cases.append(
            Case(
                name=name(attributes.get("name")),
                status=status_of(_STATUS, result),
                raw_status=attributes.get("label") or result,
                suite=tuple(name(suite.get("name")) for suite in self._suites),
                classname=name(attributes.get("classname")),
                duration_us=duration_us(time, SECOND_US),
                message=prose(self._texts.get("message")),
                trace=prose(self._texts.get("stack-trace")),
            )
        )

    def report(self, run: dict[str, str]) -> Report:
        """All that was read."""
        return Report(
            format="nunit",
            framework="nunit",
            cases=tuple(self.cases),
            broken=tuple(self.broken),
            stated=Stated(
                tests=count(run.get("total")),
                passed=count(run.get("passed")),
                failed=count(run.get("failed")),
                skipped=count(run.get("skipped")),
                other=count(run.get("inconclusive")),
            ),
            start_ms=epoch_ms(run.get("start-time")),
            duration_us=duration_us(run.get("duration") or run.get("time"), SECOND_US),
        )
