"""A client for long load: requests as ready bytes over connections that stay open, answers counted and not kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class Answers:
    """What came back: how many by status, and those above 499 that do not say when to come again."""

    by_status: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0

    @property
    def total(self) -> int:
        """How many answers there were."""
        return self.by_status.total()

    def count(self, head: bytes) -> None:
        """One more answer."""
        status = int(head[9:12])
        self.by_status[status] += 1
        self.without_retry_after += status > 499 and b"retry-after:" not in head.lower()


async def push(port: int, requests: Iterator[bytes], connections: int, answers: Answers) -> None:
    """Send all requests, each connection one after the other; a connection that ends is opened again."""

    async def one() -> None:
        while True:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                if await _exhausted(port, requests, answers):
                    return

    await asyncio.gather(*[one() for _ in range(connections)])


async def _exhausted(port: int, requests: Iterator[bytes], answers: Answers) -> bool:
    """Send over one connection until there are no more requests."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            answers.count(head)
    finally:
        writer.transport.abort()
    return True


def _length(head: bytes) -> int:
    """The `content-length` of an answer of ours, which all have."""
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
