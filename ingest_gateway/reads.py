"""Every query of the gateway, over the public views only. A trace of another project is as if it did not exist."""

import asyncio
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ingest_gateway.auth import Caller
from ingest_gateway.problems import ERASED, STORE_UNAVAILABLE, Problem
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Retryable
from pipeline.telemetry import logger

Row = dict[str, Any]
THREADS = 4
RETRY_AFTER_S = 2
# Codes of a server whose migrations have not run yet: unknown table, unknown database.
NOT_MIGRATED = ("Code: 60.", "Code: 81.")
MINE = "({project:String} = '' OR project = {project:String})"
THIS = f"trace_id = {{trace_id:String}} AND {MINE}"
log = logger(__name__)

PROGRESS = f"SELECT * FROM v1_progress WHERE {THIS}"
TRACE = f"SELECT * FROM v1_traces WHERE {THIS}"
STAGE = f"SELECT stage, revision FROM v1_traces WHERE {THIS}"
EVENTS = f"""SELECT chain_index, event FROM v1_events
    WHERE {THIS} AND chain_index >= {{first:UInt32}} ORDER BY chain_index LIMIT {{limit:UInt32}}"""
VALIDATION = f"SELECT * FROM v1_validations WHERE {THIS} AND latest ORDER BY current DESC, started_at DESC LIMIT 1"
TESTS = f"""SELECT test_id AS id, suite, before, after, category FROM v1_test_results
    WHERE {THIS} AND revision = {{revision:UInt32}} AND run_id = {{run_id:String}} ORDER BY suite, id"""
SCORES = f"SELECT * FROM v1_scores WHERE {THIS} AND current ORDER BY criterion"
OWNER = f"""SELECT project FROM v1_progress WHERE {THIS}
    UNION DISTINCT SELECT project FROM v1_traces WHERE {THIS}
    UNION DISTINCT SELECT project FROM v1_erasures WHERE {THIS}"""
ERASURE = f"SELECT erased_at FROM v1_erasures WHERE {THIS}"
TRACES_OF = """SELECT trace_id FROM v1_progress
    WHERE project = {project:String} AND participant_id IN {names:Array(String)}
    UNION DISTINCT SELECT trace_id FROM v1_traces
    WHERE project = {project:String} AND participant_id IN {names:Array(String)}"""
PAGE = f"""SELECT trace_id, project, received_at, completed_at FROM v1_progress
    WHERE {MINE} AND ({{cursor:String}} = '' OR trace_id < {{cursor:String}})
    ORDER BY trace_id DESC LIMIT {{limit:UInt32}}"""
FINISHED = f"""SELECT trace_id, revision, stage, task_id, task_title, outcome, event_count, intact, complete, duration_s
    FROM v1_traces WHERE {MINE} AND trace_id IN {{trace_ids:Array(String)}}"""
ALL_EVENTS = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Whole:
    """All rows about one trace; `trace` None: not assembled yet; `scores`: one row per criterion."""

    progress: Row | None
    trace: Row | None
    events: list[Row]
    validation: Row | None
    tests: list[Row]
    scores: list[Row]


class Reads:
    """Queries in a few threads, each with a connection of its own. All raise Problem when ClickHouse cannot answer."""

    def __init__(self, connect: Callable[[], ClickHouse]) -> None:
        self._connect = connect
        self._threads = ThreadPoolExecutor(THREADS, "clickhouse")
        self._local = threading.local()

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def whole(self, trace_id: str, caller: Caller) -> Whole:
        """Everything known about a trace. The trace's row is read first: what it promises is there already."""
        scope = {"trace_id": trace_id, "project": caller.project or ""}
        trace = _first(await self._rows(TRACE, scope))
        if trace is None:
            return Whole(_first(await self._rows(PROGRESS, scope)), None, [], None, [], [])
        events, validations, scores = await asyncio.gather(
            self._rows(EVENTS, {**scope, "first": 0, "limit": ALL_EVENTS}),
            self._rows(VALIDATION, scope),
            self._rows(SCORES, scope),
        )
        validation = _first(validations)
        tests = await self._rows(TESTS, {**scope, **_run_of(validation)}) if validation else []
        return Whole(None, trace, events, validation, tests, scores)

    async def progress(self, trace_id: str, caller: Caller) -> tuple[Row | None, Row | None]:
        """The rows of a trace, while open and since finished; the first is only asked for where there is no second."""
        scope = {"trace_id": trace_id, "project": caller.project or ""}
        trace = _first(await self._rows(STAGE, scope))
        return (None, trace) if trace else (_first(await self._rows(PROGRESS, scope)), None)

    async def events(self, trace_id: str, caller: Caller, first: int, limit: int) -> list[Row]:
        """Events from a place in the trace on, each {chain_index, event: canonical JSON}."""
        scope = {"trace_id": trace_id, "project": caller.project or "", "first": first, "limit": limit}
        return await self._rows(EVENTS, scope)

    async def page(self, caller: Caller, cursor: str, limit: int) -> list[Row]:
        """Traces older than the cursor (a trace id), newest first; finished ones with their summary."""
        scope = {"project": caller.project or ""}
        page = await self._rows(PAGE, {**scope, "cursor": cursor, "limit": limit})
        finished = await self._rows(FINISHED, {**scope, "trace_ids": [row["trace_id"] for row in page]})
        by_id = {row["trace_id"]: row for row in finished}
        return [{"stage": "received", **row, **by_id.get(row["trace_id"], {})} for row in page]

    async def project_of(self, trace_id: str, caller: Caller) -> str | None:
        """The project of a trace, where the caller may see it."""
        if caller.project is not None:
            return caller.project
        row = _first(await self._rows(PROGRESS, {"trace_id": trace_id, "project": ""}))
        return str(row["project"]) if row else None

    async def owner(self, trace_id: str, caller: Caller) -> str | None:
        """The project of a trace that this caller may see, open, finished or erased."""
        row = _first(await self._rows(OWNER, {"trace_id": trace_id, "project": caller.project or ""}))
        return str(row["project"]) if row else None

    async def traces_of(self, names: Collection[str], project: str) -> list[str]:
        """The traces of a participant, by any of these names."""
        rows = await self._rows(TRACES_OF, {"names": list(names), "project": project})
        return [row["trace_id"] for row in rows]

    async def refuse_erased(self, trace_id: str, caller: Caller) -> None:
        """Raises Problem where the caller's trace was erased; for others it never was there."""
        if await self._rows(ERASURE, {"trace_id": trace_id, "project": caller.project or ""}):
            raise Problem(ERASED, "nothing is left of it but that it was erased, and its heads")

    async def _rows(self, sql: str, parameters: dict[str, Any]) -> list[Row]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._query, sql, parameters)
        except (Retryable, QueryFailed) as error:
            if isinstance(error, QueryFailed) and not any(code in str(error) for code in NOT_MIGRATED):
                raise
            log.warning("ClickHouse cannot answer", error=str(error)[:300])
            raise Problem(STORE_UNAVAILABLE, "traces cannot be read now", retry_after_s=RETRY_AFTER_S) from error

    def _query(self, sql: str, parameters: dict[str, Any]) -> list[Row]:
        if not hasattr(self._local, "clickhouse"):
            self._local.clickhouse = self._connect()
        rows: list[Row] = self._local.clickhouse.rows(sql, parameters)
        return rows


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None


def _run_of(validation: Row) -> Row:
    return {"revision": validation["revision"], "run_id": validation["run_id"]}
