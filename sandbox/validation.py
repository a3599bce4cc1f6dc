"""One validation from workspace and diffs to a verdict: the protocol of the four runs, in one environment.

Every way to end is an Outcome; only the failures of the machinery itself (EngineAbsent, EngineLost) leave as errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.reports.model import BadReport
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
from sandbox.grading import count, flaky, grade
from sandbox.job import Job, Task
from sandbox.patching import CONFIGURATION
from sandbox.preparation import ready
from sandbox.results import Forged, Report, Results, Unfinished
from sandbox.runners.runner import Plan, Runner
from sandbox.spec import ORIGINAL_BEFORE, TRACE_AFTER, TRACE_BEFORE, WORK, Limits, distinct_runs
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
        evidence.environment |= place.facts()
        suites = _Suites(place.environment, place.runner, job.task, limits, nonce, evidence)
        try:
            place.refuse_the_runner_s_own()
            outcome = await _four_runs(suites, place.prepared)
        except NoVerdict as ended:
            outcome = ended.outcome
        return await place.excuse(outcome, frozenset(evidence.missing), limits)


async def _four_runs(suites: _Suites, prepared: Prepared) -> Outcome:
    prepared.refuse_unlike()
    trees = await variants(suites.environment, prepared.base, prepared.touched, suites.limits)
    evidence = suites.evidence
    evidence.environment |= {f"tree_{name}": tree for name, tree in trees.items()}
    by_tree = {trees[run.name]: await suites.run(run.name, trees[run.name]) for run in distinct_runs(trees)}
    results = {name: by_tree[tree] for name, tree in trees.items()}
    grading = grade(results, any(path.part == CONFIGURATION for path in prepared.touched))
    evidence.tests, evidence.final = grading.tests, results[TRACE_AFTER.name]
    if grading.decisive is None:
        return grading.outcome
    repeat = await suites.run(f"{grading.decisive.name}_{REPEAT}", trees[grading.decisive.name])
    return flaky(grading, repeat) or grading.outcome


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

    async def run(self, name: str, tree: str) -> Results:
        """The results of one run. Raises NoVerdict where there are none that can be trusted."""
        await unpack(self.environment, tree, self.limits)
        plan = Plan(selection=self.task.selection, nonce=self.nonce())
        done = await self.environment.run(
            self.runner.command(plan),
            deadline_s=self.limits.run_timeout_s,
            output_bytes=self.limits.output_bytes,
            folder=WORK,
            environment=self.runner.environment,
            stdin=self.runner.stdin(plan) or None,
            report_bytes=self.limits.report_bytes,
        )
        if name in (ORIGINAL_BEFORE.name, TRACE_BEFORE.name):
            self.evidence.missing |= missing_modules(done.output)
        report, failure = await self._read(name, done, plan)
        self.evidence.runs.append(_suite_run(name, done, report.results))
        if failure := failure or self._tampered(name, report):
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
            forged = isinstance(error, Forged) and name != ORIGINAL_BEFORE.name
            return Report({}), unverifiable("tampered" if forged else "bad_report", f"run {name}: {error}")
        return report, contradicting(name, done, self.runner.statuses, report)

    def _tampered(self, name: str, report: Report) -> Outcome | None:
        """What the change or its tests did to the framework; what the start commit alone does as well is its habit."""
        if name == ORIGINAL_BEFORE.name:
            self.habits.update(report.notes)
        new = [note for note in report.notes if note not in self.habits]
        return unverifiable("tampered", f"run {name}: {new[0][:TAIL_CHARACTERS]}") if new else None


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
