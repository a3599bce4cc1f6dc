"""Sends a pair of releases through the sandbox's protocol, in every direction that tells something."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.sandbox_recipes import PYTHON
from sandbox.checkout import MIRROR
from sandbox.container import Containers
from sandbox.environment import Environments
from sandbox.failures import Outcome
from sandbox.grading import FAIL_TO_PASS, PASS_TO_PASS, TRACE
from sandbox.job import Job, Task
from sandbox.patching import SOURCE, TEST, patches_of
from sandbox.spec import MIB, Limits
from sandbox.suites import Evidence
from sandbox.validation import validate
from sandbox.workspace import pack_objects
from tests.evidence.history import ALL, History, make_history
from tests.evidence.pairs import DIGESTS, Pair
from tests.evidence.sdists import sdist

LIMITS = Limits(run_timeout_s=120, memory_bytes=768 * MIB, pids=128, repository_bytes=192 * MIB)
AT_ONCE = 2
IMAGES = {"python": PYTHON.image}


@dataclass(frozen=True, slots=True)
class Way:
    """Where a change starts, and what it is; `listed` ones have a task that says which tests have to do what."""

    start: Callable[[History], str]
    diff: Callable[[History], bytes]
    listed: bool = False


WAYS: Mapping[str, Way] = {
    "whole": Way(lambda it: it.earlier, lambda it: it.diff(it.earlier, it.later, ALL)),
    "tests only": Way(lambda it: it.earlier, lambda it: it.diff(it.earlier, it.later, (TEST,))),
    "source only": Way(lambda it: it.earlier, lambda it: it.diff(it.earlier, it.later, (SOURCE,))),
    "source, tests given": Way(lambda it: it.earlier, lambda it: it.diff(it.earlier, it.later, (SOURCE,)), listed=True),
    "backwards": Way(lambda it: it.later, lambda it: it.diff(it.later, it.earlier, (SOURCE,))),
}


@dataclass(slots=True)
class Trial:
    """What came of a pair: each way's verdict (with level or reason, after a slash) and its detail.

    `tests` were in the last run of the whole change, `fail_to_pass` of them failed without its source.
    """

    pair: Pair
    tests: int = 0
    fail_to_pass: int = 0
    verdicts: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)


@contextmanager
def sandbox(docker_host: str) -> Iterator[Environments]:
    """Environments on that engine, in containers that LIMITS bounds."""
    containers = Containers(docker_host, IMAGES, "runc", LIMITS)
    try:
        yield containers
    finally:
        containers.close()


async def trials(environments: Environments, pairs: Iterable[Pair], cache: Path) -> list[Trial]:
    """Every pair in every way, AT_ONCE pairs at a time. Raises Unfetched."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(pair: Pair) -> Trial:
        async with places:
            with tempfile.TemporaryDirectory() as folder:
                return await _trial(environments, pair, await asyncio.to_thread(_history, pair, Path(folder), cache))

    return await asyncio.gather(*(one(pair) for pair in pairs))


def distributions(pairs: Iterable[Pair]) -> Iterator[tuple[str, str, str]]:
    """Package, version and digest of what these pairs need."""
    for pair in pairs:
        for version in (pair.earlier, pair.later):
            yield pair.package, version, DIGESTS[pair.package][version]


def _history(pair: Pair, folder: Path, cache: Path) -> History:
    earlier, later = (sdist(*wanted, cache) for wanted in distributions([pair]))
    return make_history(folder / pair.package, earlier, later)


async def _trial(environments: Environments, pair: Pair, history: History) -> Trial:
    trial, given = Trial(pair), Task()
    for name, way in WAYS.items():
        job = _job(history, way, given if way.listed else Task())
        outcome, evidence = await validate(environments, job, LIMITS, lambda: secrets.token_hex(16))
        trial.verdicts[name], trial.details[name] = said(outcome), outcome.detail
        if name == "whole":
            given = _task(history, evidence)
            trial.tests = sum("::" in id for id in evidence.final)
            trial.fail_to_pass = len(given.fail_to_pass)
    return trial


def _task(history: History, whole: Evidence) -> Task:
    """What an operator would write down after a look at the later release: its tests, and what they did."""
    tests = history.diff(history.earlier, history.later, (TEST,))
    fail_to_pass, pass_to_pass = (
        tuple(test.id for test in whole.tests if test.suite == TRACE and test.category == category and "::" in test.id)
        for category in (FAIL_TO_PASS, PASS_TO_PASS)
    )
    return Task(fail_to_pass=fail_to_pass, pass_to_pass=pass_to_pass, test_patch=tests)


def _job(history: History, way: Way, task: Task) -> Job:
    diff = way.diff(history).decode(errors="surrogateescape")
    event = {"seq": 1, "type": "commit", "diff_unified": diff}
    workspace = {MIRROR: pack_objects(history.objects, LIMITS.workspace_bytes)}
    return Job(workspace=workspace, commit=way.start(history), patches=patches_of([event]), task=task)


def said(outcome: Outcome) -> str:
    """The verdict in short."""
    return "/".join(filter(None, (outcome.verdict, outcome.level, outcome.reason)))
