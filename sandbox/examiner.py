"""One job to its outcome, whatever the engine does meanwhile: what the log's consumer and the commands share.

An engine that was never there gives `unverifiable(no_docker)`, one that keeps failing `infra_failure(engine_lost)`
after the given attempts. Only failures of ours are tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.telemetry import logger
from sandbox.dependencies import Builder
from sandbox.environment import EngineAbsent, EngineLost, Environments, ImageMissing, RuntimeMissing
from sandbox.failures import NoVerdict, Outcome, infra_failure, unverifiable
from sandbox.job import Job
from sandbox.spec import Limits
from sandbox.suites import Evidence
from sandbox.validation import validate

OUR_REASONS = frozenset({"no_docker", "no_image", "no_runtime", "engine_lost"})
"""Reasons that are about our machinery and not about the job: it can be done elsewhere, or later."""
log = logger(__name__)


@dataclass(slots=True, kw_only=True)
class Examiner:
    """Runs the protocol for one job per call of `examine`; calls may overlap.

    `nonce` gives unguessable secrets, `build` makes images of dependencies that are absent, `pauses_s` are the waits
    between attempts after a failure of the engine.
    """

    environments: Environments
    nonce: Callable[[], str]
    limits: Limits
    build: Builder | None = None
    pauses_s: Sequence[float] = (1.0, 5.0)
    _engine_seen: bool = False

    async def examine(self, job: Job) -> tuple[Outcome, Evidence]:
        """The outcome and what it rests on. Raises NoVerdict where the machinery gave none."""
        for pause_s in (*self.pauses_s, None):
            try:
                return await self._attempt(job)
            except ImageMissing as error:
                raise NoVerdict(unverifiable("no_image", str(error))) from error
            except RuntimeMissing as error:
                raise NoVerdict(unverifiable("no_runtime", str(error))) from error
            except (EngineAbsent, EngineLost) as error:
                if isinstance(error, EngineAbsent) and not self._engine_seen:
                    raise NoVerdict(unverifiable("no_docker", str(error))) from error
                self._engine_seen = True
                if pause_s is None:
                    raise NoVerdict(infra_failure("engine_lost", str(error))) from error
                log.warning("the engine failed, will try again", pause_s=pause_s, reason=str(error))
                await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt has no pause and ends the loop")

    async def _attempt(self, job: Job) -> tuple[Outcome, Evidence]:
        made = await validate(self.environments, job, self.limits, self.nonce, self.build)
        self._engine_seen = True
        return made
