"""What is known of a Go package while its events are read: its runs, its tests' executions, its last lines."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

KEPT_LINES = 60


def _last_lines() -> deque[str]:
    return deque(maxlen=KEPT_LINES)


@dataclass(slots=True)
class Execution:
    """One execution of a test in one run of its package; `action` is how it ended, None while it has not."""

    run: int
    action: str | None = None
    duration_us: int | None = None
    output: deque[str] = field(default_factory=_last_lines)


@dataclass(slots=True)
class Package:
    """A package. `result` is that of its last run; None while a run has not ended."""

    path: str
    tests: dict[str, list[Execution]] = field(default_factory=dict)
    output: deque[str] = field(default_factory=_last_lines)
    result: str | None = None
    run_number: int = 0
    _ended: bool = False

    def run(self, test: str) -> int:
        """A test begins. Returns how many executions that adds."""
        self.begin()
        self.tests.setdefault(test, []).append(Execution(self.run_number))
        return 1

    def finish(self, test: str, action: str, duration_us: int | None) -> int:
        """A test ends; where it was never said to begin, it did. Returns how many executions that adds."""
        self.begin()
        executions = self.tests.setdefault(test, [])
        new = not executions or executions[-1].action is not None
        if new:
            executions.append(Execution(self.run_number))
        executions[-1].action, executions[-1].duration_us = action, duration_us
        return int(new)

    def note(self, line: str, test: str = "") -> None:
        """A line of output, of a test or of the package itself."""
        executions = self.tests.get(test)
        (executions[-1].output if executions else self.output).append(line)

    def end(self, action: str) -> None:
        """A run of the package ends; a second end without anything in between says nothing new."""
        if not self._ended or action == "fail":
            self.run_number += not self._ended
            self.result, self._ended = action, True

    def begin(self) -> None:
        """A run of the package is under way: after an end, that is the next one."""
        if self._ended:
            self._ended, self.result = False, None
            self.output.clear()
