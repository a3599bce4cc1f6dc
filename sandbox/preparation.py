"""The environment that a job needs: the image of its runner, or one that has what its lock file names besides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from sandbox.checkout import Prepared, prepare
from sandbox.dependencies import Builder, excused, not_in_tree, read_lock
from sandbox.environment import Environment, Environments, ImageMissing
from sandbox.failures import NoVerdict, Outcome, unverifiable
from sandbox.job import Job
from sandbox.locks import LOCK_NAMES, image_name, lock_of
from sandbox.runners import LOOKED_FOR, choose
from sandbox.runners.runner import Runner
from sandbox.spec import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A prepared tree in the environment of its runner. `dependencies` says what became of its lock file, if any."""

    environment: Environment
    runner: Runner
    prepared: Prepared
    dependencies: str | None = None

    def facts(self) -> dict[str, str]:
        """What goes into the record of the validation."""
        lock = {"dependencies": self.dependencies} if self.dependencies else {}
        return {"runner": self.runner.name, **self.environment.describe(), **self.prepared.facts(), **lock}

    def refuse_the_runner_s_own(self) -> None:
        """Raises NoVerdict where the repository is a part of what the runner itself runs on."""
        if own := self.prepared.markers.intersection(self.runner.occupied):
            raise NoVerdict(unverifiable("runner_tested", ", ".join(sorted(own))))

    async def excuse(self, outcome: Outcome, missing: frozenset[str], limits: Limits) -> Outcome:
        """The outcome, unless it is for modules that nobody could import before the change, and that no tree has."""
        if excused(outcome, missing, self.dependencies) is outcome:
            return outcome
        absent = await not_in_tree(self.environment, self.prepared.final, missing, limits)
        return excused(outcome, absent, self.dependencies)


@asynccontextmanager
async def ready(environments: Environments, job: Job, limits: Limits, build: Builder | None) -> AsyncIterator[Ready]:
    """Prepares the tree, and again where what is in it asks for another image. The job's own image is always kept."""
    runner = choose(job.task, ())
    made = await _started(environments, job, job.image or runner.image, runner, limits)
    try:
        chosen = choose(job.task, made.prepared.markers)
        if job.image is None and chosen.image != runner.image:
            await made.environment.close()
            made = await _started(environments, job, chosen.image, chosen, limits)
        made = replace(made, runner=chosen)
        if job.image is None and (lock := lock_of(chosen.image, made.prepared.markers)):
            made = await _with_dependencies(environments, job, made, lock, limits, build)
        yield made
    finally:
        await made.environment.close()


async def _started(environments: Environments, job: Job, image: str, runner: Runner, limits: Limits) -> Ready:
    environment = await environments.start(limits.lifetime_s, image)
    try:
        prepared = await prepare(environment, job, (*LOOKED_FOR, *LOCK_NAMES), limits)
    except BaseException:
        await environment.close()
        raise
    return Ready(environment=environment, runner=runner, prepared=prepared)


async def _with_dependencies(
    environments: Environments, job: Job, plain: Ready, lock: str, limits: Limits, build: Builder | None
) -> Ready:
    facts = plain.environment.describe()
    content = await read_lock(plain.environment, plain.prepared.base, lock, limits)
    if content is None:
        return replace(plain, dependencies=f"{lock} is too large")
    image = image_name(facts["image_id"], content)
    try:
        made = await _started(environments, job, image, plain.runner, limits)
    except ImageMissing:
        if build is None:
            return replace(plain, dependencies=f"no image has what {lock} names")
        if problem := await build(facts["image"], lock, content):
            return replace(plain, dependencies=f"{lock}: {problem}")
        made = await _started(environments, job, image, plain.runner, limits)
    await plain.environment.close()
    return replace(made, dependencies=f"those of {lock}")
