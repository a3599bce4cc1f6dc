"""Where a validation's time goes: `python -m benchmarks.sandbox_parts [--rounds N] [--only NAME]`.

What control tests and the watch over the framework add to a suite run; what starting the container is of a validation,
and what a pool of containers started ahead would save, in the wait for one verdict and in verdicts a minute; what a
black-box call costs. In turn, round by round. Medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import Coroutine, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.sandbox import AT_ONCE, BATCH, IMAGE, LIMITS, SUITES, engine, report
from sandbox.checkout import MIRROR, prepare, unpack, variants
from sandbox.container import Containers
from sandbox.environment import Environment
from sandbox.examiner import Examiner
from sandbox.job import Case, Job, Task
from sandbox.patching import patches_of
from sandbox.runners.python import PYTEST
from sandbox.runners.runner import Plan
from sandbox.spec import ORIGINAL_AFTER, WORK
from sandbox.workspace import pack_objects
from tests.support.sandbox import FIXED, START, edits, make_repository

MANY = "import pytest\n\n\n@pytest.mark.parametrize('n', range(1000))\ndef test_many(n):\n    assert n + 1 > n\n"
MEASURED = SUITES | {"1,000 tests": START | {"tests/test_many.py": MANY}}
PLAIN = ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", "--tb=short")
AGAINST = {"with controls and watch": "pytest alone", "containers started ahead": "fresh containers"}
CASE = Case(name="adds", argv=("python3", "-c", "import calc; print(calc.add(1, 2))"), stdout=b"3\n")


@dataclass
class Warm:
    """Environments started ahead, as a pool would have them; with `refill` a new one for each that is taken."""

    containers: Containers
    refill: bool
    _ready: list[asyncio.Task[Environment]] = field(default_factory=list)

    async def fill(self, count: int) -> None:
        """Have so many ready."""
        for _ in range(count):
            self._begin()
        await asyncio.gather(*self._ready)

    def _begin(self) -> None:
        self._ready.append(asyncio.ensure_future(self.containers.start(LIMITS.lifetime_s, "python")))

    async def start(self, lifetime_s: float, image: str) -> Environment:
        """See Environments."""
        if not self._ready:
            return await self.containers.start(lifetime_s, image)
        taken = self._ready.pop(0)
        if self.refill:
            self._begin()
        return await taken

    async def close(self) -> None:
        """End what nobody has taken."""
        for each in self._ready:
            await (await each).close()


class Parts:
    """One engine's containers and the jobs of the suites."""

    def __init__(self, containers: Containers, folder: Path) -> None:
        self.containers = containers
        self.jobs: dict[str, Job] = {
            name: self._job(folder / str(n), files) for n, (name, files) in enumerate(MEASURED.items())
        }

    @property
    def small(self) -> Job:
        """That of the small suite."""
        return self.jobs["small (2 tests)"]

    @staticmethod
    def _job(folder: Path, files: dict[str, str]) -> Job:
        repository = make_repository(folder, files)
        workspace = {MIRROR: pack_objects(repository.objects, 10**8)}
        return Job(workspace=workspace, commit=repository.commit, patches=patches_of(edits(START, {"calc.py": FIXED})))

    async def suite_runs(self, job: Job) -> tuple[float, float]:
        """Seconds of a run by pytest alone and of the runner's, on the same tree in the same container."""
        environment = await self.containers.start(LIMITS.lifetime_s, "python")
        try:
            prepared = await prepare(environment, job, (), LIMITS)
            trees = await variants(environment, prepared.base, prepared.touched, (), LIMITS)
            plan = Plan(selection=(), nonce=secrets.token_hex(16))
            took = []
            for command, stdin in ((PLAIN, None), (PYTEST.command(plan), PYTEST.stdin(plan))):
                await unpack(environment, trees[ORIGINAL_AFTER.name], LIMITS)
                done = await environment.run(
                    command,
                    deadline_s=60,
                    output_bytes=LIMITS.output_bytes,
                    folder=WORK,
                    environment={**PYTEST.environment, "PYTHONPATH": WORK},
                    stdin=stdin,
                    report_bytes=LIMITS.report_bytes,
                )
                if done.exit_code != 0:
                    raise SystemExit(f"the suite ended with {done.exit_code}: {done.output!r}")
                took.append(done.duration_us / 1e6)
            return took[0], took[1]
        finally:
            await environment.close()

    async def started(self) -> None:
        """A container from nothing to ready, and gone again."""
        await (await self.containers.start(LIMITS.lifetime_s, "python")).close()

    async def validations(self, job: Job, environments: Containers | Warm, count: int) -> None:
        """So many validations, AT_ONCE at once."""
        examiner = Examiner(environments=environments, nonce=lambda: secrets.token_hex(16), limits=LIMITS)
        turns = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with turns:
                outcome, _ = await examiner.examine(job)
            if outcome.verdict != "fixed":
                raise SystemExit(f"not fixed: {outcome}")

        await asyncio.gather(*(one() for _ in range(count)))


async def timed(work: Coroutine[Any, Any, None]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def suites(parts: Parts) -> dict[str, float]:
    """What controls and watch add to a suite run, by seconds."""
    figures: dict[str, float] = {}
    for name, job in parts.jobs.items():
        plain, ours = await parts.suite_runs(job)
        figures |= {f"{name}: pytest alone": plain, f"{name}: with controls and watch": ours}
    return figures


async def starts(parts: Parts) -> dict[str, float]:
    """The wait for one verdict, with a container made for it and with one started ahead, by seconds."""
    figures = {"start of a container, alone": await timed(parts.started())}
    return figures | await _both_ways(parts, "one validation", 1, refill=False)


async def pace(parts: Parts) -> dict[str, float]:
    """Many validations, with containers made for them and with a pool that is filled up meanwhile, by seconds."""
    return await _both_ways(parts, f"{BATCH} validations", BATCH, refill=True)


async def _both_ways(parts: Parts, name: str, count: int, *, refill: bool) -> dict[str, float]:
    fresh = await timed(parts.validations(parts.small, parts.containers, count))
    warm = Warm(parts.containers, refill)
    await warm.fill(min(count, AT_ONCE))
    ahead = await timed(parts.validations(parts.small, warm, count))
    await warm.close()
    return {f"{name}, fresh containers": fresh, f"{name}, containers started ahead": ahead}


async def black_box(parts: Parts) -> dict[str, float]:
    """Validations with one case and with five, each called four times, in containers of their own; by seconds."""
    figures = {}
    for calls in (1, 5):
        cases = tuple(replace(CASE, name=f"{CASE.name}{n}") for n in range(calls))
        job = replace(parts.small, task=Task(cases=cases))
        figures[f"black box, {calls} cases"] = await timed(parts.validations(job, parts.containers, 1))
    return figures


MEASURES = {"suites": suites, "starts": starts, "pace": pace, "black-box": black_box}


async def measure(parts: Parts, names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """One more round than asked for, whose figures warm up and are left out."""
    found: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name in names:
            for what, seconds in (await MEASURES[name](parts)).items():
                if number:
                    found.setdefault(what, []).append(seconds)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandbox_parts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=MEASURES, help="one of the measures; all where left out")
    given = parser.parse_args()
    names = [given.only] if given.only else list(MEASURES)
    with engine() as host, tempfile.TemporaryDirectory() as folder:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before, {AT_ONCE} validations at once")
        with closing(Containers(host, {"python": IMAGE}, "runc", LIMITS)) as containers:
            report(asyncio.run(measure(Parts(containers, Path(folder)), names, given.rounds)), AGAINST)


if __name__ == "__main__":
    main()
