"""Runs suites, one after the other, in an environment where the trees are: each result read, checked and noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.reports.model import BadReport
from sandbox.checkout import unpack
from sandbox.dependencies import missing_modules
from sandbox.environment import Environment, ExecResult
from sandbox.failures import (
    KILLED,
    TAIL_CHARACTERS,
    NoVerdict,
    Outcome,
    contradicting,
    unfinished,
    unreported,
    unverifiable,
)
from sandbox.grading import count
from sandbox.job import Task
from sandbox.results import Forged, Report, Results, Unfinished
from sandbox.runners.runner import Plan, Runner
from sandbox.spec import ORIGINAL_BEFORE, TRACE_BEFORE, WORK, Limits
from schemas.records import SuiteRun, TestOutcome

REPEAT = "repeat"


@dataclass(slots=True)
class Evidence:
    """What a validation has seen: runs in order, per-test rows, the final run's results, the environment's facts."""

    runs: list[SuiteRun] = field(default_factory=list)
    tests: tuple[TestOutcome, ...] = ()
    final: Results = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)  # modules that could not be imported before the change


@dataclass(frozen=True, slots=True)
class Suites:
    """Runs suites one after the other, each on a fresh copy of its tree, and notes each."""

    environment: Environment
    runner: Runner
    task: Task
    limits: Limits
    nonce: Callable[[], str]
    evidence: Evidence
    habits: set[str] = field(default_factory=set)  # what the project itself does to the framework

    async def run(self, name: str, tree: str, repeat: int = 0) -> Results:
        """The results of one run, or of a repeat of it. Raises NoVerdict where there are none that can be trusted."""
        title = title_of(name, repeat)
        await unpack(self.environment, tree, self.limits)
        plan = Plan(selection=self.task.selection, nonce=self.nonce())
        done = await self.environment.run(
            self.runner.command(plan),
            deadline_s=self.limits.run_timeout_s,
            output_bytes=self.limits.output_bytes,
            folder=WORK,
            environment={**self.runner.environment, **(self.runner.varied(repeat) if repeat else {})},
            stdin=self.runner.stdin(plan) or None,
            report_bytes=self.limits.report_bytes,
        )
        if name in (ORIGINAL_BEFORE.name, TRACE_BEFORE.name):
            self.evidence.missing |= missing_modules(done.output)
        report, failure = await self._read(title, done, plan)
        self.evidence.runs.append(suite_run(title, done, report.results))
        if failure := failure or self._tampered(title, report):
            raise NoVerdict(failure)
        return report.results

    async def _read(self, name: str, done: ExecResult, plan: Plan) -> tuple[Report, Outcome | None]:
        out_of_memory = done.exit_code in {KILLED, None} and await self.environment.out_of_memory()
        if failure := unfinished(name, done, self.limits.run_timeout_s, out_of_memory):
            return Report({}), failure
        if done.report is None:
            return Report({}), unverifiable("bad_report", f"run {name}: more than {self.limits.report_bytes} bytes")
        try:
            report = self.runner.parse(done.report, plan)
        except Unfinished:
            return Report({}), unreported(name, done, self.runner.statuses)
        except BadReport as error:
            forged = isinstance(error, Forged) and not _is_start(name)
            return Report({}), unverifiable("tampered" if forged else "bad_report", f"run {name}: {error}")
        return report, contradicting(name, done, self.runner.statuses, report)

    def _tampered(self, name: str, report: Report) -> Outcome | None:
        """What the change or its tests did to the framework; what the start commit alone does as well is its habit."""
        if _is_start(name):
            self.habits.update(report.notes)
        new = [note for note in report.notes if note not in self.habits]
        return unverifiable("tampered", f"run {name}: {new[0][:TAIL_CHARACTERS]}") if new else None


def title_of(name: str, repeat: int) -> str:
    """What a run, or the n-th repeat of it, is called."""
    return f"{name}_{REPEAT}{repeat if repeat > 1 else ''}" if repeat else name


def _is_start(title: str) -> bool:
    """Whether nothing of the change was in that run."""
    return title.partition(f"_{REPEAT}")[0] == ORIGINAL_BEFORE.name


def suite_run(name: str, done: ExecResult, results: Results) -> SuiteRun:
    """A run as the record of a validation has it."""
    counts = count(results)
    return SuiteRun(
        name=name,
        exit_code=done.exit_code,
        duration_us=done.duration_us,
        passed=counts["passed"],
        failed=counts["failed"],
        skipped=counts["skipped"],
        errors=counts["error"],
        timed_out=done.timed_out,
    )
