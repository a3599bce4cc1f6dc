"""Handlers that tell how far a trace has come: once, or as it goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ingest_gateway.admission import OpenStreams
from ingest_gateway.answers import Pending
from ingest_gateway.auth import Caller
from ingest_gateway.gateway import Gateway, gateway_of, trace_id_of
from ingest_gateway.problems import NOT_FOUND, Problem
from ingest_gateway.stages import FINAL, HEARTBEAT, event, status_of
from ingest_gateway.writes import json_answer, model_answer
from pipeline.ids import minted_at_us
from schemas.events import MICROSECONDS

YOUNG_US = 60 * MICROSECONDS
LOOK_S = 1.0
HEARTBEAT_S = 15.0
SSE = "text/event-stream"
UNCACHED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Status = dict[str, object]


async def _status(gateway: Gateway, trace_id: str, caller: Caller) -> Status | None:
    """The status; None for an id so young that it may not be queryable yet. Raises Problem where there is no trace."""
    status = status_of(trace_id, *await gateway.reads.progress(trace_id, caller))
    if status is None:
        await gateway.reads.refuse_erased(trace_id, caller)
    if status is None and not 0 <= gateway.clock() - minted_at_us(trace_id) < YOUNG_US:
        raise Problem(NOT_FOUND, "no such trace")
    return status


async def get_status(request: Request) -> Response:
    """`GET /v1/traces/{id}/status`."""
    gateway = gateway_of(request)
    trace_id, caller = trace_id_of(request), gateway.caller(request, "read")
    status = await _status(gateway, trace_id, caller)
    if status is None:
        return model_answer(Pending(trace_id=trace_id), 202, {"Retry-After": "1"})
    return json_answer(orjson.dumps(status))


async def stream_status(request: Request) -> Response:
    """`GET /v1/traces/{id}/status:stream`: an event for each change until the trace is done or the time is over."""
    gateway = gateway_of(request)
    trace_id, caller = trace_id_of(request), gateway.caller(request, "read")

    async def look() -> Status | None:
        return status_of(trace_id, *await gateway.reads.progress(trace_id, caller))

    gateway.streams.take()
    try:
        first = await _status(gateway, trace_id, caller)
    except BaseException:
        gateway.streams.release()
        raise
    tempo = Tempo(gateway.settings.status_stream_s, asyncio.get_running_loop().time, asyncio.sleep)
    return _Stream(gateway.streams, follow(trace_id, first, look, tempo))


class _Stream(StreamingResponse):
    """Open for as long as it is being sent, however it ends."""

    def __init__(self, streams: OpenStreams, content: AsyncIterator[bytes]) -> None:
        super().__init__(content, headers=UNCACHED, media_type=SSE)
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.release()


@dataclass(frozen=True, slots=True)
class Tempo:
    """How long a stream may last, seconds; the time, seconds; and how it passes."""

    longest_s: float
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]


async def follow(
    trace_id: str, status: Status | None, look: Callable[[], Awaitable[Status | None]], tempo: Tempo
) -> AsyncIterator[bytes]:
    """The events of a stream, a heartbeat where nothing was said for `HEARTBEAT_S`. It begins with the status of now,
    so that who comes back after a break misses nothing that still holds; the last event is `end`.
    """
    said_at, said = tempo.now(), None
    ends_at = said_at + tempo.longest_s
    while True:
        if status is not None and status != said:
            yield event("stage", status)
            said, said_at = status, tempo.now()
        done = status is not None and status["stage"] == FINAL
        if done or tempo.now() >= ends_at:
            yield event("end", {"trace_id": trace_id, "done": done})
            return
        if tempo.now() - said_at >= HEARTBEAT_S:
            yield HEARTBEAT
            said_at = tempo.now()
        await tempo.sleep(LOOK_S)
        status = await _later(look, status)


async def _later(look: Callable[[], Awaitable[Status | None]], before: Status | None) -> Status | None:
    """What the next look shows; where it shows nothing, what was known before: a stream outlives a short outage."""
    try:
        return await look() or before
    except Problem:
        return before
