"""Reads what the programs inside the container say: events in order, each line bound to all lines before it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.reports.model import BadReport
from sandbox.results import SEVERITY, Forged, Report, Unfinished

CONTROL = "control::"
MAX_TESTS = 100_000
_MAC_CHARACTERS = 32
_STATUSES = frozenset(SEVERITY)
_ADDED = frozenset({"setup", "teardown", "part"})  # what may be said of a test besides its call, and never betters it


@dataclass(slots=True)
class _Said:
    collected: list[str] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    busy_us: int = 0
    ended: int | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        if self.ended is not None:
            raise Forged("something was said after the end")
        match event["kind"]:
            case "collected":
                self.collected += map(str, event["ids"])
            case "note":
                self.notes.append(str(event["what"]))
            case "end":
                self.ended = int(event["status"])
            case kind:
                self._result(kind, str(event["id"]), str(event["status"]), int(event.get("us", 0)))

    def _result(self, kind: str, id: str, status: str, duration_us: int) -> None:
        if status not in _STATUSES or kind not in _ADDED | {"call", "file"}:
            raise BadReport(f"an event that nobody sends: {kind} {status}")
        self.calls[id] += kind == "call" or kind == "setup"
        self.busy_us += duration_us
        worst = max(self.results.get(id, status), status, key=SEVERITY.index)
        self.results[id] = worst
        if len(self.results) > MAX_TESTS:
            raise BadReport(f"more than {MAX_TESTS} tests")


def read_events(report: bytes, key: str, expected: Mapping[str, str], controls_status: int) -> Report:
    """The report in what was said. `expected` has the status of each control test, by name.

    Raises BadReport; Forged where a line is not ours, a test's result was said twice, or a control test ended otherwise
    than it must; Unfinished where the run was never said to be at its end.
    """
    said = _Said()
    for event in _authentic(report, key):
        try:
            said.take(event)
        except (KeyError, TypeError, ValueError) as error:
            raise (
                error if isinstance(error, BadReport) else BadReport(f"an event that nobody sends: {error}")
            ) from error
    if said.ended is None:
        raise Unfinished("the run was never said to be at its end")
    _check_counts(said)
    if said.collected:
        _check_controls(said, expected, controls_status)
    return Report(_without_controls(said), tuple(said.notes), said.busy_us)


def _authentic(report: bytes, key: str) -> Iterator[dict[str, Any]]:
    mac = hashlib.blake2b(key=bytes.fromhex(key), digest_size=_MAC_CHARACTERS // 2)
    whole, _, _ = report.rpartition(b"\n")  # the program may have been ended in the middle of a line
    for number, line in enumerate(whole.split(b"\n") if whole else ()):
        said, event = line[:_MAC_CHARACTERS], line[_MAC_CHARACTERS + 1 :]
        mac.update(event)
        if said != mac.hexdigest().encode():
            raise Forged(f"line {number} of the results is not the runner's")
        yield json.loads(event)


def _check_counts(said: _Said) -> None:
    wanted = Counter(said.collected)
    for id, times in said.calls.items():
        if times > wanted[id]:
            raise Forged(f"{id[:200]} has {times} results and was collected {wanted[id]} times")
    if silent := [id for id in wanted if id not in said.calls]:
        raise BadReport(f"{len(silent)} tests were collected and never ran, of them {silent[0][:200]}")


def _check_controls(said: _Said, expected: Mapping[str, str], controls_status: int) -> None:
    for name, status in expected.items():
        if (seen := said.results.get(CONTROL + name)) != status:
            raise Forged(f"a control test that must be {status} was reported as {seen}")
    if said.ended != controls_status:
        raise Forged(f"the framework ended with {said.ended} although control tests failed")


def _without_controls(said: _Said) -> dict[str, str]:
    return {id: status for id, status in said.results.items() if not id.startswith(CONTROL)}
