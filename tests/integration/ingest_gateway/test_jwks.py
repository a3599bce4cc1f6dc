"""Callers with a JWT are let in by the keys of a file or URL that changes under way, until they are revoked."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.access import revocation_topic_key
from pipeline.clock import now_us
from pipeline.kafka import ensure_topics, make_producer
from pipeline.settings import KafkaSettings
from schemas.topics import CONTROL
from tests.integration.ingest_gateway.conftest import TRACE, Front, bearer, build, serving, until_ready
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running

pytestmark = pytest.mark.integration
FIRST, SECOND = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (7, 8))


def publish(path: Path, **keys: Ed25519PrivateKey) -> None:
    entries = [{**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(k.public_key())), "kid": n} for n, k in keys.items()]
    path.write_text(json.dumps({"keys": entries}))


def token(key: Ed25519PrivateKey, kid: str, subject: str) -> str:
    claims = {"sub": subject, "exp": now_us() // 1_000_000 + 600, "project": "alpha", "role": "writer"}
    return jwt.encode({**claims, "aud": "telemetry", "iss": "id"}, key, "EdDSA", headers={"kid": kid})


async def until(front: Front, status: int, shown: str) -> None:
    async with asyncio.timeout(8):
        body = {**TRACE, "consent": "research"}
        while True:
            answer = await front.http.post("/v1/traces", json=body, headers=bearer(shown))
            if answer.status_code == status:
                return
            await asyncio.sleep(0.05)


@pytest.fixture(params=["file", "url"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where `jwks.json` of the test's folder can be had."""
    if request.param == "file":
        yield str(tmp_path / "jwks.json")
        return
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    with running(command, tmp_path / "http.log", lambda: accepts_connections(port)):
        yield f"http://127.0.0.1:{port}/jwks.json"


async def test_keys_are_followed_and_subjects_revoked(kafka_bootstrap: str, tmp_path: Path, source: str) -> None:
    kafka, file = KafkaSettings(kafka_bootstrap=kafka_bootstrap), tmp_path / "jwks.json"
    await ensure_topics(kafka)
    subject = tmp_path.name
    publish(file, first=FIRST)
    fields: dict[str, Any] = {"jwt_jwks": source, "jwt_audience": "telemetry", "jwt_issuer": "id", "jwt_refresh_s": 1}
    async with serving(build(kafka, tmp_path / "objects", **fields), kafka) as front:
        await until_ready(front)
        first, second = token(FIRST, "first", subject), token(SECOND, "second", subject)
        await until(front, 201, first)
        await until(front, 401, second)
        publish(file, second=SECOND)
        await until(front, 201, second)
        await until(front, 401, first)
        file.unlink()
        await asyncio.sleep(1.2)
        await until(front, 201, second)
        producer = make_producer(kafka)
        await producer.start()
        await producer.send_and_wait(CONTROL.name, b"-", key=revocation_topic_key("key", f"jwt/{subject}"))
        await producer.stop()
        await until(front, 401, second)
