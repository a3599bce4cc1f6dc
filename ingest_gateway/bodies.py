"""Request bodies: read with a running size cap, inside a bound on all bytes in flight.

Content-length is not trusted.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from ingest_gateway.problems import INTERRUPTED, OVERLOADED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Problem


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


def require_json(request: Request) -> None:
    """Raises Problem unless the body says that it is JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "send application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "send the body without a content encoding")


@asynccontextmanager
async def body(request: Request, limit: int, in_flight: InFlight) -> AsyncIterator[bytes]:
    """The whole body, counted as in flight until the context ends. Raises Problem when it is longer than `limit`."""
    pieces: list[bytes] = []
    size = 0

    def counted(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        in_flight.take(len(piece))
        pieces.append(piece)
        if size > limit:
            raise Problem(TOO_LARGE, f"at most {limit} bytes are taken")

    try:
        await _read(request, counted)
        yield b"".join(pieces)
    finally:
        in_flight.held -= size


async def _read(request: Request, take: Callable[[bytes], None]) -> None:
    try:
        async for piece in request.stream():
            take(piece)
    except ClientDisconnect:
        raise Problem(INTERRUPTED, "the connection closed before the body was whole") from None
