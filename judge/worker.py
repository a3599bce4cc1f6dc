"""From a finished trace to its score: opens the document, asks the judge, applies the caps, writes the record.

The score is in the log before the trace's offset moves. The sandbox's verdict is not read and not waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from judge.budget import BudgetReached
from judge.features import Features, features
from judge.judges import HeuristicJudge
from judge.judging import LIVE, Case, Judge, Judgement
from judge.metrics import Metrics
from judge.scoring import capped, overall_milli
from judge.spending import DailyBudget
from pipeline.clock import Clock
from pipeline.document import open_document
from pipeline.errors import Invalid
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from schemas.records import Record, TraceAssembled, TraceJudged

NO_EVENTS = Judgement(reason="no_events")
log = logger(__name__)
Emit = Callable[[TraceJudged], Awaitable[None]]


class Scorer:
    """Scores of one judge."""

    def __init__(self, judge: Judge, store: ObjectStore, clock: Clock) -> None:
        self._judge, self._store, self._clock = judge, store, clock

    async def result(self, trace: TraceAssembled, run_id: str = LIVE) -> TraceJudged:
        """The score of one finished trace. Raises Invalid for a damaged document, Erased for an erased trace, and what
        the judge raises while it cannot work."""
        started_us = self._clock()
        document = await open_document(trace, self._store)
        judgement = await self._judgement(trace, document) if document["events"] else NO_EVENTS
        return _record(trace, self._judge, judgement, run_id, started_us, self._clock() - started_us)

    async def _judgement(self, trace: TraceAssembled, document: dict[str, Any]) -> Judgement:
        # Off the event loop: a trace of 10,000 events must not hold up the heartbeat of the group.
        found = await asyncio.to_thread(features, document)
        case = Case(trace.trace_id, trace.head, trace.project, document, found)
        return _bounded(await self._judge.judge(case), self._judge, found)


def heuristic_result(
    judge: HeuristicJudge, trace: TraceAssembled, document: Mapping[str, Any], run_id: str, clock: Clock
) -> TraceJudged:
    """What Scorer.result gives with this judge, for a document that is open already. Waits for nothing; everything in
    it goes through pickle, so it may be called in a process of a pool."""
    started_us = clock()
    judgement = NO_EVENTS
    if document["events"]:
        found = features(document)
        judgement = _bounded(judge.judged(document, found), judge, found)
    return _record(trace, judge, judgement, run_id, started_us, clock() - started_us)


class Live:
    """The handler of the consumer. `emit` returns when the log has the record. While `budget` is spent, traces wait."""

    def __init__(
        self, scorer: Scorer, emit: Emit, budget: DailyBudget | None = None, metrics: Metrics | None = None
    ) -> None:
        self._scorer, self._emit, self._budget = scorer, emit, budget
        self._metrics = metrics or Metrics()

    async def handle(self, record: Record) -> None:
        """Judge one finished trace. Raises Invalid for another record or a damaged document, Retryable meanwhile."""
        if not isinstance(record, TraceAssembled):
            raise Invalid(f"a {type(record).__name__} is no finished trace")
        if self._budget:
            await self._budget.known.wait()
        judged = await self._affordable(record)
        await self._emit(judged)
        if self._budget:
            self._budget.written(judged)
        self._metrics.scored(judged)
        log.info(
            "judged",
            trace_id=record.trace_id,
            revision=record.revision,
            outcome=judged.outcome,
            reason=judged.reason,
            overall_milli=judged.overall_milli,
        )

    async def _affordable(self, trace: TraceAssembled) -> TraceJudged:
        while True:
            try:
                return await self._scorer.result(trace)
            except BudgetReached as reached:
                if not self._budget:
                    raise
                log.warning("judging is paused", trace_id=trace.trace_id, reason=str(reached))
                with self._metrics.paused.track_inprogress():
                    await self._budget.replenished()


def _bounded(judgement: Judgement, judge: Judge, found: Features) -> Judgement:
    return replace(judgement, grades=capped(judgement.grades, judge.rubric, found))


def _record(
    trace: TraceAssembled, judge: Judge, judgement: Judgement, run_id: str, started_us: int, duration_us: int
) -> TraceJudged:
    rubric = judge.rubric
    scored = judgement.reason is None
    if not scored:
        log.info(
            "unscored",
            trace_id=trace.trace_id,
            revision=trace.revision,
            reason=judgement.reason,
            detail=judgement.detail,
        )
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
        judge=judge.kind,
        judge_digest=judge.digest,
        model=judge.model,
        run_id=run_id,
        prompt_tokens=judgement.prompt_tokens,
        completion_tokens=judgement.completion_tokens,
        evidence_ref=judgement.evidence_ref,
        started_at_us=started_us,
        duration_us=max(0, duration_us),
        cost_nano_usd=judgement.cost_nano,
        calls=judgement.calls,
        left_out_characters=judgement.left_out_characters,
        left_out_events=judgement.left_out_events,
        suspicions=judgement.suspicions,
        jurors=judgement.jurors,
    )
