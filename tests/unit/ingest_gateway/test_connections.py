"""On a real socket: a head that never ends or grows too large is refused, and who goes on after that is cut off, as is
who asks for more than it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest_gateway import connections
from ingest_gateway.bodies import Body, BodyLimits, InFlight, Pace
from ingest_gateway.connections import HeadLimit, bounded, head_bytes
from ingest_gateway.problems import Problem
from pipeline.settings import GatewaySettings

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
HUGE = bytes(16 * 1024 * 1024)
LIMITS = BodyLimits(100, Pace(0.3, 1000), InFlight(1000))


async def _answers(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes a body of at most 100 bytes; /huge answers with more than any socket holds, /later after a while."""
    request = Request(scope, receive)
    if scope["path"] == "/huge":
        await Response(HUGE)(scope, receive, send)
        return
    if scope["path"] == "/later":
        await asyncio.sleep(0.2)
    status, extra = 200, []
    try:
        async with Body(request, LIMITS):
            pass
    except Problem as problem:
        status, extra = problem.kind.status, [(b"connection", b"close")] if problem.kind.status == 408 else []
    headers = [(b"content-length", b"0"), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    kind = bounded(GatewaySettings(max_head_bytes=1000))
    kind.head_timeout_s = 0.3  # type: ignore[assignment]
    kind.pace = Pace(0.3, 1 << 23)
    monkeypatch.setattr(connections, "DRAIN_S", 0.3)
    config = uvicorn.Config(
        HeadLimit(_answers, 1000), http=kind, ws="none", lifespan="off", log_config=None, port=0, host="127.0.0.1"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - the server sends no word of it
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def _exchange(port: int, *pieces: bytes, pause_s: float = 0.0) -> tuple[bytes, bool]:
    """What comes back for these pieces, and whether the server then closes within three seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received: list[bytes] = []

    async def listen() -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                received.append(piece)

    listening = asyncio.create_task(listen())
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
    done, _ = await asyncio.wait((listening,), timeout=3)
    listening.cancel()
    writer.close()
    return b"".join(received), bool(done)


async def test_a_whole_request_is_served_and_the_next_one_on_its_connection(port: int) -> None:
    last = b"Connection: close\r\n\r\n"
    answer, _ = await _exchange(port, GET + b"\r\n", GET + last, pause_s=0.2)
    assert answer.count(b"200 OK") == 2


async def test_silence_is_not_waited_for(port: int) -> None:
    answer, closed = await _exchange(port)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout")
    assert closed


async def test_a_head_byte_by_byte_is_given_up(port: int) -> None:
    head = [bytes([byte]) for byte in GET]
    answer, closed = await _exchange(port, *head, pause_s=0.03)
    assert b"urn:pr-telemetry:problem:too-slow" in answer
    assert closed


async def test_an_endless_head_is_refused_before_it_ends(port: int) -> None:
    answer, closed = await _exchange(port, GET, *[b"X-More: " + b"y" * 200 + b"\r\n"] * 8, pause_s=0.01)
    assert b"431 Request Header Fields Too Large" in answer
    assert closed


async def test_a_whole_head_that_is_too_large_is_refused(port: int) -> None:
    answer, _ = await _exchange(port, GET + b"X: " + b"y" * 1000 + b"\r\n\r\n")
    assert b" 431 " in answer
    assert b"urn:pr-telemetry:problem:head-too-large" in answer


async def test_a_body_that_stalls_is_given_up(port: int) -> None:
    answer, closed = await _exchange(port, GET.replace(b"GET", b"PUT") + b"Content-Length: 50\r\n\r\nabc")
    assert b" 408 " in answer
    assert closed


async def test_who_sends_on_after_the_answer_is_cut_off(port: int) -> None:
    head = GET.replace(b"GET", b"PUT") + b"Content-Length: 100000\r\n\r\n"
    answer, closed = await _exchange(port, head + b"x" * 200, *[b"x"] * 60, pause_s=0.01)
    assert closed
    assert b" 413 " in answer


async def test_a_connection_whose_refused_body_came_in_the_end_serves_on(port: int) -> None:
    head = GET.replace(b"GET", b"PUT") + b"Content-Length: 300\r\n\r\n"
    last = GET + b"Connection: close\r\n\r\n"
    answer, _ = await _exchange(port, head + b"x" * 200, b"x" * 100, b"", last, pause_s=0.15)
    assert b" 413 " in answer
    assert b" 200 " in answer


async def test_trailers_count_as_a_head_does(port: int) -> None:
    head = GET.replace(b"GET", b"PUT") + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"
    answer, closed = await _exchange(port, head, *[b"X: " + b"y" * 300 + b"\r\n"] * 8, pause_s=0.01)
    assert b" 431 " in answer
    assert closed
    for framing in (b"X: " + b"y" * 2000, b"1;" + b"y" * 2000):
        answer, closed = await _exchange(port, head[: -len(b"0\r\n")], framing, pause_s=0.01)
        assert b" 431 " in answer or b" 400 " in answer
        assert closed


async def test_a_large_body_in_many_chunks_is_no_large_head(port: int) -> None:
    head = GET.replace(b"GET", b"PUT") + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer, _ = await _exchange(port, head, *[b"1\r\nx\r\n"] * 90, b"0\r\n\r\n")
    assert b" 200 " in answer


async def test_what_is_no_http_is_a_problem(port: int) -> None:
    answer, closed = await _exchange(port, b"\x16\x03\x01 hello\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"urn:pr-telemetry:problem:malformed-request" in answer
    assert closed


async def test_nothing_is_written_into_the_answer_of_an_earlier_request(port: int) -> None:
    whole = GET.replace(b"/ ", b"/later ") + b"\r\n"
    answer, closed = await _exchange(port, whole + b"no request\r\n\r\n")
    assert (answer, closed) == (b"", True)


async def test_as_many_requests_as_may_wait_are_answered_and_more_are_not(port: int) -> None:
    whole, last = GET + b"\r\n", GET + b"Connection: close\r\n\r\n"
    answer, _ = await _exchange(port, whole * connections.MOST_WAITING + last)
    assert answer.count(b" 200 ") == connections.MOST_WAITING + 1
    answer, closed = await _exchange(port, whole * (connections.MOST_WAITING + 2))
    assert closed
    assert b" 200 " not in answer


@pytest.mark.parametrize("end", [b"\r\n", b"Connection: close\r\n\r\n"])
async def test_who_does_not_take_the_answer_is_cut_off(port: int, end: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.write(GET.replace(b"/ ", b"/huge ") + end)
    await asyncio.sleep(3)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(len(HUGE))
    writer.transport.abort()


async def test_who_takes_the_answer_slowly_gets_it_whole(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.write(GET.replace(b"/ ", b"/huge ") + b"Connection: close\r\n\r\n")
    received = 0
    while piece := await reader.read(1 << 20):
        received += len(piece)
        await asyncio.sleep(0.004)
    assert received > len(HUGE)
    writer.close()


def test_head_bytes_count_all_that_the_client_chose() -> None:
    assert head_bytes({"raw_path": b"/abc", "query_string": b"q=1", "headers": [(b"host", b"x"), (b"a", b"")]}) == 13
