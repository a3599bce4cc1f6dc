"""The HTTP side: takes a request, runs it in a worker thread, streams the answer, ends it when the client leaves."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deploy.embedded.clickhouse.accounts import Account, authenticate
from deploy.embedded.clickhouse.admission import Admission
from deploy.embedded.clickhouse.content import MAX_BODY_BYTES, decode, form_fields
from deploy.embedded.clickhouse.engine import Engine
from deploy.embedded.clickhouse.execution import Execution
from deploy.embedded.clickhouse.failures import Failure, failure
from deploy.embedded.clickhouse.query_request import QueryRequest, query_request
from deploy.embedded.clickhouse.reply import Reply
from deploy.embedded.clickhouse.restraints import explained
from deploy.embedded.clickhouse.sessions import Sessions
from deploy.embedded.clickhouse.sqltext import Statement, split_data

_WORKERS = 16
# Of their own, so that analysts who keep all of them busy leave those that write theirs.
_ANALYSTS_WORKERS = 8
# What an analyst sends is a statement; an administrator sends data.
_MAX_STATEMENT_BYTES = 1024 * 1024
_CANCEL_AGAIN_S = 0.2
_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")


class ClickHouseApp:
    """The ASGI application. `stop` ends all reading queries, so that a server shutting down has nothing to wait for."""

    def __init__(self, engine: Engine, sessions: Sessions, known: Mapping[str, Account], admission: Admission) -> None:
        self._engine = engine
        self._sessions = sessions
        self._known = known
        self._admission = admission
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="query")
        self._analysts = ThreadPoolExecutor(_ANALYSTS_WORKERS, thread_name_prefix="analyst")
        self._canceller = ThreadPoolExecutor(1, thread_name_prefix="cancel")
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Cancels what reads, now and from now on; call it in the loop's thread."""
        self._stopping.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        if request.url.path == "/" and (request.query_params or request.method == "POST"):
            await self._query(request, send)
        elif request.url.path in ("/", "/ping"):
            await PlainTextResponse("Ok.\n")(scope, receive, send)
        else:
            await PlainTextResponse(f"There is no handle {request.url.path}\n", 404)(scope, receive, send)

    async def _query(self, request: Request, send: Send) -> None:
        query_id = request.query_params.get("query_id") or str(uuid.uuid4())
        reply = Reply(send, query_id, self._engine.timezone, self._engine.version)
        try:
            execution = await self._accept(request)
        except Failure as problem:
            await reply.fail(problem)
        except ClientDisconnect:
            _LOG.info("a client left before its request was complete; nothing of it was run")
        else:
            await self._run_when_admitted(execution, reply, request)

    async def _run_when_admitted(self, execution: Execution, reply: Reply, request: Request) -> None:
        try:
            async with self._admission.admitted(execution.account):
                await self._run_while_wanted(execution, reply, request)
        except Failure as problem:
            await reply.fail(problem)

    async def _accept(self, request: Request) -> Execution:
        """Reads the whole request before anything runs: a half-sent INSERT stores nothing."""
        account = authenticate(self._known, request.headers, request.query_params)
        most = _MAX_STATEMENT_BYTES if account.read_only else MAX_BODY_BYTES
        body = await _read(request, most)
        encoding = request.headers.get("content-encoding", "")
        body = await self._in_worker(account, lambda: decode(body, encoding, most))
        pairs = request.query_params.multi_items()
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            pairs, body = [*pairs, *form_fields(body, content_type).items()], b""
        asked = query_request(pairs, request.headers)
        statement = await self._in_worker(account, lambda: _statement(asked, body))
        return Execution(account, asked, request.method, statement)

    async def _run_while_wanted(self, execution: Execution, reply: Reply, request: Request) -> None:
        work = asyncio.create_task(self._run(execution, reply))
        unwanted = [asyncio.create_task(_left(request)), asyncio.create_task(self._stopping.wait())]
        await asyncio.wait({work, *unwanted}, return_when=asyncio.FIRST_COMPLETED)
        while not work.done():
            await self._cancel(execution)
            await asyncio.wait({work}, timeout=_CANCEL_AGAIN_S)
        for task in unwanted:
            task.cancel()
        await work

    async def _cancel(self, execution: Execution) -> None:
        """May come before the engine has begun, so it is repeated until the work is over."""
        execution.cancelled = True
        tag = execution.tag
        if tag is not None:
            await asyncio.get_running_loop().run_in_executor(self._canceller, self._engine.cancel, tag)

    async def _run(self, execution: Execution, reply: Reply) -> None:
        try:
            await self._stream(execution, reply)
        except Failure as problem:
            await reply.fail(explained(execution.account, problem))
        except Exception as problem:
            _LOG.exception("a query failed inside the server")
            await reply.fail(failure("STD_EXCEPTION", repr(problem)))
        else:
            await reply.end()

    async def _stream(self, execution: Execution, reply: Reply) -> None:
        """Sends all but the end: a session must be free again before the client may know that it is done."""
        resources, account = ExitStack(), execution.account
        try:
            answer = await self._in_worker(
                account, lambda: execution.start(self._sessions, self._engine.outside, resources)
            )
            await reply.begin(execution.format, answer.totals)
            piece: bytes | None = answer.first
            while piece is not None and not execution.cancelled:
                await reply.piece(piece)
                piece = await self._in_worker(account, lambda: next(answer.rest, None))
        finally:
            await self._in_worker(account, resources.close)

    async def _in_worker(self, account: Account, step: Callable[[], _T]) -> _T:
        workers = self._analysts if account.read_only else self._workers
        return await asyncio.get_running_loop().run_in_executor(workers, step)


async def _read(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise failure("QUERY_IS_TOO_LARGE", f"the body is larger than {most} bytes")
    return bytes(body)


async def _left(request: Request) -> None:
    """Returns when the client closes its connection; its request has been read to the end before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _statement(asked: QueryRequest, body: bytes) -> Statement:
    text = b"\n".join(part for part in (asked.query.encode(), body) if part)
    try:
        statement = split_data(text)
    except UnicodeDecodeError as problem:
        raise failure("SYNTAX_ERROR", "the statement is not UTF-8") from problem
    if not statement.sql.strip():
        raise failure("SYNTAX_ERROR", "Syntax error: Empty query")
    return statement
