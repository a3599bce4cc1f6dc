"""From a finished trace to its score: opens the document, asks the judge, applies the caps, writes the record.

The score is in the log before the trace's offset moves. The sandbox's verdict is not read and not waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from judge.features import features
from judge.judges import Judge, Judgement
from judge.scoring import capped, overall_milli
from pipeline.clock import Clock
from pipeline.document import open_document
from pipeline.errors import Invalid
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from schemas.records import Record, TraceAssembled, TraceJudged

LIVE = "live"
log = logger(__name__)
Emit = Callable[[TraceJudged], Awaitable[None]]


class Scorer:
    """The handler of one judge. `emit` returns when the log has the record."""

    def __init__(self, judge: Judge, store: ObjectStore, emit: Emit, clock: Clock) -> None:
        self._judge, self._store, self._emit, self._clock = judge, store, emit, clock

    async def handle(self, record: Record) -> None:
        """Judge one finished trace. Raises Invalid for another record or a damaged document, Retryable meanwhile."""
        if not isinstance(record, TraceAssembled):
            raise Invalid(f"a {type(record).__name__} is no finished trace")
        started_us = self._clock()
        document = await open_document(record, self._store)
        judgement = await self._judgement(document)
        judged = self._record(record, judgement, started_us)
        await self._emit(judged)
        log.info(
            "judged",
            trace_id=record.trace_id,
            revision=record.revision,
            outcome=judged.outcome,
            reason=judgement.detail or judgement.reason,
            overall_milli=judged.overall_milli,
        )

    async def _judgement(self, document: dict[str, Any]) -> Judgement:
        if not document["events"]:
            return Judgement(reason="no_events")
        # Off the event loop: a trace of 10,000 events must not hold up the heartbeat of the group.
        found = await asyncio.to_thread(features, document)
        judgement = await self._judge.judge(document, found)
        return replace(judgement, grades=capped(judgement.grades, self._judge.rubric, found))

    def _record(self, trace: TraceAssembled, judgement: Judgement, started_us: int) -> TraceJudged:
        rubric = self._judge.rubric
        scored = judgement.reason is None
        return TraceJudged(
            trace_id=trace.trace_id,
            project=trace.project,
            revision=trace.revision,
            head=trace.head,
            outcome="scored" if scored else "unscored",
            reason=judgement.reason,
            overall_milli=overall_milli(judgement.grades) if scored else None,
            grades=judgement.grades,
            rubric_id=rubric.id,
            rubric_version=rubric.version,
            rubric_digest=rubric.digest(),
            judge=self._judge.kind,
            judge_digest=self._judge.digest,
            model=self._judge.model,
            run_id=LIVE,
            prompt_tokens=judgement.prompt_tokens,
            completion_tokens=judgement.completion_tokens,
            evidence_ref=judgement.evidence_ref,
            started_at_us=started_us,
            duration_us=max(0, self._clock() - started_us),
        )
