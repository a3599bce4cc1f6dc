"""The event stream of `dart test --reporter json` and `flutter test --machine`.

Hidden entries (loading, setUpAll) count only where they failed, as breakages. The stream ends with `done`, which states
success; a stream without it is a run that was stopped.
"""

from __future__ import annotations

from typing import Any

from pipeline.reports.jsonform import events, optional, status_of
from pipeline.reports.model import BadReport, Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.values import MAX_CASES, MS_US, count, duration_us, name, prose

_STATUS: dict[str, Status] = {"success": "passed", "failure": "failed", "error": "failed"}
_NO_TEST = ("loading ", "(setUpAll)", "(tearDownAll)")


def parse_dart(data: bytes) -> Report:
    """The report. Raises BadReport."""
    stream = _Stream()
    for _, event, _ in events(data):
        if event is not None:
            stream.event(event)
    if stream.version is None:
        raise BadReport("no `start` event in it: this is no JSON report of dart test, or give --format")
    return checked(stream.report())


class _Stream:
    def __init__(self) -> None:
        self.version: str | None = None
        self._suites: dict[int, str] = {}
        self._groups: dict[int, str] = {}
        self._started: dict[int, tuple[dict[str, Any], object]] = {}
        self._errors: dict[int, dict[str, Any]] = {}
        self._done: dict[str, Any] | None = None
        self._ends: dict[int, dict[str, Any]] = {}

    def event(self, event: dict[str, Any]) -> None:
        """One event."""
        kind = event.get("type")
        if kind == "start":
            self.version = name(event.get("runnerVersion"))
        elif kind == "suite":
            self._add(self._suites, optional(event, "suite"), "path")
        elif kind == "group":
            self._add(self._groups, optional(event, "group"), "name")
        elif kind == "testStart":
            self._start(optional(event, "test"), event.get("time"))
        elif kind == "error" and (number := count(event.get("testID"))) is not None:
            self._errors.setdefault(number, event)
        elif kind == "testDone" and (number := count(event.get("testID"))) is not None:
            self._ends[number] = event
        elif kind == "done":
            self._done = event

    def _add(self, known: dict[int, str], entry: dict[str, Any], key: str) -> None:
        if (number := count(entry.get("id"))) is not None:
            known[number] = name(entry.get(key))

    def _start(self, test: dict[str, Any], time: object) -> None:
        if (number := count(test.get("id"))) is None:
            raise BadReport("a test without an id: the file is damaged, write it again")
        self._started[number] = (test, time)
        if len(self._started) > MAX_CASES:
            raise BadReport(f"more than {MAX_CASES:,} tests: split the run into several reports")

    def report(self) -> Report:
        """All that was read."""
        shown = [number for number in self._started if not self._ends.get(number, {}).get("hidden")]
        tests = [number for number in shown if not self._name(number).startswith(_NO_TEST)]
        others = [number for number in self._started if self._name(number).startswith(_NO_TEST)]
        broken = [self._breakage(number) for number in others if self._status(number) == "failed"]
        success = None if self._done is None else self._done.get("success")
        if success is None:
            broken.append(Breakage("the run", "the stream ends before its result: it was stopped, or is cut off"))
        return Report(
            format="dart",
            framework="dart",
            version=self.version or None,
            cases=tuple(map(self._case, tests)),
            broken=tuple(broken),
            stated=Stated(success=success if isinstance(success, bool) else None),
            duration_us=duration_us((self._done or {}).get("time"), MS_US),
        )

    def _name(self, number: int) -> str:
        return name(self._started[number][0].get("name"))

    def _status(self, number: int) -> Status:
        end = self._ends.get(number)
        if end is None:
            return "failed"
        status = status_of(_STATUS, end.get("result"))
        return "skipped" if end.get("skipped") is True and status == "passed" else status

    def _breakage(self, number: int) -> Breakage:
        return Breakage(self._name(number), prose(self._errors.get(number, {}).get("error")) or "did not end")

    def _case(self, number: int) -> Case:
        test, started = self._started[number]
        end, error = self._ends.get(number, {}), self._errors.get(number, {})
        groups = [self._groups.get(group, "") for group in test.get("groupIDs") or () if isinstance(group, int)]
        around = max(groups, key=len, default="")
        return Case(
            name=self._name(number).removeprefix(around).strip() or self._name(number),
            status=(status := self._status(number)),
            raw_status="skipped" if status == "skipped" else name(end.get("result")) or "unfinished",
            suite=(around,) if around else (),
            file=self._suites.get(count(test.get("suiteID")) or 0),
            line=count(test.get("root_line") or test.get("line")),
            duration_us=_between(started, end.get("time")),
            message=prose(error.get("error") or optional(test, "metadata").get("skipReason")),
            trace=prose(error.get("stackTrace")),
        )


def _between(start: object, end: object) -> int | None:
    first, last = count(start), count(end)
    return None if first is None or last is None else duration_us(last - first, MS_US)
