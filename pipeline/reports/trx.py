"""TRX, the results file of `dotnet test` and Visual Studio, of MSTest, xUnit and NUnit alike.

An outcome that is not written is `Error`: the writer leaves the default out. Skipped is what was not executed; its
counter `notExecuted` stays 0 in practice, so that the number is stated as total less executed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipeline.reports.jsonform import status_of
from pipeline.reports.model import BadReport, Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.values import MAX_CASES, MS_US, clock_us, count, duration_us, epoch_ms, name, prose
from pipeline.reports.xmlform import Attributes, feed

_STATUS: dict[str, Status] = {
    "Passed": "passed",
    "PassedButRunAborted": "passed",
    "Warning": "passed",
    "Completed": "passed",
    "Failed": "failed",
    "Error": "failed",
    "Timeout": "failed",
    "Aborted": "failed",
    "NotExecuted": "skipped",
    "NotRunnable": "skipped",
    "Inconclusive": "other",
    "Disconnected": "other",
    "InProgress": "other",
    "Pending": "pending",
}
_FAILED = ("failed", "error", "timeout", "aborted")


def parse_trx(data: bytes) -> Report:
    """The report. Raises BadReport."""
    reader = _Trx()
    feed(data, reader)
    if not reader.is_trx:
        raise BadReport("no <TestRun> in it: this is no TRX, or give --format")
    return checked(reader.report())


@dataclass(slots=True)
class _Trx:
    """The reader of one document; see Elements."""

    is_trx: bool = False
    start_ms: int | None = None
    stop_ms: int | None = None
    counters: dict[str, str] = field(default_factory=dict)
    results: list[tuple[str, Case]] = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    broken: list[Breakage] = field(default_factory=list)
    _open: list[dict[str, str]] = field(default_factory=list)
    _failure: dict[str, str] = field(default_factory=dict)
    _test: str = ""

    def start(self, element: str, attributes: Attributes) -> None:
        """An element begins."""
        if element == "TestRun":
            self.is_trx = True
        elif element == "Times":
            self.start_ms, self.stop_ms = epoch_ms(attributes.get("start")), epoch_ms(attributes.get("finish"))
        elif element == "UnitTestResult":
            self._open.append(dict(attributes))
            self._failure = {}
        elif element == "UnitTest":
            self._test = attributes.get("id", "")
        elif element == "TestMethod":
            self.classes[self._test] = name(attributes.get("className")).partition(",")[0]
        elif element == "Counters":
            self.counters = dict(attributes)

    def keeps(self, element: str) -> bool:
        """The texts of an ErrorInfo."""
        return element in {"Message", "StackTrace"} and bool(self._open)

    def end(self, element: str, text: str) -> None:
        """An element ends."""
        if element in {"Message", "StackTrace"}:
            self._failure[element] = text
        elif element == "UnitTestResult":
            self._end_result(self._open.pop())

    def _end_result(self, attributes: dict[str, str]) -> None:
        if len(self.results) >= MAX_CASES:
            raise BadReport(f"more than {MAX_CASES:,} tests: split the run into several reports")
        outcome = attributes.get("outcome", "Error")
        case = Case(
            name=name(attributes.get("testName")),
            status=status_of(_STATUS, outcome),
            raw_status=outcome,
            duration_us=clock_us(attributes.get("duration")),
            message=prose(self._failure.get("Message")),
            trace=prose(self._failure.get("StackTrace")),
        )
        self._failure = {}
        self.results.append((attributes.get("testId", ""), case))

    def report(self) -> Report:
        """All that was read; classes come after the results that they belong to."""
        took = None if self.start_ms is None or self.stop_ms is None else self.stop_ms - self.start_ms
        return Report(
            format="trx",
            framework="dotnet",
            cases=tuple(_classed(case, self.classes.get(test, "")) for test, case in self.results),
            stated=self._stated(),
            start_ms=self.start_ms,
            duration_us=duration_us(took, MS_US),
        )

    def _stated(self) -> Stated:
        said = {key: number for key, text in self.counters.items() if (number := count(text)) is not None}
        failed = [said[key] for key in _FAILED if key in said]
        total, executed = said.get("total"), said.get("executed")
        return Stated(
            tests=total,
            passed=said.get("passed"),
            failed=sum(failed) if failed else None,
            skipped=None if total is None or executed is None else max(total - executed, 0),
        )


def _classed(case: Case, classname: str) -> Case:
    short = case.name.removeprefix(f"{classname}.") if classname else case.name
    return replace(case, classname=classname, name=short or case.name)
