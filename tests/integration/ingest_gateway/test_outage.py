"""The broker goes and comes back: 503 with Retry-After meanwhile, quickly, and recovery without help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from pipeline.kafka import ensure_topics
from tests.integration.ingest_gateway.conftest import TRACE, bearer, build, chunk, serving, until_ready
from tests.support.brokers import Broker, own_broker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with own_broker(tmp_path) as made:
        yield made


def assert_waits(answer: httpx2.Response) -> None:
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("log-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_outage_and_recovery(broker: Broker, tmp_path: Path) -> None:
    gateway = build(broker.kafka, tmp_path / "objects")
    async with serving(gateway, broker.kafka) as front:
        # It starts without a broker and says so.
        assert (await front.http.get("/healthz")).status_code == 200
        assert (await front.http.get("/readyz")).status_code == 503
        given = {**TRACE, "consent": "research"}
        assert_waits(await front.http.post("/v1/traces", json=given, headers=bearer("dev_token_12345")))

        await broker.start()
        await ensure_topics(broker.kafka)
        await until_ready(front, 30)
        trace = await front.open()
        assert (await front.ingest(trace, chunk(0))).status_code == 201

        # It loses the broker: the first to notice waits for the time-out, the next ones do not wait.
        broker.kill()
        began = time.monotonic()
        stuck = asyncio.create_task(front.ingest(trace, chunk(1)))
        while not await front.metric("gateway_log_waiting_bytes"):  # noqa: ASYNC110 - over HTTP there is nothing to wait on
            await asyncio.sleep(0.01)
        assert await front.metric("gateway_log_waiting_records") == 1
        assert_waits(await stuck)
        assert time.monotonic() - began < 8
        assert await front.metric("gateway_log_waiting_records") == await front.metric("gateway_log_waiting_bytes") == 0
        began = time.monotonic()
        assert_waits(await front.ingest(trace, chunk(1)))
        assert time.monotonic() - began < 1
        assert (await front.http.get("/readyz")).status_code == 503
        assert (await front.ingest(trace, chunk(0))).status_code == 200
        assert front.gateway.body_limits.in_flight.held == 0

        # It finds the broker again by itself, and the retried chunk is taken.
        await broker.start()
        await until_ready(front, 60)
        assert (await front.ingest(trace, chunk(1))).status_code == 201
        chunks = [record for _, _, record in await front.records(trace.trace_id)]
        assert {getattr(record, "chunk_seq", None) for record in chunks} == {None, 0, 1}
