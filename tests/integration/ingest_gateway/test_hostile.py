"""Hundreds of connections that mean harm, against a gateway process on a real socket: each is refused or cut, nothing
is a 5xx, memory stays flat, every descriptor comes back, and whoever means well is served all the while.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from pipeline.kafka import ensure_topics
from pipeline.settings import KafkaSettings
from tests.integration.ingest_gateway.conftest import chunk
from tests.support.gateways import Replica, replicas
from tests.support.hostile import (
    MIB,
    PIECE,
    Outcome,
    attack,
    drips,
    gzip_bomb,
    head,
    hold,
    reset,
    zstd_bomb,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
MANY = 300
FLAT_MIB = 48
SERVED, SERVED_WITHIN_S = 3, 5.0
# Short, so that who is waited for is not waited for long; and one trace may have all the uploads of an attack.
IMPATIENT = {
    "HEAD_TIMEOUT_S": "2",
    "BODY_TIMEOUT_S": "2",
    "MIN_BODY_BYTES_PER_S": "1048576",
    "MAX_OPEN_UPLOADS": "1000",
}


@dataclass
class Target:
    """A gateway and a trace on it."""

    replica: Replica
    http: httpx2.AsyncClient
    trace_id: str
    token: str
    seqs: Iterator[int]

    def ingest(self, *lines: str) -> bytes:
        """The head of a chunk that the trace's own client may send."""
        path = f"/v1/traces/{self.trace_id}/events:ingest"
        return head(path, f"Authorization: Bearer {self.token}", "Content-Type: application/json", *lines)

    async def send(self) -> float:
        """A good chunk; seconds until it was taken."""
        began = time.monotonic()
        url = f"{self.replica.url}/v1/traces/{self.trace_id}/events:ingest"
        answer = await self.http.post(
            url, json=chunk(next(self.seqs)), headers={"Authorization": f"Bearer {self.token}"}
        )
        assert answer.status_code == 201, answer.text
        return time.monotonic() - began


@pytest.fixture(scope="module")
def replica(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    asyncio.run(ensure_topics(kafka))
    with replicas(kafka, tmp_path_factory.mktemp("hostile")) as [one]:
        one.start(IMPATIENT)
        asyncio.run(one.ready())
        yield one


@pytest.fixture
async def target(replica: Replica) -> AsyncIterator[Target]:
    async with httpx2.AsyncClient(timeout=30) as http:
        created = await replica.open(http)
        yield Target(replica, http, created["trace_id"], created["upload_token"], itertools.count())


@asynccontextmanager
async def unharmed(target: Target) -> AsyncIterator[None]:
    """Meanwhile a good client is served, and afterwards nothing is left of what happened."""
    await target.send()
    before, stop = target.replica.descriptors(), asyncio.Event()
    with target.replica.peak() as memory:
        good = asyncio.create_task(_served(target, stop))
        try:
            yield
        finally:
            stop.set()
            waits = await good
    assert max(waits) < SERVED_WITHIN_S
    assert memory.growth_mib < FLAT_MIB, memory
    async with asyncio.timeout(20):
        while target.replica.descriptors() > before:  # noqa: ASYNC110 - another process frees them
            await asyncio.sleep(0.1)
    assert await target.replica.answers_with_5xx() == []


async def _served(target: Target, stop: asyncio.Event) -> list[float]:
    waits: list[float] = []
    while not stop.is_set() or len(waits) < SERVED:
        waits.append(await target.send())
        await asyncio.sleep(0.05)
    return waits


async def _together(count: int, one: Callable[[], Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*[one() for _ in range(count)])


@dataclass(frozen=True)
class Attack:
    """What a connection sends, and how it may be answered."""

    pieces: Callable[[Target], Iterable[bytes]]
    answers: frozenset[int]
    pause_s: float = 0.0


def _raw(content: bytes, *answers: int) -> Attack:
    return Attack(lambda _: [content], frozenset(answers))


def _endless(begin: bytes, piece: bytes, *answers: int) -> Attack:
    return Attack(lambda _: itertools.chain([begin], itertools.repeat(piece)), frozenset(answers))


def _body(line: str, pieces: Iterable[bytes], *answers: int, pause_s: float = 0.0) -> Attack:
    """An upload that its trace allows, with a body that is no good."""
    return Attack(lambda target: itertools.chain([target.ingest(line)], pieces), frozenset(answers), pause_s)


GET, CHUNKED = head("/healthz", method="GET"), "Transfer-Encoding: chunked"
FILLER = b"X-More: " + b"y" * 500 + b"\r\n"
SLOW = {
    "silence": _raw(b"", 408),
    "a head byte by byte": Attack(lambda _: drips(GET), frozenset({408}), 0.4),
    "a body byte by byte": _body("Content-Length: 1000", drips(bytes(1000)), 408, pause_s=0.4),
    "a chunked body byte by byte": _body(CHUNKED, [b"1\r\nx\r\n"] * 1000, 408, pause_s=0.4),
    "a body that never comes": _body("Content-Length: 1000", [], 408),
}
ENDLESS = {
    "chunked body": _body(CHUNKED, [b"10000\r\n" + bytes(PIECE) + b"\r\n"] * 4096, 413),
    "body": _body(f"Content-Length: {1 << 40}", [bytes(PIECE)] * 4096, 413),
    "chunk extension": _body(CHUNKED, [b"1;", *[b"y" * PIECE] * 4096], 431),
    "trailers": _body(CHUNKED, [b"2\r\n{}\r\n0\r\n", *[FILLER * 100] * 10_000], 431),
    "headers": _endless(GET[:-2], FILLER, 431),
    "header": _endless(GET[:-2] + b"X: ", b"y" * PIECE, 431),
    "request line": _endless(b"GET /", b"y" * PIECE, 431),
}
GARBAGE = {
    "noise": _raw(bytes(range(256)) * 40, 400),
    "TLS": _raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400),
    "HTTP/2": _raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 400),
    "two lengths": _raw(head("/healthz", "Content-Length: 5", "Content-Length: 6", method="GET"), 400),
    "length and chunks": _raw(head("/v1/traces", "Content-Length: 5", CHUNKED) + b"0\r\n\r\n", 400),
    "negative length": _raw(head("/v1/traces", "Content-Length: -5"), 400),
    "chunk size of no number": _body(CHUNKED, [b"zz\r\n"], 400),
    "endless chunk size": _body(CHUNKED, [b"f" * 40 + b"\r\n"], 400),
}
BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("gzip", lambda: gzip_bomb(512 * MIB)),
    "gzip with an end of its own": ("gzip", lambda: gzip_bomb(64 * MIB) + bytes(1000)),
    "zstd": ("zstd", lambda: zstd_bomb(2048 * MIB, promised=False)),
    "zstd that tells its size": ("zstd", lambda: zstd_bomb(2048 * MIB, promised=True)),
}


async def test_many_slow_clients_are_given_up(target: Target) -> None:
    async with unharmed(target):
        outcomes = await _each(
            SLOW, lambda a: attack(target.replica.port, a.pieces(target), a.pause_s), MANY // len(SLOW)
        )
    _assert_refused(outcomes, SLOW)


async def _each(
    attacks: dict[str, Attack], one: Callable[[Attack], Awaitable[Outcome]], count: int
) -> dict[str, list[Outcome]]:
    """So many connections of each kind, all at once."""
    kinds = [asyncio.gather(*[one(kind) for _ in range(count)]) for kind in attacks.values()]
    return dict(zip(attacks, await asyncio.gather(*kinds), strict=True))


def _assert_refused(outcomes: dict[str, list[Outcome]], attacks: dict[str, Attack]) -> None:
    """Each was ended by the server, with an answer that was to be expected or, where it could not be read any more,
    with none."""
    assert {name for name, of_one in outcomes.items() if not all(outcome.closed for outcome in of_one)} == set()
    answered = {name: set().union(*[outcome.statuses for outcome in of_one]) for name, of_one in outcomes.items()}
    assert {name: found for name, found in answered.items() if not found <= attacks[name].answers} == {}
    assert any(answered.values())


async def test_what_never_ends_is_refused_before_it_fills_memory(target: Target) -> None:
    async with unharmed(target):
        outcomes = await _each(ENDLESS, lambda a: attack(target.replica.port, a.pieces(target)), 8)
    _assert_refused(outcomes, ENDLESS)


@pytest.mark.parametrize("name", BOMBS)
async def test_bombs_do_not_go_off(target: Target, name: str) -> None:
    encoding, make = BOMBS[name]
    body = make()
    request = target.ingest(f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}", "Connection: close") + body
    bombs = {name: _raw(request, 413)}
    async with unharmed(target):
        for _ in range(3):
            _assert_refused(await _each(bombs, lambda a: attack(target.replica.port, a.pieces(target)), 8), bombs)


async def test_what_is_no_request_is_refused(target: Target) -> None:
    async with unharmed(target):
        outcomes = await _each(GARBAGE, lambda a: attack(target.replica.port, a.pieces(target)), 40)
    _assert_refused(outcomes, GARBAGE)


async def test_requests_without_reading_answers_are_cut_off(target: Target) -> None:
    pipelined = head("/openapi.json", method="GET")
    until = asyncio.Event()
    async with unharmed(target):
        # As many as may wait, and far more: neither is answered into memory.
        held = [asyncio.create_task(hold(target.replica.port, pipelined * n, until)) for n in [30, 8000] * 50]
        async with asyncio.timeout(30):
            while target.replica.descriptors() < 40:  # noqa: ASYNC110 - another process opens them
                await asyncio.sleep(0.01)
            while target.replica.descriptors() > 30:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        until.set()
        await asyncio.gather(*held)


async def test_pipelined_requests_are_answered_in_order(target: Target) -> None:
    last = head("/nowhere", "Connection: close", method="GET")
    outcome = await attack(target.replica.port, [GET * 20 + last])
    assert [int(part[:3]) for part in outcome.received.split(b"HTTP/1.1 ")[1:]] == [200] * 20 + [404]


async def test_half_closed_and_broken_connections_leave_nothing(target: Target) -> None:
    port = target.replica.port
    async with unharmed(target):
        outcomes = await _together(
            MANY, lambda: attack(port, [target.ingest("Content-Length: 9"), b"{"], half_close=True)
        )
        outcomes += await _together(MANY, lambda: attack(port, [GET[:20]], half_close=True))
        assert all(outcome.closed for outcome in outcomes)
        assert {status for outcome in outcomes for status in outcome.statuses} <= {400, 408, 429}
        for content in (b"", GET[:20], GET, target.ingest("Content-Length: 99") + b"{"):
            await _together(MANY, lambda content=content: reset(port, content))  # type: ignore[misc]


async def test_when_descriptors_run_out_the_gateway_recovers(target: Target) -> None:
    pid, room = target.replica.process.pid, target.replica.descriptors() + 20
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (room, usual[1]))
    try:
        await _together(MANY, lambda: attack(target.replica.port, []))
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    async with unharmed(target):
        await asyncio.sleep(0.3)
