"""The sandbox's step: an assembled revision in, its validation out, published before the offset may move.

A validation ends in exactly one TraceValidated, whatever happens: an engine that was never there gives
`unverifiable(no_docker)`, one that keeps failing `infra_failure(engine_lost)` after the given attempts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.clock import Clock
from pipeline.document import open_document
from pipeline.errors import Invalid
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from sandbox.claims import Checked, check_claims
from sandbox.environment import EngineAbsent, EngineLost, Environments, ImageMissing
from sandbox.failures import NoVerdict, Outcome, infra_failure, unverifiable
from sandbox.job import Job
from sandbox.patching import patches_of
from sandbox.spec import Limits
from sandbox.validation import Evidence, validate
from sandbox.verdicts import validated
from sandbox.workspace import find_workspace
from schemas.records import Record, TraceAssembled, TraceValidated

log = logger(__name__)


@dataclass(slots=True, kw_only=True)
class Validator:
    """Validates one revision at a time per call of `handle`; calls may overlap.

    `nonce` gives unguessable secrets, `pauses_s` the waits between attempts after a failure of the engine.
    """

    environments: Environments
    store: ObjectStore
    publish: Callable[[TraceValidated], Awaitable[None]]
    clock: Clock
    nonce: Callable[[], str]
    limits: Limits
    repos: Path | None
    pauses_s: Sequence[float] = (1.0, 5.0)
    _engine_seen: bool = False

    async def handle(self, record: Record) -> None:
        """Validate a TraceAssembled and publish the result; returns when the log has it. Raises Invalid, Retryable."""
        if not isinstance(record, TraceAssembled):
            raise Invalid(f"the sandbox reads TraceAssembled, not {type(record).__name__}")
        started_us = self.clock()
        document = await open_document(record, self.store)
        try:
            outcome, evidence, claims = await self._validate(record, document)
        except NoVerdict as ended:
            outcome, evidence, claims = ended.outcome, Evidence(), Checked()
        duration_us = max(self.clock() - started_us, 0)
        await self.publish(validated(record, outcome, evidence, claims, started_us, duration_us))
        log.info("validated", trace_id=record.trace_id, verdict=outcome.verdict, reason=outcome.reason)

    async def _validate(self, record: TraceAssembled, document: dict[str, Any]) -> tuple[Outcome, Evidence, Checked]:
        if not record.start_commit:
            raise NoVerdict(unverifiable("no_start_commit"))
        limit = self.limits.repository_bytes // 3  # the repository is there as a file and unpacked, with new objects
        patches = patches_of(document["events"])
        workspace = await find_workspace(record, document, self.repos, self.store, limit)
        job = Job(workspace=workspace, commit=record.start_commit, patches=patches)

        async def attempt() -> tuple[Outcome, Evidence]:
            made = await validate(self.environments, job, self.limits, self.nonce)
            self._engine_seen = True
            return made

        outcome, evidence = await self._persist(attempt)
        claims = check_claims(document["events"], patches[-1].seq if patches else None, evidence.final)
        return outcome, evidence, claims

    async def _persist(self, attempt: Callable[[], Awaitable[tuple[Outcome, Evidence]]]) -> tuple[Outcome, Evidence]:
        for pause_s in (*self.pauses_s, None):
            try:
                return await attempt()
            except ImageMissing as error:
                raise NoVerdict(unverifiable("no_image", str(error))) from error
            except (EngineAbsent, EngineLost) as error:
                if isinstance(error, EngineAbsent) and not self._engine_seen:
                    raise NoVerdict(unverifiable("no_docker", str(error))) from error
                self._engine_seen = True
                if pause_s is None:
                    raise NoVerdict(infra_failure("engine_lost", str(error))) from error
                log.warning("the engine failed, will try again", pause_s=pause_s, reason=str(error))
                await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt has no pause and ends the loop")
