"""Bodies are bounded one by one and all together, and what is held is given back however the request ends."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from starlette.requests import Request

from ingest_gateway.bodies import Body, BodyLimits, InFlight, Pace, require_json
from ingest_gateway.problems import INTERRUPTED, OVERLOADED, TOO_LARGE, TOO_SLOW, UNSUPPORTED_MEDIA_TYPE, Kind, Problem

PACE = Pace(5, 1000)


def request(*pieces: bytes, whole: bool = True, headers: dict[str, str] | None = None) -> Request:
    """A request whose body arrives in these pieces; not whole: the client goes away after them."""
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b""} if whole else {"type": "http.disconnect"})
    fields = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "path": "/", "headers": fields}, receive)


async def refused(sent: Request, limit: int, in_flight: InFlight, kind: Kind) -> None:
    with pytest.raises(Problem) as problem:
        async with Body(sent, BodyLimits(limit, PACE, in_flight)):
            raise AssertionError("it was taken")
    assert problem.value.kind is kind


async def test_a_body_is_held_as_long_as_it_is_used() -> None:
    in_flight = InFlight(10)
    async with Body(request(b"abc", b"def"), BodyLimits(6, PACE, in_flight)) as content:
        assert (content, in_flight.held) == (b"abcdef", 6)
    assert in_flight.held == 0


async def test_a_body_above_the_limit_is_refused_before_it_is_whole() -> None:
    in_flight = InFlight(100)
    await refused(request(b"abc", b"def", b"never read"), 5, in_flight, TOO_LARGE)
    assert in_flight.held == 0


async def test_bodies_together_are_bounded() -> None:
    in_flight = InFlight(10)
    async with Body(request(b"x" * 6), BodyLimits(100, PACE, in_flight)):
        await refused(request(b"y" * 6), 100, in_flight, OVERLOADED)
        assert in_flight.held == 6
        async with Body(request(b"z" * 4), BodyLimits(100, PACE, in_flight)):
            assert in_flight.held == 10
    assert in_flight.held == 0


async def test_a_client_that_goes_away_leaves_nothing_behind() -> None:
    in_flight = InFlight(10)
    await refused(request(b"abc", whole=False), 6, in_flight, INTERRUPTED)
    assert in_flight.held == 0


async def test_what_a_handler_raises_gives_the_bytes_back() -> None:
    in_flight = InFlight(10)
    with pytest.raises(ZeroDivisionError):
        async with Body(request(b"abc"), BodyLimits(6, PACE, in_flight)):
            raise ZeroDivisionError
    assert in_flight.held == 0


async def test_a_compressed_body_is_held_in_both_forms() -> None:
    in_flight, packed = InFlight(10_000), gzip.compress(b"x" * 500)
    async with Body(request(packed, headers={"content-encoding": "gzip"}), BodyLimits(500, PACE, in_flight)) as content:
        assert (content, in_flight.held) == (b"x" * 500, 500 + len(packed))
    await refused(request(packed, headers={"content-encoding": "gzip"}), 499, in_flight, TOO_LARGE)
    assert in_flight.held == 0


async def test_a_body_that_stops_coming_is_given_up() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(30)
        return {}

    slow = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    with pytest.raises(Problem) as problem:
        async with Body(slow, BodyLimits(10, Pace(0.05, 1000), InFlight(10))):
            raise AssertionError("it was taken")
    assert problem.value.kind is TOO_SLOW
    assert problem.value.response().headers["Connection"] == "close"


async def test_a_body_that_trickles_is_given_up_and_one_that_flows_is_not() -> None:
    def trickle(size: int) -> Request:
        pieces = [b"x" * size] * 10

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

        return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)

    limits = BodyLimits(10_000, Pace(0.05, 1000), InFlight(10_000))
    async with Body(trickle(200), limits) as content:
        assert len(content) == 2_000
    with pytest.raises(Problem) as problem:
        async with Body(trickle(1), limits):
            raise AssertionError("it was taken")
    assert (problem.value.kind, limits.in_flight.held) == (TOO_SLOW, 0)


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_taken(media_type: str) -> None:
    require_json(request(headers={"content-type": media_type}))


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/json"}])
def test_other_content_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Problem) as problem:
        require_json(request(headers=headers))
    assert problem.value.kind is UNSUPPORTED_MEDIA_TYPE
