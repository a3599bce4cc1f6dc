"""A gateway process under long load, and under a broker that stands still: its memory has a bound and keeps to it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import orjson
import pytest
import uvloop

from pipeline.kafka import ensure_topics
from schemas.codec import decode
from schemas.records import EventsAppended, Record
from tests.integration.ingest_gateway.conftest import chunk, note
from tests.support import log
from tests.support.brokers import Broker, own_broker
from tests.support.gateways import Replica, replicas
from tests.support.hostile import MIB, head
from tests.support.load import Answers, push

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]
CONNECTIONS, TRACES = 64, 50
CHUNKS = 200_000
REPLAY_MIB, IN_FLIGHT_MIB = 64, 16
# Beside what settings bound; docs/security.md states it.
WORKING_MIB = 64
FLAT_MIB = 8
# A chunk that waits for the log: its body, its events, its record, and once more its record in what timed out before.
COPIES = 4
CHUNKS_AT_ONCE, EVENTS, FEW, FROZEN_S = 300, 800, 16, 12


@asynccontextmanager
async def _gateway(folder: Path, **settings: str) -> AsyncIterator[tuple[Broker, Replica]]:
    """One on a broker of its own."""
    with own_broker(folder) as broker, replicas(broker.kafka, folder) as [replica]:
        await broker.start()
        await ensure_topics(broker.kafka)
        replica.start(settings)
        await replica.ready()
        yield broker, replica


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """A loop as fast as the gateway's, so that the client is not what limits."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as one:
        yield one


async def _heads(replica: Replica, count: int) -> list[bytes]:
    """The heads of uploads to so many new traces, up to their lengths."""
    async with httpx2.AsyncClient(timeout=60) as http:
        opened = [await replica.open(http) for _ in range(count)]
    return [
        head(
            f"/v1/traces/{trace['trace_id']}/events:ingest",
            f"Authorization: Bearer {trace['upload_token']}",
            "Content-Type: application/json",
        )[:-2]
        for trace in opened
    ]


def _requests(heads: list[bytes], count: int, events: int = 1, text: str = "because") -> Iterator[bytes]:
    """Chunks of so many events, to one trace after the other, each with a key."""
    for number in range(count):
        seq = number // len(heads)
        body = orjson.dumps(chunk(seq, *[note(seq * events + i, text) for i in range(events)]))
        lines = f"Idempotency-Key: chunk-{seq}\r\nContent-Length: {len(body)}\r\n\r\n"
        yield heads[number % len(heads)] + lines.encode() + body


async def _resident(replica: Replica, answers: Answers, samples: list[tuple[int, float]]) -> None:
    """Every half second: how many answers there were, and the memory then."""
    while True:
        samples.append((answers.total, replica.resident_mib()))
        await asyncio.sleep(0.5)


@asynccontextmanager
async def _watched(replica: Replica, answers: Answers) -> AsyncIterator[list[tuple[int, float]]]:
    samples: list[tuple[int, float]] = []
    watching = asyncio.create_task(_resident(replica, answers, samples))
    try:
        yield samples
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


@pytest.mark.slow
def test_memory_is_flat_over_200_000_chunks(runner: asyncio.Runner, tmp_path: Path) -> None:
    runner.run(_flat(tmp_path))


async def _flat(folder: Path) -> None:
    async with _gateway(folder, MAX_REPLAY_BYTES=str(REPLAY_MIB * MIB)) as (broker, replica):
        idle, answers = replica.resident_mib(), Answers()
        heads = await _heads(replica, TRACES)
        async with _watched(replica, answers) as samples:
            await push(replica.port, _requests(heads, CHUNKS), CONNECTIONS, answers)
        print(samples[:: max(1, len(samples) // 40)])  # noqa: T201 - the course of it, where it fails
        assert answers.by_status == {201: CHUNKS}
        assert await log.end(broker.kafka) == CHUNKS + TRACES
    half = [mib for done, mib in samples if done >= CHUNKS // 2]
    assert max(half) - half[0] < FLAT_MIB
    assert max(mib for _, mib in samples) < idle + REPLAY_MIB + WORKING_MIB


@pytest.mark.slow
def test_a_broker_that_stands_still_is_answered_before_memory_grows(runner: asyncio.Runner, tmp_path: Path) -> None:
    runner.run(_frozen(tmp_path))


async def _frozen(folder: Path) -> None:
    async with _gateway(folder, MAX_IN_FLIGHT_BYTES=str(IN_FLIGHT_MIB * MIB)) as (broker, replica):
        heads = await _heads(replica, TRACES)
        chunks = list(_requests(heads, CHUNKS_AT_ONCE, EVENTS))
        with replica.peak() as memory:
            with broker.frozen():
                refused = await _push_hard(replica, chunks)
            await replica.ready()
            again = Answers()
            await push(replica.port, iter(chunks), FEW, again)
        print(memory, refused, again)  # noqa: T201 - the figures, where it fails
        assert set(refused.by_status) <= {409, 503}
        assert refused.by_status[503] > CHUNKS_AT_ONCE
        assert refused.without_retry_after == 0
        assert again.total == CHUNKS_AT_ONCE
        assert set(again.by_status) <= {200, 201}
        held = {(r.trace_id, r.chunk_seq) for r in await _decoded(broker) if isinstance(r, EventsAppended)}
        assert len(held) == CHUNKS_AT_ONCE
    assert memory.growth_mib < COPIES * IN_FLIGHT_MIB + WORKING_MIB


async def _push_hard(replica: Replica, chunks: list[bytes]) -> Answers:
    """All of them again and again, for longer than the gateway waits for the log."""
    refused, deadline = Answers(), time.monotonic() + FROZEN_S
    again = itertools.takewhile(lambda _: time.monotonic() < deadline, itertools.cycle(chunks))
    await push(replica.port, again, CHUNKS_AT_ONCE, refused)
    return refused


async def _decoded(broker: Broker) -> list[Record]:
    return [decode(record.value) for record in await log.records(broker.kafka)]
