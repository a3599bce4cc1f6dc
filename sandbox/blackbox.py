"""The strongest setting: the program in one container, whatever knows what it should answer outside of it.

Nothing that decides shares a process, a file or a container with code of the trace: cases are compared out here, the
operator's tests run in a second container. So there is nothing to change, find or repeat: answers have to be computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.environment import Environments, ExecResult
from sandbox.examination import examine
from sandbox.failures import Outcome, unverifiable
from sandbox.grading import FAIL_TO_FAIL, FAIL_TO_PASS, PASS_TO_FAIL, VERIFIED, compare
from sandbox.job import Case, Task
from sandbox.programs import Programs
from sandbox.results import Results
from sandbox.spec import ORIGINAL_BEFORE, TRACE_AFTER, Limits
from sandbox.suites import Evidence, suite_run, title_of
from schemas.records import TestOutcome

BLACK_BOX = "blackbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a task examines from outside; `nonce` gives a new secret for each run."""

    environments: Environments
    task: Task
    limits: Limits
    nonce: Callable[[], str]
    evidence: Evidence

    async def outcome(self, before: Programs, after: Programs) -> Outcome:
        """The verdict on two trees, each examined again as often as runs are repeated. Raises NoVerdict."""
        first: tuple[TestOutcome, ...] = ()
        for number in range(self.limits.repeats + 1):
            old = await self._run(ORIGINAL_BEFORE.name, before, number)
            new = await self._run(TRACE_AFTER.name, after, number)
            rows = compare(old, new, BLACK_BOX)
            if first and rows != first:
                differing = ", ".join(row.id for row in set(rows) - set(first))
                return Outcome("flaky", f"differ between runs of the same files: {differing}")
            first = rows
            self.evidence.tests, self.evidence.final = rows, new
        return decide(first)

    async def _run(self, name: str, programs: Programs, repeat: int) -> Results:
        results, took_us = await run_cases(programs, self.task.cases)
        if self.task.black_box_tests:
            tests = self.task.black_box_tests
            more, also_us = await examine(self.environments, tests, programs, self.limits, self.nonce())
            results |= {f"{BLACK_BOX}::{id}": status for id, status in more.items()}
            took_us += also_us
        done = ExecResult(None, b"", False, False, took_us)
        self.evidence.runs.append(suite_run(title_of(f"{BLACK_BOX}_{name}", repeat), done, results))
        return results


async def run_cases(programs: Programs, cases: Sequence[Case]) -> tuple[dict[str, str], int]:
    """The status of each case, by `blackbox::name`, and the microseconds that all calls took. Raises NoVerdict."""
    results, took_us = {}, 0
    for case in cases:
        async with programs.started(f"{BLACK_BOX} {case.name}") as program:
            answer = await program.call(case.argv, case.stdin)
        right = (answer.exit_status, answer.stdout) == (case.exit_status, case.stdout)
        results[f"{BLACK_BOX}::{case.name}"] = "passed" if right else "failed"
        took_us += answer.duration_us
    return results, took_us


def decide(tests: Sequence[TestOutcome]) -> Outcome:
    """The verdict of what was seen from outside: all must hold with the change, and one must not without it."""
    by: Mapping[str, list[str]] = {
        kind: [test.id for test in tests if test.category == kind]
        for kind in (PASS_TO_FAIL, FAIL_TO_FAIL, FAIL_TO_PASS)
    }
    if lost := by[PASS_TO_FAIL]:
        return Outcome("regressed", f"hold without the change and not with it: {', '.join(lost)}")
    if failing := by[FAIL_TO_FAIL]:
        return Outcome("not_fixed", f"hold neither without the change nor with it: {', '.join(failing)}")
    if fixed := by[FAIL_TO_PASS]:
        return Outcome("fixed", f"hold with the change and not without it: {', '.join(fixed)}", level=VERIFIED)
    return unverifiable("no_failing_test")
