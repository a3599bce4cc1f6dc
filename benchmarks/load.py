"""A load generator on raw sockets: prepared requests over kept connections, as fast as answers come or at a fixed rate.

It costs about a tenth of what a server spends, so that the server is what is measured. Run it on a core of its own.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import uvloop

Requests = Iterator[bytes]
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run saw: answers by status, seconds of each answer in order of arrival, seconds of the whole run."""

    statuses: dict[int, int]
    latencies_s: Sequence[float]
    took_s: float

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.latencies_s) / self.took_s

    def quantile_ms(self, share: float) -> float:
        """The latency that this share of the answers did not exceed, milliseconds."""
        return 1000 * statistics.quantiles(self.latencies_s, n=1000, method="inclusive")[round(share * 1000) - 1]


class Connection(asyncio.Protocol):
    """One kept connection with at most one request under way. `idle` is told when an answer is whole."""

    def __init__(self, idle: Callable[["Connection", int], None]) -> None:
        self._idle = idle
        self._received = b""
        self._transport: asyncio.WriteTransport
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def send(self, request: bytes, asked_at: float) -> None:
        """Send a request; the clock of its latency began at `asked_at`."""
        self.asked_at = asked_at
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(HEAD_END)
        if found and len(body) >= _length(head):
            self._received = b""
            self._idle(self, int(head[9:12]))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


def _length(head: bytes) -> int:
    at = head.lower().find(LENGTH)
    return int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0


class Run:
    """One measurement over `connections`, each with its own endless supply of requests."""

    def __init__(self, supplies: Sequence[Requests]) -> None:
        self._supplies = list(supplies)
        self._of: dict[Connection, Requests] = {}
        self._free: list[Connection] = []
        self._waiting: list[float] = []
        self._open = True
        self._closed_loop = True
        self.statuses: dict[int, int] = {}
        self.latencies_s: list[float] = []

    async def connect(self, port: int) -> None:
        """Open all connections to 127.0.0.1."""
        loop = asyncio.get_running_loop()
        for supply in self._supplies:
            _, connection = await loop.create_connection(lambda: Connection(self._answered), "127.0.0.1", port)
            self._of[connection] = supply
        self._free = list(self._of)

    async def flat_out(self, seconds: float) -> float:
        """Every connection asks again as soon as it is answered. Returns the seconds it took."""
        began = time.perf_counter()
        for connection in self._free:
            connection.send(next(self._of[connection]), began)
        await asyncio.sleep(seconds)
        return self._end(began)

    async def at_rate(self, per_s: float, seconds: float) -> float:
        """Ask at fixed times whatever the answers do; a request without a free connection waits, and its clock runs."""
        self._closed_loop = False
        began = time.perf_counter()
        for number in range(int(per_s * seconds)):
            due = began + number / per_s
            if (pause := due - time.perf_counter()) > 0.0005:
                await asyncio.sleep(pause)
            self._ask(due)
        while self._waiting or len(self._free) < len(self._of):  # noqa: ASYNC110  # a millisecond late costs nothing here
            await asyncio.sleep(0.001)
        return self._end(began)

    def _end(self, began: float) -> float:
        self._open = False
        took = time.perf_counter() - began
        for connection in self._of:
            connection.close()
        return took

    def _ask(self, due: float) -> None:
        if self._free:
            connection = self._free.pop()
            connection.send(next(self._of[connection]), due)
        else:
            self._waiting.append(due)

    def _answered(self, connection: Connection, status: int) -> None:
        now = time.perf_counter()
        if not self._open:
            return
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies_s.append(now - connection.asked_at)
        if self._closed_loop:
            connection.send(next(self._of[connection]), now)
        elif self._waiting:
            connection.send(next(self._of[connection]), self._waiting.pop(0))
        else:
            self._free.append(connection)


def load(port: int, supplies: Sequence[Requests], seconds: float, per_s: float | None = None) -> Outcome:
    """Load a server on 127.0.0.1 for some seconds: flat out, or at a rate."""

    async def measure() -> Outcome:
        run = Run(supplies)
        await run.connect(port)
        took = await (run.flat_out(seconds) if per_s is None else run.at_rate(per_s, seconds))
        return Outcome(run.statuses, run.latencies_s, took)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure())
