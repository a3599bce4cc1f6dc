"""Files come and go in bounded memory, whole or in ranges, and never other than they were stored."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import orjson
import pytest

from pipeline.kafka import ensure_topics
from pipeline.settings import KafkaSettings
from tests.integration.ingest_gateway.conftest import ALPHA, Front, Opened, bearer, build, chunk, serving, until_ready

pytestmark = pytest.mark.integration
BINARY = b"\0" + os.urandom(99_999)


async def put(front: Front, trace: Opened, content: object, **headers: str) -> httpx2.Response:
    url = f"/v1/traces/{trace.trace_id}/artifacts/file"
    return await front.http.put(url, content=content, headers={**trace.headers, **headers})  # type: ignore[arg-type]


async def get(front: Front, trace: Opened, sha256: str, **headers: str) -> httpx2.Response:
    return await front.http.get(f"/v1/traces/{trace.trace_id}/artifacts/{sha256}", headers={**bearer(ALPHA), **headers})


async def test_a_file_is_served_whole_or_in_ranges(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    sha256 = (await put(front, trace, BINARY)).json()["sha256"]
    whole = await get(front, trace, sha256)
    assert (whole.status_code, whole.content, whole.headers["Accept-Ranges"]) == (200, BINARY, "bytes")
    first, rest = [await get(front, trace, sha256, Range=asked) for asked in ("bytes=0-49999", "bytes=50000-")]
    assert (first.status_code, rest.status_code, first.content + rest.content) == (206, 206, BINARY)
    assert rest.headers["Content-Range"] == "bytes 50000-99999/100000"
    changed = await get(front, trace, sha256, **{"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (changed.status_code, len(changed.content)) == (200, len(BINARY))
    beyond = await get(front, trace, sha256, Range="bytes=100000-")
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */100000")
    assert beyond.headers["content-type"] == "application/problem+json"


async def test_the_same_bytes_again_are_the_same_artifact(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    first, again = await put(front, trace, BINARY), await put(front, trace, BINARY)
    assert first.content == again.content
    assert first.status_code == again.status_code == 201
    assert front.gateway.spooled_bytes.held == 0


async def test_a_file_that_was_altered_on_its_way_is_not_stored(front: Front) -> None:
    trace, end = await front.open(), await front.ends()
    refused = await put(front, trace, BINARY[:-1] + b"!", **said_of(BINARY))
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (400, "digest-mismatch")
    assert await front.ends() == end
    assert (await put(front, trace, BINARY, **said_of(BINARY))).status_code == 201


async def test_the_digest_of_a_chunk_is_that_of_its_bytes_on_the_wire(front: Front) -> None:
    trace, body = await front.open(), orjson.dumps(chunk(0))
    packed = gzip.compress(body)
    refused = await front.ingest(trace, packed, **{"Content-Encoding": "gzip"}, **said_of(body))
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (400, "digest-mismatch")
    assert (await front.ingest(trace, packed, **{"Content-Encoding": "gzip"}, **said_of(packed))).status_code == 201
    malformed = await front.ingest(trace, chunk(1), **{"Content-Digest": "sha-256=nothing"})
    assert (malformed.status_code, malformed.json()["type"].rpartition(":")[2]) == (400, "bad-parameter")


def said_of(content: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"}


async def test_a_file_that_was_altered_in_the_store_is_not_served(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    sha256 = (await put(front, trace, BINARY)).json()["sha256"]
    key = f"artifacts/alpha/{trace.trace_id}/{sha256.removeprefix('sha256:')}"
    await front.gateway.store.put(key, BINARY[:-1] + b"!")
    answer = await get(front, trace, sha256)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (500, "damaged")


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/html"}, {"Content-Type": "text/plain", "Content-Encoding": "gzip"}]
)
async def test_types_are_limited(kafka_bootstrap: str, tmp_path: Path, headers: dict[str, str]) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    async with serving(build(kafka, tmp_path, artifact_types="text/plain,image/*"), kafka) as front:
        await until_ready(front)
        trace = await front.open()
        refused = await put(front, trace, b"<p>", **headers)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (415, "unsupported-media-type")
        assert (await put(front, trace, b"text", **{"Content-Type": "text/plain"})).status_code == 201


async def test_a_big_file_takes_little_memory(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    piece, pieces = b"a line of an endless log, without any secret\n" * 1_500, 450
    sha256 = hashlib.sha256()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            sha256.update(piece)
            yield piece

    async with serving(build(kafka, tmp_path), kafka) as front:
        await until_ready(front)
        trace = await front.open()
        tracemalloc.start()
        try:
            answer = await put(front, trace, endless())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (answer.status_code, answer.json()["sha256"]) == (201, f"sha256:{sha256.hexdigest()}")
    assert peak < 12 * 1024 * 1024 < len(piece) * pieces
