"""Why there is no verdict on the change itself: the reason codes, and what a broken run means.

A failure of ours is never a verdict on them: whatever kept us from seeing test results has a name here, and none of the
names is `not_fixed`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.environment import ExecResult
from sandbox.results import NOT_PASSED, Report
from sandbox.spec import Statuses

TAIL_CHARACTERS = 600
KILLED = 137  # 128 + SIGKILL

REASONS = {
    "no_start_commit": "the trace names no start commit, or one that its workspace does not hold",
    "no_workspace": "neither a local mirror nor a workspace artifact has the repository",
    "bad_workspace": "the workspace artifact is no readable git bundle or archive, or too large for the sandbox",
    "redacted": "a secret was removed from a diff, so the change can no longer be applied as it was",
    "patch_does_not_apply": "a diff of the trace does not apply to the files it was made for",
    "buffer_mismatch": "the diffs do not lead to the file contents that the client described",
    "submodule_changed": "the change moves a submodule, whose content the workspace does not hold",
    "tests_displaced": "the change of the source needs the place of a test, or the other way round",
    "path_too_long": "a path of the change is longer than a file system takes",
    "no_docker": "no Docker engine answers",
    "no_image": "the engine does not have the sandbox image",
    "no_runtime": "the engine does not offer the container runtime that is asked for",
    "missing_dependency": "a module that the tests import is not installed and not in the repository",
    "no_tests": "no test was collected",
    "no_failing_test": "no test failed before the change, so none can show that it fixes anything",
    "collection_failed": "no test file could be loaded, neither before nor after the change",
    "configuration_changed": "the change may depend on test configuration, which is taken from the start commit only",
    "runner_tested": "the repository has a module that the test runner itself runs on, whose own copy would be tested",
    "tests_rewritten": "tests fail with the change as the start commit has them, and pass as the trace rewrote them",
    "original_still_fails": "the trace's own tests pass, but tests of the start commit fail with the change as before",
    "bad_task": "the operator's file about the task cannot be read or does not fit the start commit",
    "task_mismatch": "a test that the task says must fail without the change passes without it",
    "no_report": "the test runner ended without a report",
    "bad_report": "the report is damaged, too large or not a report",
    "tampered": "the change reached for the test framework or for its results",
    "report_mismatch": "the report and the runner's exit status contradict each other",
    "runner_failed": "the test runner stopped by itself before running the tests",
    "out_of_memory": "the tests used more memory than the sandbox has",
    "sandbox_exhausted": "the tests left the sandbox without room to go on",
    "fetch_failed": "the origin of the repository could not be reached",
    "engine_lost": "the Docker engine failed again and again",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a validation says: a verdict of DESIGN's list; `reason` is one of REASONS where there is one."""

    verdict: str
    detail: str
    reason: str | None = None
    level: str | None = None


class NoVerdict(Exception):
    """The validation ends here with `outcome`, which says nothing about the change."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


def unverifiable(reason: str, detail: str = "") -> Outcome:
    """The outcome for a reason of REASONS; `detail` adds what is special here."""
    return Outcome("unverifiable", f"{REASONS[reason]}: {detail}" if detail else REASONS[reason], reason)


def infra_failure(reason: str, detail: str) -> Outcome:
    """The outcome where our own machinery failed for good."""
    return Outcome("infra_failure", f"{REASONS[reason]}: {detail}", reason)


def timeout(run: str, limit_s: float) -> Outcome:
    """The outcome where a run reached its deadline."""
    return Outcome("timeout", f"run {run} did not end within {limit_s:g} s")


def unfinished(run: str, result: ExecResult, limit_s: float, out_of_memory: bool) -> Outcome | None:
    """What a run means that the container ended; None where the runner ended by itself."""
    if result.timed_out:
        return timeout(run, limit_s)
    if result.exit_code in {KILLED, None} and out_of_memory:
        return unverifiable("out_of_memory", f"run {run}")
    if result.exit_code is None:
        return unverifiable("sandbox_exhausted", f"run {run} brought its container down")
    return None


def unreported(run: str, result: ExecResult, statuses: Statuses) -> Outcome:
    """What a run means that never said it is done: neither passed nor failed, as the sandbox's limits may end it."""
    kind = "runner_failed" if result.exit_code in statuses.stopped else "no_report"
    return unverifiable(kind, f"run {run} ended with status {result.exit_code}: {tail(result.output)}")


def contradicting(run: str, result: ExecResult, statuses: Statuses, report: Report) -> Outcome | None:
    """What a run means whose exit status, report, counts and times do not fit together; None where they do."""
    code, collected = result.exit_code, len(report.results)
    not_passed = sum(status in NOT_PASSED for status in report.results.values())
    if code not in statuses.finished:
        return unverifiable("runner_failed", f"run {run} ended with status {code}: {tail(result.output)}")
    if code != statuses.expected(collected, not_passed):
        counts = f"{collected} results of which {not_passed} not passed"
        return unverifiable("report_mismatch", f"run {run} ended with status {code}, its report has {counts}")
    if report.busy_us > result.duration_us:
        took = f"its tests say that they took {report.busy_us} us"
        return unverifiable("report_mismatch", f"run {run} ended after {result.duration_us} us, {took}")
    return None


def tail(output: bytes) -> str:
    """The end of an output as one readable line."""
    return " | ".join(output.decode(errors="replace").strip().splitlines())[-TAIL_CHARACTERS:]
