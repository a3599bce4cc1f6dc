"""The event stream of `go test -json` (test2json), also of several runs one after the other as gotestsum keeps them.

The stream states no totals, but one result per package and run. Executions of a test in one run of its package (-count)
are as bad as the worst; a later run of the package is a retry, and decides. A test that never ended failed with its
package, unless the test around it passed (golang/go issue 40771: events of subtests can be missing).
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.reports.gotest_state import Execution, Package
from pipeline.reports.jsonform import events
from pipeline.reports.model import Attempt, BadReport, Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.values import MAX_CASES, MS_US, SECOND_US, duration_us, epoch_ms, name, prose

_STATUS: dict[str, Status] = {"pass": "passed", "fail": "failed", "skip": "skipped", "unfinished": "failed"}
_SEVERITY = ("passed", "skipped", "failed")
_NOT_BUILT = re.compile(r"FAIL\s+(\S+)\s+\[(?:build|setup) failed\]")
_ENDS = {"pass", "fail", "skip"}
CUT_OFF = "the stream ends before its result: the run was stopped or the file is cut off"


def parse_gotest(data: bytes) -> Report:
    """The report. Raises BadReport."""
    stream = _Stream()
    for _, event, line in events(data):
        stream.output(line) if event is None else stream.event(event)
    if not stream.packages:
        raise BadReport("no event of a package in it: this is no `go test -json`, or give --format")
    return checked(stream.report())


class _Stream:
    def __init__(self) -> None:
        self.packages: dict[str, Package] = {}
        self._executions = 0
        self._builds: dict[str, list[str]] = {}
        self._first: int | None = None
        self._last: int | None = None

    def output(self, line: str) -> None:
        """A line between the events, as the go command writes about what it could not build."""
        if found := _NOT_BUILT.match(line):
            package = self._package(found[1])
            package.note(line)
            package.end("fail")

    def event(self, event: dict[str, Any]) -> None:
        """One event."""
        action, test = event.get("Action"), name(event.get("Test"))
        self._clock(epoch_ms(event.get("Time")))
        if isinstance(path := event.get("ImportPath"), str):
            self._build(name(path), event.get("Output"))
        if not (package_name := name(event.get("Package"))):
            return
        package = self._package(package_name)
        if action == "output":
            package.note(name(event.get("Output")), test)
        elif action == "start":
            package.begin()
        elif action == "run" and test:
            self._count(package.run(test))
        elif action in _ENDS and test:
            self._count(package.finish(test, str(action), duration_us(event.get("Elapsed"), SECOND_US)))
        elif action in _ENDS:
            for line in self._builds.get(name(event.get("FailedBuild")), ()):
                package.note(line)
            package.end(str(action))

    def _package(self, path: str) -> Package:
        if path not in self.packages:
            self._count(1)
            self.packages[path] = Package(path)
        return self.packages[path]

    def _count(self, new: int) -> None:
        self._executions += new
        if self._executions > MAX_CASES:
            raise BadReport(f"more than {MAX_CASES:,} tests: split the run into several reports")

    def _build(self, path: str, output: object) -> None:
        self._count(path not in self._builds)
        lines = self._builds.setdefault(path, [])
        if isinstance(output, str) and len(lines) < 100:
            lines.append(name(output))

    def _clock(self, moment: int | None) -> None:
        if moment is not None:
            self._first = moment if self._first is None else min(self._first, moment)
            self._last = moment if self._last is None else max(self._last, moment)

    def report(self) -> Report:
        """All that was read."""
        packages = self.packages.values()
        ends = [package.result for package in packages]
        took = None if self._first is None or self._last is None else self._last - self._first
        return Report(
            format="gotest",
            framework="go",
            cases=tuple(_case(package, test) for package in packages for test in package.tests),
            broken=tuple(breakage for package in packages if (breakage := _breakage(package))),
            stated=Stated(success="fail" not in ends if None not in ends else None),
            start_ms=self._first,
            duration_us=duration_us(took, MS_US),
        )


def _status(package: Package, test: str, execution: Execution) -> Status:
    if execution.action is not None:
        return _STATUS[execution.action]
    root = package.tests.get(test.partition("/")[0], [])
    around = [one.action for one in root if one.run == execution.run]
    return "passed" if "/" in test and around == ["pass"] else "failed"


def _case(package: Package, test: str) -> Case:
    executions = package.tests[test]
    statuses = [_status(package, test, execution) for execution in executions]
    final = [status for status, one in zip(statuses, executions, strict=True) if one.run == executions[-1].run]
    status = max(final, key=_SEVERITY.index)
    told = executions[len(executions) - 1 - statuses[::-1].index(status)]
    trace = prose("".join(told.output)) if status != "passed" else None
    return Case(
        name=test,
        status=status,
        raw_status=told.action or "unfinished",
        suite=(package.path,),
        duration_us=told.duration_us,
        message=_message(told) if trace else None,
        trace=trace,
        attempts=_attempts(statuses, executions) if len(executions) > 1 else (),
        retries=len(executions) - 1,
        flaky=status == "passed" and "failed" in statuses,
    )


def _message(told: Execution) -> str | None:
    lines = (line.strip() for line in told.output)
    return next((line for line in lines if line and not line.startswith(("===", "---"))), None)


def _attempts(statuses: list[Status], executions: list[Execution]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            status=status,
            duration_us=one.duration_us,
            message=_message(one) if status != "passed" else None,
        )
        for status, one in zip(statuses, executions, strict=True)
    )


def _breakage(package: Package) -> Breakage | None:
    """A package that failed although none of its tests did in the same run, or that has no result."""
    if package.result is None:
        return Breakage(package.path, CUT_OFF)
    ran = [(test, one) for test, all_ in package.tests.items() for one in all_ if one.run == package.run_number - 1]
    if package.result != "fail" or any(_status(package, test, one) == "failed" for test, one in ran):
        return None
    return Breakage(package.path, prose("".join(package.output)) or "failed outside of its tests")
