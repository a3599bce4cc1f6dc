"""One validation from workspace and diffs to a verdict: the protocol of the four runs, or that of the black box.

Every way to end is an Outcome; only the failures of the machinery itself (EngineAbsent, EngineLost) leave as errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.blackbox import Examination
from sandbox.checkout import variants
from sandbox.dependencies import Builder
from sandbox.environment import Environments
from sandbox.failures import NoVerdict, Outcome
from sandbox.grading import Grading, count, flaky, grade, keeping
from sandbox.job import Job
from sandbox.patching import CONFIGURATION
from sandbox.preparation import Ready, ready
from sandbox.programs import Programs, packed_tree
from sandbox.results import Results
from sandbox.spec import ORIGINAL_AFTER, ORIGINAL_BEFORE, TRACE_AFTER, Limits, distinct_runs
from sandbox.suites import Evidence, Suites
from sandbox.trusted import task_tests


async def validate(
    environments: Environments, job: Job, limits: Limits, nonce: Callable[[], str], build: Builder | None = None
) -> tuple[Outcome, Evidence]:
    """Run the protocol. `nonce` gives a new secret for each run; `build` makes images of dependencies that are absent.

    Raises EngineAbsent, EngineLost and ImageMissing.
    """
    made = _Validation(environments, job, limits, nonce, build, Evidence())
    try:
        outcome = await (made.from_outside() if job.task.black_box else made.by_suites())
    except NoVerdict as ended:
        outcome = ended.outcome
    return outcome, made.evidence


@dataclass(frozen=True, slots=True)
class _Validation:
    environments: Environments
    job: Job
    limits: Limits
    nonce: Callable[[], str]
    build: Builder | None
    evidence: Evidence

    async def by_suites(self) -> Outcome:
        """The four runs, all in one environment. Raises NoVerdict."""
        async with ready(self.environments, self.job, self.limits, self.build) as place:
            self._note(place)
            try:
                place.refuse_the_runner_s_own()
                outcome = await self._four_runs(self._suites(place), place)
            except NoVerdict as ended:
                outcome = ended.outcome
            return await place.excuse(outcome, frozenset(self.evidence.missing), self.limits)

    async def from_outside(self) -> Outcome:
        """The black box, which alone can show a fix; then the start commit's tests, which can only take it away."""
        async with ready(self.environments, self.job, self.limits, self.build) as place:
            self._note(place)
            trees = await self._trees(place)
            image, runner = place.environment.describe()["image"], place.runner
            before, after = [
                Programs(
                    environments=self.environments,
                    image=image,
                    runner=runner,
                    limits=self.limits,
                    tree=await packed_tree(place.environment, trees[run.name], self.limits),
                    changed=run is TRACE_AFTER,
                )
                for run in (ORIGINAL_BEFORE, TRACE_AFTER)
            ]
        examination = Examination(
            environments=self.environments,
            task=self.job.task,
            limits=self.limits,
            nonce=self.nonce,
            evidence=self.evidence,
        )
        outcome = await examination.outcome(before, after)
        return await self._kept(outcome) if outcome.verdict == "fixed" else outcome

    async def _kept(self, outcome: Outcome) -> Outcome:
        """The outcome, unless the start commit's tests show what the change has broken."""
        async with ready(self.environments, self.job, self.limits, self.build) as place:
            trees, suites = await self._trees(place), self._suites(place)
            try:
                place.refuse_the_runner_s_own()
                before = await suites.run(ORIGINAL_BEFORE.name, trees[ORIGINAL_BEFORE.name])
            except NoVerdict as ended:
                why = ended.outcome.reason or ended.outcome.verdict
                self.evidence.environment["regressions"] = f"not looked for: {why} at the start commit"
                return outcome
            passing = count(before)["passed"]
            self.evidence.environment["regressions"] = f"looked for by {passing} tests of the start commit"
            grading = keeping(outcome, before, await suites.run(ORIGINAL_AFTER.name, trees[ORIGINAL_AFTER.name]))
            self.evidence.tests += grading.tests
            return await self._repeated(suites, trees, grading)

    async def _four_runs(self, suites: Suites, place: Ready) -> Outcome:
        trees = await self._trees(place)
        self.evidence.environment.update({f"tree_{name}": tree for name, tree in trees.items()})
        by_tree = {trees[run.name]: await suites.run(run.name, trees[run.name]) for run in distinct_runs(trees)}
        results: dict[str, Results] = {name: by_tree[tree] for name, tree in trees.items()}
        configured = any(path.part == CONFIGURATION for path in place.prepared.touched)
        grading = grade(results, configured, self.job.task)
        self.evidence.tests, self.evidence.final = grading.tests, results[TRACE_AFTER.name]
        return await self._repeated(suites, trees, grading)

    async def _repeated(self, suites: Suites, trees: Mapping[str, str], grading: Grading) -> Outcome:
        """The outcome, unless a repeat of the decisive runs says something else."""
        for number in range(1, self.limits.repeats + 1 if grading.decisive else 1):
            before, after = [await suites.run(run.name, trees[run.name], number) for run in grading.decisive or ()]
            if unsteady := flaky(grading, before, after):
                return unsteady
        return grading.outcome

    async def _trees(self, place: Ready) -> dict[str, str]:
        """The tree of each run, by its name. Raises NoVerdict."""
        prepared, base = place.prepared, place.prepared.base
        prepared.refuse_unlike()
        added = await task_tests(place.environment, base, self.job.task.test_patch, self.limits)
        return await variants(place.environment, base, prepared.touched, added, self.limits)

    def _suites(self, place: Ready) -> Suites:
        return Suites(place.environment, place.runner, self.job.task, self.limits, self.nonce, self.evidence)

    def _note(self, place: Ready) -> None:
        pinned = {f"env_{name}": value for name, value in place.runner.environment.items()}
        self.evidence.environment.update(place.facts() | pinned)
