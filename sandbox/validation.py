"""One validation from workspace and diffs to a verdict: the protocol of the four runs, in one environment.

Every way to end is an Outcome; only the failures of the machinery itself (EngineAbsent, EngineLost) leave as errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.checkout import prepare, read_report, unpack, variants
from sandbox.environment import Environment, Environments, ExecResult
from sandbox.failures import KILLED, NoVerdict, Outcome, unfinished, untrusted, unverifiable
from sandbox.grading import count, flaky, grade
from sandbox.patching import CONFIGURATION, Patch
from sandbox.reports import NOT_PASSED, BadReport, Results
from sandbox.spec import TRACE_AFTER, WORK, Limits, Runner, distinct_runs
from schemas.records import SuiteRun, TestOutcome

REPEAT = "repeat"


@dataclass(slots=True)
class Evidence:
    """What a validation has seen: runs in order, per-test rows, the final run's results, the environment's facts."""

    runs: list[SuiteRun] = field(default_factory=list)
    tests: tuple[TestOutcome, ...] = ()
    final: Results = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


async def validate(
    environments: Environments,
    workspace: Mapping[str, bytes],
    commit: str,
    patches: Sequence[Patch],
    runner: Runner,
    limits: Limits,
    nonce: Callable[[], str],
) -> tuple[Outcome, Evidence]:
    """Run the protocol. `nonce` gives a new unguessable file name for each report.

    Raises EngineAbsent, EngineLost and ImageMissing.
    """
    environment = await environments.start(limits.lifetime_s)
    suites = _Suites(environment, runner, limits, nonce, Evidence(environment=environment.describe()))
    try:
        outcome = await _protocol(suites, workspace, commit, patches)
    except NoVerdict as ended:
        outcome = ended.outcome
    finally:
        await environment.close()
    return outcome, suites.evidence


async def _protocol(suites: _Suites, workspace: Mapping[str, bytes], commit: str, patches: Sequence[Patch]) -> Outcome:
    base, touched = await prepare(suites.environment, workspace, commit, patches, suites.limits)
    trees = await variants(suites.environment, base, touched, suites.limits)
    evidence = suites.evidence
    evidence.environment |= {f"tree_{name}": tree for name, tree in trees.items()}
    by_tree = {trees[run.name]: await suites.run(run.name, trees[run.name]) for run in distinct_runs(trees)}
    results = {name: by_tree[tree] for name, tree in trees.items()}
    grading = grade(results, any(path.part == CONFIGURATION for path in touched))
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
    limits: Limits
    nonce: Callable[[], str]
    evidence: Evidence

    async def run(self, name: str, tree: str) -> Results:
        """The results of one run. Raises NoVerdict where there are none that can be trusted."""
        await unpack(self.environment, tree, self.limits)
        report = f"/tmp/report-{self.nonce()}.xml"
        done = await self.environment.run(
            self.runner.command(report),
            deadline_s=self.limits.run_timeout_s,
            output_bytes=self.limits.output_bytes,
            folder=WORK,
            environment=dict(self.runner.environment),
        )
        results, failure = await self._read(name, done, report)
        self.evidence.runs.append(_suite_run(name, done, results))
        if failure is not None:
            raise NoVerdict(failure)
        return results

    async def _read(self, name: str, done: ExecResult, path: str) -> tuple[Results, Outcome | None]:
        out_of_memory = done.exit_code == KILLED and await self.environment.out_of_memory()
        if failure := unfinished(name, done, self.limits.run_timeout_s, out_of_memory):
            return {}, failure
        report = await read_report(self.environment, path, self.limits)
        try:
            results = {} if report is None else self.runner.parse(report)
        except BadReport as error:
            return {}, unverifiable("bad_report", f"run {name}: {error}")
        not_passed = sum(status in NOT_PASSED for status in results.values())
        return results, untrusted(name, done, report is not None, len(results), not_passed)


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
