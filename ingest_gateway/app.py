"""The ASGI application: routes from the table, every error as problem+json, background work for as long as it lives."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest_gateway.connections import HeadLimit
from ingest_gateway.docs_page import docs_page
from ingest_gateway.gateway import Gateway
from ingest_gateway.metrics import Metrics
from ingest_gateway.openapi import openapi_document
from ingest_gateway.problems import BAD_PARAMETER, INTERNAL, METHOD_NOT_ALLOWED, NOT_FOUND, Problem
from ingest_gateway.ratelimits import rate_limit_headers
from ingest_gateway.routes import CALLS
from ingest_gateway.writes import ingest
from pipeline.telemetry import logger

KINDS = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}
log = logger(__name__)


@asynccontextmanager
async def background(gateway: Gateway, failed: Callable[[BaseException], None]) -> AsyncIterator[None]:
    """The gateway's connections are kept while this is open; `failed` hears of an error that ended one."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("background work failed", exc_info=error)
            failed(error)

    jwks = (gateway.jwks.run(),) if gateway.jwks else ()
    work = (gateway.log.run(), gateway.control.run(), gateway.denials.run(), *jwks)
    tasks = [asyncio.create_task(part) for part in work]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gateway.reads.close()


async def _refused(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    gateway: Gateway = request.app.state.gateway
    gateway.denials.note(request, problem)
    return problem.response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = KINDS.get(error.status_code, BAD_PARAMETER)
    allowed = {"Allow": _methods(request)} if error.status_code == 405 else {}
    return Problem(kind, error.detail).response({**(error.headers or {}), **allowed})


def _methods(request: Request) -> str:
    """Every method of a path: several routes may share it, and Starlette names those of the first one only."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted(set().union(*[route.methods for route in routes])))


def _say_limits(scope: Scope, message: Message) -> None:
    if quotas := scope.get("state", {}).get("quotas", ()):
        message["headers"] = [*message["headers"], *rate_limit_headers(quotas)]


class Observed:
    """Counts every answer, and turns an unforeseen exception into a problem instead of a broken connection."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _say_limits(scope, message)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            log.exception("request failed", path=scope["path"])
            if not status:
                await Problem(INTERNAL, "this is our fault; it has been logged").response()(scope, receive, watched)
        finally:
            self._observe(scope, status, time.perf_counter() - began)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("endpoint"), "__name__", "none")
        count, observe = self._metrics.answers(scope["method"] if route != "none" else "other", route, status)
        count()
        observe(seconds)


def create_app(gateway: Gateway, failed: Callable[[BaseException], None]) -> Starlette:
    """The application around a gateway; its lifespan runs the background work, whose failure `failed` hears of."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with background(gateway, failed):
            yield

    app = Starlette(
        # Starlette tries routes in turn: the one that nearly all requests go to comes first.
        routes=[
            Route(c.path, c.handler, methods=[c.method]) for c in sorted(CALLS, key=lambda c: c.handler is not ingest)
        ],
        exception_handlers={Problem: _refused, HTTPException: _http_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.add_middleware(HeadLimit, limit=gateway.settings.max_head_bytes)
    app.add_middleware(Observed, metrics=gateway.metrics)
    document = openapi_document(CALLS, version("pr-telemetry"))
    app.state.gateway = gateway
    app.state.openapi = orjson.dumps(document)
    app.state.docs = docs_page(document)
    return app
