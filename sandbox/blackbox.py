"""Runs a task's cases: the program in the container, what is expected of it only out here.

The strongest setting. Nothing in the container knows what the program should have answered, so there is nothing to
change, find or repeat: it has to be computed. Each case has the tree alone and anew, as the start commit and the change
left it, with what the case before started gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.checkout import unpack
from sandbox.environment import Environment, ExecResult
from sandbox.failures import KILLED, NoVerdict, Outcome, timeout, unverifiable
from sandbox.grading import FAIL_TO_FAIL, FAIL_TO_PASS, PASS_TO_FAIL, VERIFIED
from sandbox.job import Case
from sandbox.results import Results
from sandbox.runners.runner import Runner
from sandbox.spec import WORK, Limits
from schemas.records import TestOutcome

BLACK_BOX = "blackbox"

# the environment's input has no end, the program's has one
_RUN = 'head -c "$1" | { shift; exec timeout -s KILL "$@"; }'


async def run_cases(
    environment: Environment, runner: Runner, cases: Sequence[Case], tree: str, limits: Limits
) -> tuple[Results, int]:
    """The status of each case on a tree, by `blackbox::name`, and the microseconds that all took. Raises NoVerdict."""
    results, took_us = {}, 0
    for case in cases:
        await unpack(environment, tree, limits)
        size, seconds = str(len(case.stdin)), f"{limits.run_timeout_s:g}"
        done = await environment.run(
            ["sh", "-c", _RUN, "case", size, seconds, *case.argv],
            deadline_s=limits.run_timeout_s + limits.prepare_timeout_s,
            output_bytes=limits.output_bytes,
            folder=WORK,
            environment=runner.environment,
            stdin=case.stdin,
            report_bytes=limits.report_bytes,
        )
        results[f"{BLACK_BOX}::{case.name}"] = await _status(environment, case, done, limits)
        took_us += done.duration_us
    return results, took_us


async def _status(environment: Environment, case: Case, done: ExecResult, limits: Limits) -> str:
    if done.timed_out:
        raise NoVerdict(timeout(f"{BLACK_BOX} {case.name}", limits.run_timeout_s + limits.prepare_timeout_s))
    if done.exit_code == KILLED and await environment.out_of_memory():
        raise NoVerdict(unverifiable("out_of_memory", f"{BLACK_BOX} {case.name}"))
    return "passed" if (done.exit_code, done.report) == (case.exit_status, case.stdout) else "failed"


def decide(tests: Sequence[TestOutcome]) -> Outcome:
    """The verdict that the cases alone give: every case must hold with the change, and one must not without it."""
    by = {
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
