"""One validation from workspace and diffs to a verdict: the protocol of the four runs, in one environment.

Every way to end is an Outcome; only the failures of the machinery itself (EngineAbsent, EngineLost) leave as errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.reports.model import BadReport
from sandbox.blackbox import BLACK_BOX, decide, run_cases
from sandbox.checkout import Prepared, unpack, variants
from sandbox.dependencies import Builder, missing_modules
from sandbox.environment import Environment, Environments, ExecResult
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
from sandbox.grading import compare, count, flaky, grade
from sandbox.job import Job, Task
from sandbox.patching import CONFIGURATION
from sandbox.preparation import ready
from sandbox.results import Forged, Report, Results, Unfinished
from sandbox.runners.runner import Plan, Runner
from sandbox.spec import ORIGINAL_BEFORE, TRACE_AFTER, TRACE_BEFORE, WORK, Limits, distinct_runs
from sandbox.trusted import task_tests
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


async def validate(
    environments: Environments, job: Job, limits: Limits, nonce: Callable[[], str], build: Builder | None = None
) -> tuple[Outcome, Evidence]:
    """Run the protocol. `nonce` gives a new secret for each run; `build` makes images of dependencies that are absent.

    Raises EngineAbsent, EngineLost and ImageMissing.
    """
    evidence = Evidence()
    try:
        outcome = await _protocol(environments, job, limits, nonce, evidence, build)
    except NoVerdict as ended:
        outcome = ended.outcome
    return outcome, evidence


async def _protocol(
    environments: Environments,
    job: Job,
    limits: Limits,
    nonce: Callable[[], str],
    evidence: Evidence,
    build: Builder | None,
) -> Outcome:
    async with ready(environments, job, limits, build) as place:
        evidence.environment |= place.facts() | _pinned(place.runner)
        suites = _Suites(place.environment, place.runner, job.task, limits, nonce, evidence)
        try:
            place.refuse_the_runner_s_own()
            outcome = await _four_runs(suites, place.prepared)
        except NoVerdict as ended:
            outcome = ended.outcome
        return await place.excuse(outcome, frozenset(evidence.missing), limits)


def _pinned(runner: Runner) -> dict[str, str]:
    return {f"env_{name}": value for name, value in runner.environment.items()}


async def _four_runs(suites: _Suites, prepared: Prepared) -> Outcome:
    prepared.refuse_unlike()
    environment, base, limits = suites.environment, prepared.base, suites.limits
    trusted = await task_tests(environment, base, suites.task.test_patch, limits)
    trees = await variants(environment, base, prepared.touched, trusted, limits)
    if suites.task.cases:
        return await _cases(suites, trees)
    evidence = suites.evidence
    evidence.environment |= {f"tree_{name}": tree for name, tree in trees.items()}
    by_tree = {trees[run.name]: await suites.run(run.name, trees[run.name]) for run in distinct_runs(trees)}
    results = {name: by_tree[tree] for name, tree in trees.items()}
    grading = grade(results, any(path.part == CONFIGURATION for path in prepared.touched), suites.task)
    evidence.tests, evidence.final = grading.tests, results[TRACE_AFTER.name]
    for number in range(1, suites.limits.repeats + 1 if grading.decisive else 1):
        before, after = [await suites.run(run.name, trees[run.name], number) for run in grading.decisive or ()]
        if unsteady := flaky(grading, before, after):
            return unsteady
    return grading.outcome


async def _cases(suites: _Suites, trees: Mapping[str, str]) -> Outcome:
    """The black-box protocol: the program before and after the change, each again as often as runs are repeated."""
    first: tuple[TestOutcome, ...] = ()
    for number in range(suites.limits.repeats + 1):
        before, after = [
            await suites.cases(run.name, trees[run.name], number) for run in (ORIGINAL_BEFORE, TRACE_AFTER)
        ]
        rows = compare(before, after, BLACK_BOX)
        if first and rows != first:
            differing = ", ".join(row.id for row in set(rows) - set(first))
            return Outcome("flaky", f"differ between runs of the same files: {differing}")
        first = rows
        suites.evidence.tests, suites.evidence.final = rows, after
    return decide(first)


@dataclass(frozen=True, slots=True)
class _Suites:
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
        title = _title(name, repeat)
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
        self.evidence.runs.append(_suite_run(title, done, report.results))
        if failure := failure or self._tampered(title, report):
            raise NoVerdict(failure)
        return report.results

    async def cases(self, name: str, tree: str, repeat: int) -> Results:
        """The task's cases on a tree. Raises NoVerdict."""
        results, took_us = await run_cases(self.environment, self.runner, self.task.cases, tree, self.limits)
        done = ExecResult(None, b"", False, False, took_us)
        self.evidence.runs.append(_suite_run(_title(f"{BLACK_BOX}_{name}", repeat), done, results))
        return results

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


def _title(name: str, repeat: int) -> str:
    return f"{name}_{REPEAT}{repeat if repeat > 1 else ''}" if repeat else name


def _is_start(title: str) -> bool:
    """Whether nothing of the change was in that run."""
    return title.partition(f"_{REPEAT}")[0] == ORIGINAL_BEFORE.name


def _suite_run(name: str, done: ExecResult, results: Results) -> SuiteRun:
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
