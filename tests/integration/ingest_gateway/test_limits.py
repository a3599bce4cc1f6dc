"""Compressed chunks are the same chunks; who asks too often is told when to come again, and others are not held up."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from pipeline.kafka import ensure_topics
from pipeline.settings import KafkaSettings
from tests.integration.ingest_gateway.conftest import ALPHA, BETA, Front, bearer, build, chunk, serving, until_ready

pytestmark = pytest.mark.integration


async def test_a_compressed_chunk_is_the_same_chunk(front: Front) -> None:
    trace = await front.open()
    plain = orjson.dumps(chunk(0))
    first = await front.ingest(trace, gzip.compress(plain), **{"Content-Encoding": "gzip"})
    assert first.status_code == 201
    for body, encoding in ((zstandard.compress(plain), "zstd"), (plain, "identity")):
        again = await front.ingest(trace, body, **{"Content-Encoding": encoding})
        assert (again.status_code, again.content) == (200, first.content)


async def test_a_caller_that_asks_too_often_waits_and_others_do_not(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    async with serving(build(kafka, tmp_path, rate_limit_caller_per_s=1), kafka) as front:
        await until_ready(front)
        trace = await front.open(token=ALPHA, consent="research")
        taken = await front.ingest(trace, chunk(0))
        assert (taken.status_code, taken.headers["RateLimit"]) == (201, '"caller";r=0;t=2')
        refused = await front.ingest(trace, chunk(1))
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (429, "rate-limited")
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["RateLimit-Policy"] == '"caller";q=2;w=2'
        await front.open(token=BETA, consent="research")
        assert "RateLimit" not in (await front.http.get("/healthz", headers=bearer(ALPHA))).headers
        await asyncio.sleep(1.1)
        assert (await front.ingest(trace, chunk(1))).status_code == 201


async def test_few_uploads_of_a_trace_are_open_at_once(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    async with serving(build(kafka, tmp_path, max_open_uploads=1), kafka) as front:
        await until_ready(front)
        trace, go = await front.open(), asyncio.Event()

        async def held() -> Any:
            yield b"x"
            await go.wait()

        url = f"/v1/traces/{trace.trace_id}/artifacts/a"
        first = asyncio.create_task(front.http.put(url, content=held(), headers=trace.headers))
        while not front.gateway.admission._uploads:  # noqa: ASYNC110 - nothing tells when the request is in
            await asyncio.sleep(0.01)
        refused = await front.ingest(trace, chunk(0))
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (429, "too-many-uploads")
        assert await front.metric("gateway_open_uploads") == await front.metric("gateway_spooled_bytes") == 1
        go.set()
        assert (await first).status_code == 201
        assert await front.metric("gateway_open_uploads") == await front.metric("gateway_spooled_bytes") == 0
        assert (await front.ingest(trace, chunk(0))).status_code == 201


async def test_where_a_key_is_required_a_chunk_without_one_is_refused(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    async with serving(build(kafka, tmp_path, idempotency="required"), kafka) as front:
        await until_ready(front)
        trace = await front.open()
        refused = await front.ingest(trace, chunk(0))
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (400, "idempotency-key-required")
        assert (await front.ingest(trace, chunk(0), **{"Idempotency-Key": "k"})).status_code == 201
