"""The sandbox's step: an assembled revision in, its validation out, published before the offset may move.

A validation ends in exactly one TraceValidated, whatever happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.clock import Clock
from pipeline.document import open_document
from pipeline.errors import Invalid
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from sandbox.claims import Checked, check_claims
from sandbox.examiner import Examiner
from sandbox.failures import NoVerdict, Outcome, unverifiable
from sandbox.job import Job
from sandbox.patching import patches_of
from sandbox.suites import Evidence
from sandbox.taskfolder import find_task
from sandbox.verdicts import validated
from sandbox.workspace import Fetch, find_workspace, uploads
from schemas.records import Record, TraceAssembled, TraceValidated

log = logger(__name__)


@dataclass(slots=True, kw_only=True)
class Validator:
    """Validates one revision per call of `handle`; calls may overlap.

    `repos` is the folder of local mirrors, `tasks` that of the operator's files, `fetch` asks origins.
    """

    examiner: Examiner
    store: ObjectStore
    publish: Callable[[TraceValidated], Awaitable[None]]
    clock: Clock
    repos: Path | None
    fetch: Fetch | None = None
    tasks: Path | None = None

    async def handle(self, record: Record) -> None:
        """Validate a TraceAssembled and publish the result; returns when the log has it. Raises Invalid, Retryable."""
        if not isinstance(record, TraceAssembled):
            raise Invalid(f"the sandbox reads TraceAssembled, not {type(record).__name__}")
        result = await self.result(record)
        await self.publish(result)
        log.info("validated", trace_id=record.trace_id, verdict=result.verdict, reason=result.reason)

    async def result(self, record: TraceAssembled) -> TraceValidated:
        """What validating a revision shows, published nowhere. Raises Invalid, Retryable."""
        started_us = self.clock()
        document = await open_document(record, self.store)
        try:
            outcome, evidence, claims = await self._validate(record, document)
        except NoVerdict as ended:
            outcome, evidence, claims = ended.outcome, Evidence(), Checked()
        duration_us = max(self.clock() - started_us, 0)
        return validated(record, outcome, evidence, claims, started_us, duration_us)

    async def _validate(self, record: TraceAssembled, document: dict[str, Any]) -> tuple[Outcome, Evidence, Checked]:
        if not record.start_commit and not uploads(document):
            raise NoVerdict(unverifiable("no_start_commit"))
        patches = patches_of(document["events"])
        workspace = await find_workspace(
            record, document, self.repos, self.store, self.examiner.limits.workspace_bytes, self.fetch
        )
        task = await asyncio.to_thread(find_task, self.tasks, record.task_id)
        job = Job(workspace=workspace, commit=record.start_commit or "", patches=patches, task=task)
        outcome, evidence = await self.examiner.examine(job)
        claims = check_claims(document["events"], patches[-1].seq if patches else None, evidence.final)
        return outcome, evidence, claims
