"""From records to results: in processes of a pool for the judge that takes processor time, on the event loop for those
that wait for a model."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context, parent_process
from typing import Protocol

from judge.judges import HeuristicJudge
from judge.judging import Judge
from judge.rescore.tally import GONE, UNREADABLE, Tally, tally_of
from judge.rubric import Rubric
from judge.worker import Scorer, heuristic_result
from pipeline.clock import now_us
from pipeline.document import open_document
from pipeline.errors import Erased, Invalid
from pipeline.objectstore import ObjectStore
from pipeline.s3store import open_store
from pipeline.settings import ObjectStoreSettings
from schemas.codec import UndecodableRecord, decode, encode
from schemas.records import TraceAssembled, TraceJudged

TOGETHER = 40
TOGETHER_BYTES = 1024 * 1024
"""What one task of the pool gets: enough that passing it on costs nothing, little enough that all have some."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one record: a result, encoded, or none. `fault` says why it cannot be read."""

    trace_id: str
    value: bytes | None
    tally: Tally
    fault: str = ""


def made_of(record: TraceJudged) -> Made:
    """A result as it is sent."""
    return Made(record.trace_id, encode(record), tally_of(record))


class Scoring(Protocol):
    """Scores records. `units` are worked on at the same time, of `together` records each."""

    units: int
    together: int

    async def score(self, values: Sequence[bytes]) -> list[Made]:
        """What becomes of each record, in order. Raises Retryable, Refused, BudgetReached; never for one trace."""


def trace_in(value: bytes | None) -> TraceAssembled:
    """The finished trace in a record. Raises Invalid."""
    try:
        record = decode(value)
    except UndecodableRecord as error:
        raise Invalid(str(error)) from error
    if not isinstance(record, TraceAssembled):
        raise Invalid(f"a {type(record).__name__} is no finished trace")
    return record


class OnLoop:
    """One trace at a time for each of `parallel` units: what is paid for is in the log before another one is asked."""

    together = 1

    def __init__(self, judge: Judge, store: ObjectStore, run_id: str, parallel: int) -> None:
        self.units = parallel
        self._scorer, self._run_id = Scorer(judge, store, now_us), run_id

    async def score(self, values: Sequence[bytes]) -> list[Made]:
        return [await self._one(value) for value in values]

    async def _one(self, value: bytes) -> Made:
        trace_id = ""
        try:
            trace = trace_in(value)
            trace_id = trace.trace_id
            return made_of(await self._scorer.result(trace, self._run_id))
        except Erased:
            return Made(trace_id, None, GONE)
        except Invalid as error:
            return Made(trace_id, None, UNREADABLE, str(error))


@dataclass(frozen=True, slots=True)
class Grading:
    """All that a process of the pool has to know: the rubric as canonical JSON, where documents lie, whose results."""

    rubric: bytes
    objects: ObjectStoreSettings
    run_id: str


class InProcesses:
    """The heuristic judge in the processes of a pool."""

    together = TOGETHER

    def __init__(self, pool: ProcessPoolExecutor, processes: int, grading: Grading) -> None:
        # While the results of some are on their way to the log, the processes work on others.
        self.units = 2 * processes
        self._pool, self._grading = pool, grading

    async def score(self, values: Sequence[bytes]) -> list[Made]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, score_all, self._grading, values)


def make_pool(processes: int) -> ProcessPoolExecutor:
    """The processes, begun. They are forked from a server that has no threads and has imported this module once."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    pool = ProcessPoolExecutor(processes, context, _begin)
    pool.submit(os.getpid)
    return pool


def _begin() -> None:
    """An interrupt is the business of the process that asks; its death is the end of ours, however it dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # Not left to the server: it lives for as long as one of us does.
    if parent := parent_process():
        parent.join()
    os._exit(1)


@lru_cache(4)
def _judge(rubric: bytes) -> HeuristicJudge:
    return HeuristicJudge(Rubric.model_validate_json(rubric))


@lru_cache(1)
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


@lru_cache(4)
def _store(grading: Grading) -> ObjectStore:
    return open_store(grading.objects)


def score_all(grading: Grading, values: Sequence[bytes]) -> list[Made]:
    """What becomes of each record by the heuristic judge. Raises Retryable."""
    return _runner().run(scored(grading, values))


async def scored(grading: Grading, values: Sequence[bytes]) -> list[Made]:
    """The same where there is an event loop, which it holds up."""
    judge, store = _judge(grading.rubric), _store(grading)
    return [await _score(judge, store, grading.run_id, value) for value in values]


async def _score(judge: HeuristicJudge, store: ObjectStore, run_id: str, value: bytes) -> Made:
    trace_id = ""
    try:
        trace = trace_in(value)
        trace_id = trace.trace_id
        return made_of(heuristic_result(judge, trace, await open_document(trace, store), run_id, now_us))
    except Erased:
        return Made(trace_id, None, GONE)
    except Invalid as error:
        return Made(trace_id, None, UNREADABLE, str(error))
