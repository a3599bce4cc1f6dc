"""The gateway in this process on a real broker, a client for it, and eyes on the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from ingest_gateway.app import background, create_app
from ingest_gateway.auth import DEVELOPMENT_TOKEN
from ingest_gateway.control import Control, built_in_policies
from ingest_gateway.fresh import Fresh
from ingest_gateway.gateway import Gateway, assemble
from ingest_gateway.reads import Reads
from ingest_gateway.tracelog import APPEND_TIMEOUT_S, TraceLog
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.kafka import ensure_topics, make_consumer, make_producer
from pipeline.objectstore import FolderStore
from pipeline.settings import ClickHouseSettings, GatewaySettings, KafkaSettings
from schemas.codec import decode
from schemas.records import Record
from schemas.topics import TRACE_LOG, Topic
from sinks.migrate import migrate
from tests.support import log
from tests.support.openapi import Described
from tests.support.ports import free_port

TRACE = {
    "participant_id": "p1",
    "task_id": "t1",
    "task_title": "Off by one",
    "repo_origin": "https://example.org/r.git",
}
ALPHA, BETA = "token-of-alpha", "token-of-beta"


def note(seq: int, text: str = "because") -> dict[str, Any]:
    """A small event."""
    return {"id": f"e{seq}", "seq": seq, "ts_client_s": 1.5 + seq, "type": "rationale_note", "text": text}


def chunk(chunk_seq: int = 0, *events: dict[str, Any], **other: Any) -> dict[str, Any]:
    """The body of a chunk, by default with one event."""
    return {
        "chunk_id": f"c{chunk_seq}",
        "chunk_seq": chunk_seq,
        "events": list(events) or [note(chunk_seq)],
        **other,
    }


@dataclass
class Opened:
    """A trace that was created: its id, and the headers of its uploads."""

    trace_id: str
    headers: dict[str, str]
    answer: dict[str, Any] = field(repr=False)


@dataclass
class Front:
    """A running gateway and a client that speaks to it."""

    gateway: Gateway
    http: httpx2.AsyncClient
    kafka: KafkaSettings

    async def open(self, token: str = DEVELOPMENT_TOKEN, **fields: Any) -> Opened:
        """Create a trace."""
        answer = await self.http.post("/v1/traces", json={**TRACE, **fields}, headers=bearer(token))
        assert answer.status_code == 201, answer.text
        created = answer.json()
        return Opened(created["trace_id"], bearer(created["upload_token"]), created)

    async def ingest(self, trace: Opened, body: Any, query: str = "", **headers: str) -> httpx2.Response:
        """Send a chunk."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        sent = {"Content-Type": "application/json", **trace.headers, **headers}
        return await self.http.post(f"/v1/traces/{trace.trace_id}/events:ingest{query}", content=content, headers=sent)

    async def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        lines = (await self.http.get("/metrics")).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    async def ends(self) -> int:
        """How many records trace-log holds."""
        return await log.end(self.kafka)

    async def records(self, trace_id: str) -> list[tuple[int, int, Record]]:
        """What the log holds of a trace: (partition, offset, record)."""
        return [(r.partition, r.offset, decode(r.value)) for r in await self.raw(trace_id)]

    async def raw(self, key: str, topic: Topic = TRACE_LOG) -> list[ConsumerRecord]:
        """What a topic holds under a key."""
        return [record for record in await log.records(self.kafka, topic) if record.key == key.encode()]


def bearer(token: str) -> dict[str, str]:
    """The header that presents a token."""
    return {"Authorization": f"Bearer {token}"}


def build(kafka: KafkaSettings, folder: Path, clickhouse: ClickHouseSettings | None = None, **fields: Any) -> Gateway:
    """A gateway in development mode; without ClickHouse unless one is given."""
    settings = GatewaySettings(**{"mode": "development", "gateway_tokens": f"alpha:{ALPHA},beta:{BETA}", **fields})
    rows = clickhouse or ClickHouseSettings(clickhouse_url=f"http://127.0.0.1:{free_port()}")
    return assemble(
        settings,
        TraceLog(lambda: make_producer(kafka, request_timeout_ms=int(APPEND_TIMEOUT_S * 1000))),
        Control(lambda: make_consumer(kafka), built_in_policies(settings.mode)),
        FolderStore(folder),
        Reads(lambda: ClickHouse(rows)),
        Fresh(kafka),
        now_us,
    )


def held_to(document: bytes) -> dict[str, list[Any]]:
    """Hooks that hold every answer to the OpenAPI document: a status or a header that it lacks fails the test."""
    described = Described(orjson.loads(document))

    async def check(answer: httpx2.Response) -> None:
        described.check(answer)

    return {"response": [check]}


@asynccontextmanager
async def serving(gateway: Gateway, kafka: KafkaSettings) -> AsyncIterator[Front]:
    """The gateway with its background work, ready or not."""
    failures: list[BaseException] = []
    app = create_app(gateway, failures.append)
    transport = httpx2.ASGITransport(app=app)
    async with (
        background(gateway, failures.append),
        httpx2.AsyncClient(transport=transport, base_url="http://g", event_hooks=held_to(app.state.openapi)) as http,
    ):
        yield Front(gateway, http, kafka)
    assert not failures


async def until_ready(front: Front, timeout_s: float = 20) -> None:
    """Wait until /readyz says so."""
    async with asyncio.timeout(timeout_s):
        while (await front.http.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - over HTTP there is nothing to wait on
            await asyncio.sleep(0.05)


@pytest.fixture
async def front(kafka_bootstrap: str, tmp_path: Path) -> AsyncIterator[Front]:
    """A ready gateway with small limits."""
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    gateway = build(kafka, tmp_path, max_body_bytes=262_144, max_chunk_bytes=65_536, max_artifact_bytes=262_144)
    async with serving(gateway, kafka) as running:
        await until_ready(running)
        yield running


@pytest.fixture
async def front_and_rows(
    kafka_bootstrap: str, clickhouse_url: str, clickhouse_database: str, tmp_path: Path
) -> AsyncIterator[tuple[Front, ClickHouse]]:
    """A ready gateway over a migrated database of its own, and a connection that writes to it."""
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    settings = ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)
    migrate(settings)
    clickhouse = ClickHouse(settings)
    async with serving(build(kafka, tmp_path, settings), kafka) as running:
        await until_ready(running)
        yield running, clickhouse
    clickhouse.close()
