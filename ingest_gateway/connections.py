"""One HTTP/1.1 connection that does not wait for ever. A head that grows too large or comes too slowly is refused, and
a client that goes on sending after its answer, does not take its answers, or asks for many before it takes the first,
is cut off. Bodies have their own limits, in `bodies`.
"""

import asyncio
from http import HTTPStatus

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingest_gateway.bodies import Pace
from ingest_gateway.outgoing import Outgoing
from ingest_gateway.problems import HEAD_TOO_LARGE, MALFORMED_REQUEST, MEDIA_TYPE, TOO_SLOW, Problem
from pipeline.settings import GatewaySettings

DRAIN_S = 5.0
# Measured: a request of 30 bytes costs 2.5 KiB while it waits, and one read from the socket brings up to 256 KiB.
MOST_WAITING = 32
MALFORMED = Problem(MALFORMED_REQUEST, "the request cannot be parsed as HTTP/1.1")


class _TooManyWaiting(Exception):
    """Ends the parsing of what came in one piece."""


def _too_large(limit: int) -> Problem:
    detail = f"request line and headers, or trailers, have at most {limit} bytes"
    return Problem(HEAD_TOO_LARGE, detail, headers={"Connection": "close"})


class HeadLimit:
    """Refuses whole heads above the limit; the connection refuses those that never end."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and head_bytes(scope) > self._limit:
            await _too_large(self._limit).response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def head_bytes(scope: Scope) -> int:
    """Bytes of path, query, and names and values of headers."""
    return (
        len(scope.get("raw_path") or b"")
        + len(scope["query_string"])
        + sum([len(name) + len(value) for name, value in scope["headers"]])
    )


class Connection(HttpToolsProtocol):
    """uvicorn's connection with an eye on heads and trailers; `bounded` makes the class with the limits of settings."""

    most_head_bytes: int
    head_timeout_s: int
    pace: Pace
    transport: Outgoing
    _timer: asyncio.TimerHandle | None = None
    _drain: asyncio.TimerHandle | None = None
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Outgoing(transport, self.loop, self.pace))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)
        self.transport.lost()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.resumed()

    def data_received(self, data: bytes) -> None:
        self._head_size += len(data)
        super().data_received(data)
        if self._head_size > self.most_head_bytes and not self.transport.is_closing():
            self._refuse(_too_large(self.most_head_bytes))

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_WAITING:
            raise _TooManyWaiting
        super().on_message_begin()
        if self._timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._head_came()
        self._head_size = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        # Chunk extensions and trailers, which the parser collects, count as a head does.
        self._head_size = 0
        super().on_body(body)

    def on_response_complete(self) -> None:
        if self.cycle is not None and self.cycle.more_body and not self.transport.is_closing():
            self._drain = self.loop.call_later(DRAIN_S, self.transport.close)
        super().on_response_complete()

    def on_message_complete(self) -> None:
        # The rest of the body came after all: what the connection carries now is another request.
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None
        super().on_message_complete()

    def _await_head(self) -> None:
        self._head_size = 0
        late = Problem(TOO_SLOW, f"the head of a request is whole within {self.head_timeout_s} s")
        self._timer = self.loop.call_later(self.head_timeout_s, self._refuse, late)

    def _busy(self) -> bool:
        """A whole request, or one whose answer was begun, has no whole answer yet: nothing may be written into it."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        return bool(self.pipeline) or cycle.response_started or not cycle.more_body

    def _head_came(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's caller gives one
        """What came cannot be parsed."""
        self._refuse(MALFORMED)

    def _refuse(self, problem: Problem) -> None:
        self._head_came()
        if self._busy():
            self.transport.close()
            return
        body = orjson.dumps(problem.plain())
        status = HTTPStatus(problem.kind.status)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()


def bounded(settings: GatewaySettings) -> type[Connection]:
    """The connection class with these limits, for uvicorn."""
    pace = Pace(settings.body_timeout_s, settings.min_body_bytes_per_s)
    limits = {"most_head_bytes": settings.max_head_bytes, "head_timeout_s": settings.head_timeout_s, "pace": pace}
    return type("Bounded", (Connection,), limits)
