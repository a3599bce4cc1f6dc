"""Request bodies: read with a running size cap and against the clock, inside a bound on all bytes in flight.

Content-length is not trusted.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from ingest_gateway.content_digest import ContentDigest
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


class Body:
    """The whole body, out of its encoding, counted as in flight until the context ends. Entering it raises Problem."""

    def __init__(self, request: Request, limits: BodyLimits) -> None:
        self._request, self._limits = request, limits
        self._pieces: list[bytes] = []
        self._size = 0

    async def __aenter__(self) -> bytes:
        try:
            return await self._content()
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._release()

    async def _content(self) -> bytes:
        encoding = supported(self._request.headers.get("content-encoding"))
        await read(self._request, self._take, self._limits.pace)
        content = b"".join(self._pieces)
        self._pieces.clear()
        if encoding != "identity":
            content = decoded(content, encoding, self._limits.most_bytes)
            self._count(len(content))
        return content

    def _take(self, piece: bytes) -> None:
        self._count(len(piece))
        self._pieces.append(piece)
        if self._size > self._limits.most_bytes:
            raise Problem(TOO_LARGE, f"at most {self._limits.most_bytes} bytes are taken")

    def _count(self, size: int) -> None:
        self._size += size
        self._limits.in_flight.take(size)

    def _release(self) -> None:
        self._limits.in_flight.held -= self._size
        self._size = 0


async def read(request: Request, take: Callable[[bytes], None], pace: Pace) -> None:
    """Give every piece of the body to `take`. Raises Problem when the client goes away, is too slow, or said another
    digest."""
    now, received = asyncio.get_running_loop().time, 0
    digest = ContentDigest(request.headers.getlist("content-digest"))
    began = now()
    try:
        async with asyncio.timeout_at(began + pace.allowed_s(0)) as timer:
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise Problem(INTERRUPTED, "the connection closed before the body was whole")
                piece = message.get("body", b"")
                take(piece)
                digest.feed(piece)
                if not message.get("more_body", False):
                    return digest.check()
                received += len(piece)
                timer.reschedule(began + pace.allowed_s(received))
    except TimeoutError:
        detail = f"a body comes within {pace.grace_s:g} s and a second for every {pace.bytes_per_s} bytes"
        raise Problem(TOO_SLOW, detail, headers={"Connection": "close"}) from None
