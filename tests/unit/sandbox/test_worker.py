"""A failure of the engine is tried again and, in the end, told apart from a verdict on the trace."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.errors import Invalid
from pipeline.objectstore import FolderStore
from sandbox.container import Containers
from sandbox.environment import EngineAbsent, EngineLost, ImageMissing, RuntimeMissing
from sandbox.examiner import Examiner
from sandbox.spec import MIB, Limits
from sandbox.worker import Validator
from schemas.records import TraceCompleted, TraceValidated
from tests.support.sandbox import FIXED, START, Repository, assembled, edits, make_repository

LIMITS = Limits(run_timeout_s=5, memory_bytes=128 * MIB, pids=64)


class Failing:
    """Makes no environment: every attempt meets the next error."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.attempts = 0

    async def start(self, lifetime_s: float, image: str) -> NoReturn:
        self.attempts += 1
        raise self._errors.pop(0)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_repository(tmp_path_factory.mktemp("repos") / "calc", START)


class Worker:
    """A validator and what it published."""

    def __init__(self, environments: Failing | Containers, repository: Repository, store: Path) -> None:
        self.published: list[TraceValidated] = []
        self._repository = repository
        self.validator = Validator(
            examiner=Examiner(environments=environments, nonce=lambda: "nonce", limits=LIMITS, pauses_s=(0.0, 0.0)),
            store=FolderStore(store),
            publish=self._publish,
            clock=iter(range(1_000_000, 9_000_000, 250)).__next__,
            repos=repository.folder.parent,
        )

    async def _publish(self, validation: TraceValidated) -> None:
        self.published.append(validation)

    async def verdict(self) -> tuple[str, str | None]:
        events = edits(START, {"calc.py": FIXED})
        await self.validator.handle(assembled("team/calc", self._repository.commit, events))
        return self.published[-1].verdict, self.published[-1].reason


@pytest.mark.parametrize(
    ("errors", "attempts", "verdict"),
    [
        ([EngineLost("gone")] * 3, 3, ("infra_failure", "engine_lost")),
        ([EngineLost("gone"), ImageMissing("image")], 2, ("unverifiable", "no_image")),
        ([EngineAbsent("refused")], 1, ("unverifiable", "no_docker")),
        ([RuntimeMissing("only runc")], 1, ("unverifiable", "no_runtime")),
    ],
)
async def test_only_what_may_recover_is_tried_again(
    repository: Repository, tmp_path: Path, errors: list[Exception], attempts: int, verdict: tuple[str, str]
) -> None:
    environments = Failing(*errors)
    worker = Worker(environments, repository, tmp_path)
    assert await worker.verdict() == verdict
    assert environments.attempts == attempts
    assert len(worker.published) == 1


async def test_an_engine_that_was_there_and_went_is_lost_not_absent(repository: Repository, tmp_path: Path) -> None:
    environments = Failing(EngineLost("died"), EngineAbsent("refused"), EngineAbsent("refused"))
    assert await Worker(environments, repository, tmp_path).verdict() == ("infra_failure", "engine_lost")


async def test_a_validation_belongs_to_its_revision(repository: Repository, tmp_path: Path) -> None:
    worker = Worker(Containers("unix:///nonexistent.sock", {}, "runc", LIMITS), repository, tmp_path)
    assert await worker.verdict() == ("unverifiable", "no_docker")
    (published,) = worker.published
    expected = assembled("team/calc", repository.commit, [])
    assert (published.trace_id, published.revision, published.head) == (
        expected.trace_id,
        expected.revision,
        expected.head,
    )
    assert (published.started_at_us, published.duration_us, published.run_id) == (1_000_000, 250, "live")
    assert "nonexistent.sock" in published.detail


async def test_another_record_is_invalid(repository: Repository, tmp_path: Path) -> None:
    record = TraceCompleted(trace_id="trace-1", project="p", created_offset=0, completed_at_us=1)
    with pytest.raises(Invalid, match="TraceCompleted"):
        await Worker(Failing(), repository, tmp_path).validator.handle(record)
