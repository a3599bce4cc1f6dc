"""Request bodies: read with a running size cap and against the clock, inside a bound on all bytes in flight.

Content-length is not trusted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from ingest_gateway.encodings import decoded, supported
from ingest_gateway.problems import INTERRUPTED, OVERLOADED, TOO_LARGE, TOO_SLOW, UNSUPPORTED_MEDIA_TYPE, Problem


class InFlight:
    """Bytes of request bodies held at this moment, at most `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    def take(self, size: int) -> None:
        """Count bytes in. Raises Problem where they are too many; they are counted nonetheless until released."""
        self.held += size
        if self.held > self._limit:
            raise Problem(OVERLOADED, "too many bytes are waiting for the log", retry_after_s=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly a body may come: `grace_s` seconds, and one more for every `bytes_per_s` bytes that came."""

    grace_s: float
    bytes_per_s: int

    def allowed_s(self, received: int) -> float:
        """Seconds since the body began at which more than these bytes must be there."""
        return self.grace_s + received / self.bytes_per_s


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What every body is held to. `most_bytes` counts before and after decompression."""

    most_bytes: int
    pace: Pace
    in_flight: InFlight


def require_json(request: Request) -> None:
    """Raises Problem unless the body says that it is JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "send application/json")


@asynccontextmanager
async def body(request: Request, limits: BodyLimits) -> AsyncIterator[bytes]:
    """The whole body, out of its encoding, counted as in flight until the context ends. Raises Problem."""
    encoding = supported(request.headers.get("content-encoding"))
    pieces: list[bytes] = []
    size = 0

    def counted(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        limits.in_flight.take(len(piece))
        pieces.append(piece)
        if size > limits.most_bytes:
            raise Problem(TOO_LARGE, f"at most {limits.most_bytes} bytes are taken")

    try:
        await read(request, counted, limits.pace)
        content = b"".join(pieces)
        pieces.clear()
        if encoding != "identity":
            content = decoded(content, encoding, limits.most_bytes)
            size += len(content)
            limits.in_flight.take(len(content))
        yield content
    finally:
        limits.in_flight.held -= size


async def read(request: Request, take: Callable[[bytes], None], pace: Pace) -> None:
    """Give every piece of the body to `take`. Raises Problem when the client goes away or is too slow."""
    now, received = asyncio.get_running_loop().time, 0
    began = now()
    try:
        async with asyncio.timeout_at(began + pace.allowed_s(0)) as timer:
            async for piece in request.stream():
                take(piece)
                received += len(piece)
                timer.reschedule(began + pace.allowed_s(received))
    except ClientDisconnect:
        raise Problem(INTERRUPTED, "the connection closed before the body was whole") from None
    except TimeoutError:
        detail = f"a body comes within {pace.grace_s:g} s and a second for every {pace.bytes_per_s} bytes"
        raise Problem(TOO_SLOW, detail, headers={"Connection": "close"}) from None
