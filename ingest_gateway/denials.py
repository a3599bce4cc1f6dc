"""Refusals of somebody known go into the audit trail; a request never waits for that, nor fails by it.

Who is not known is only counted, or anybody could fill the trail. The same refusal of the same caller is written once
a minute, and where more come than the log takes, the newest are dropped and counted.
"""

import asyncio

from starlette.requests import Request

from ingest_gateway.metrics import Metrics
from ingest_gateway.problems import FOREIGN_PROJECT, ROLE_FORBIDS, TOKEN_REVOKED, Problem
from ingest_gateway.replays import Recent
from ingest_gateway.tracelog import TraceLog
from pipeline.audit import audit_entry
from pipeline.clock import Clock
from pipeline.ids import SHAPE
from schemas.records import AuditEntry
from schemas.topics import AUDIT_LOG

DENIED = (TOKEN_REVOKED, FOREIGN_PROJECT, ROLE_FORBIDS)
REMEMBERED = 10_000
WAITING = 1_000
QUIET_US = 60_000_000


class Denials:
    """A bounded queue of entries that `run` writes."""

    def __init__(self, log: TraceLog, clock: Clock, metrics: Metrics) -> None:
        self._log, self._clock, self._metrics = log, clock, metrics
        self._written: Recent[int] = Recent(REMEMBERED)
        self._queue: asyncio.Queue[AuditEntry] = asyncio.Queue(WAITING)

    def note(self, request: Request, problem: Problem) -> None:
        """Take note of a refusal, where it is one of those and the caller is known."""
        actor = getattr(request.state, "actor", None)
        if actor is None or problem.kind not in DENIED:
            return
        name, project = actor
        call = getattr(request.scope.get("endpoint"), "__name__", "none")
        now, key = self._clock(), (name, problem.kind.slug, call)
        if now - (self._written.get(key) or 0) < QUIET_US:
            return
        self._written.put(key, now)
        entry = audit_entry(name, f"denied: {problem.kind.slug}", _subject(request), now, project, {"call": call})
        try:
            self._queue.put_nowait(entry)
        except asyncio.QueueFull:
            self._metrics.denials_dropped.inc()

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            entry = await self._queue.get()
            try:
                await self._log.append(entry.project, entry, AUDIT_LOG)
            except Problem:
                self._metrics.denials_dropped.inc()


def _subject(request: Request) -> str:
    trace_id = request.path_params.get("trace_id", "")
    return f"trace/{trace_id}" if SHAPE.fullmatch(trace_id) else ""
