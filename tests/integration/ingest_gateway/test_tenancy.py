"""Nobody reads or writes another project's traces: every route of the gateway against every kind of caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ingest_gateway.app import create_app
from ingest_gateway.auth import DEVELOPMENT_TOKEN, Upload, issue_upload_token
from ingest_gateway.routes import CALLS
from pipeline.access import new_key, new_key_id
from pipeline.canonical import PREFIX, digest
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from pipeline.kafka import ensure_topics
from pipeline.objectstore import artifact_key
from pipeline.settings import ClickHouseSettings, KafkaSettings
from schemas.records import AuditEntry, Record, TraceCreated
from sinks.blocks import columns
from sinks.migrate import migrate
from sinks.rows import Position, rows_of
from tests.integration.ingest_gateway.conftest import TRACE, Front, bearer, build, chunk, serving, until_ready
from tests.support.api_keys import audit_of, record_keys
from tests.support.bundles import session
from tests.support.finished import document_of, example, finished
from tests.support.notary import SIGNER, notarised

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
CONTENT = b"log of alpha"
SECRETS = {"gateway_secret": "s" * 32, "receipt_key": "ab" * 32, "notary_public_keys": str(SIGNER.verifier)}
PRODUCTION = {"mode": "production", "status_stream_s": 1, **SECRETS}
ALWAYS = dict.fromkeys(("nobody", "stranger", "revoked", "development"), 401)
KINDS = ("writer", "reader", "analyst", "operator", "everywhere", "beta", "upload", "foreign upload")


def row(*statuses: int) -> dict[str, int]:
    """Statuses of a call that wants a token, in the order of KINDS."""
    return {**ALWAYS, **dict(zip(KINDS, statuses, strict=True))}


OPEN = dict.fromkeys((*ALWAYS, *KINDS), 200)
# A caller's own key uploads nothing, an upload token reads nothing, a foreign trace is not there.
EXPECTED: dict[tuple[str, str], dict[str, int]] = {
    ("POST", "/v1/traces"): row(201, 403, 403, 201, 201, 403, 401, 401),
    ("GET", "/v1/traces"): row(403, 200, 200, 200, 200, 200, 401, 401),
    ("GET", "/v1/traces/{trace_id}"): row(403, 200, 200, 200, 200, 404, 401, 401),
    ("GET", "/v1/traces/{trace_id}/status"): row(403, 200, 200, 200, 200, 404, 401, 401),
    ("GET", "/v1/traces/{trace_id}/status:stream"): row(403, 200, 200, 200, 200, 404, 401, 401),
    ("GET", "/v1/traces/{trace_id}/events"): row(403, 200, 200, 200, 200, 404, 401, 401),
    ("POST", "/v1/traces/{trace_id}/events:ingest"): row(401, 401, 401, 401, 401, 401, 201, 403),
    ("POST", "/v1/traces/{trace_id}/complete"): row(401, 401, 401, 401, 401, 401, 202, 403),
    ("POST", "/v1/traces/{trace_id}/upload-token"): row(200, 403, 403, 200, 200, 403, 401, 401),
    ("PUT", "/v1/traces/{trace_id}/artifacts/{artifact:path}"): row(401, 401, 401, 401, 401, 401, 201, 403),
    ("GET", "/v1/traces/{trace_id}/artifacts/{artifact}"): row(403, 200, 403, 200, 200, 404, 401, 401),
    ("GET", "/v1/traces/{trace_id}/bundle"): row(403, 200, 403, 200, 200, 404, 401, 401),
    # Hashes only, of all projects.
    ("GET", "/v1/integrity/checkpoint"): row(403, 200, 200, 200, 200, 200, 401, 401),
    ("GET", "/v1/integrity/inclusion/{leaf_hash}"): row(403, 200, 200, 200, 200, 200, 401, 401),
    ("GET", "/v1/integrity/consistency"): row(403, 200, 200, 200, 200, 200, 401, 401),
    ("GET", "/healthz"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/.well-known/pr-telemetry-receipt-keys.json"): OPEN,
    ("GET", "/.well-known/pr-telemetry-notary-keys.json"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/docs"): OPEN,
    # Last, because nothing is left after them.
    ("DELETE", "/v1/participants/{participant:path}"): row(403, 403, 403, 202, 202, 202, 401, 401),
    ("DELETE", "/v1/traces/{trace_id}"): row(403, 403, 403, 202, 202, 404, 401, 401),
}
BODIES: dict[str, Any] = {
    "/v1/traces": {**TRACE, "consent": "research", "project": "alpha"},
    "/v1/traces/{trace_id}/events:ingest": chunk(7),
    "/v1/traces/{trace_id}/complete": {},
}


@dataclass
class Estate:
    """A finished trace of alpha with an artifact, and a token of every kind of caller."""

    front: Front
    trace_id: str
    leaf_hash: str
    tokens: dict[str, str | None]

    async def send(self, method: str, path: str, kind: str) -> httpx2.Response:
        artifact = "a.log" if method == "PUT" else digest(CONTENT).removeprefix(PREFIX)
        names = {"trace_id": self.trace_id, "artifact": artifact, "leaf_hash": self.leaf_hash}
        url = path.replace(":path}", "}").format(**names, participant="nobody%20of%20these")
        token = self.tokens[kind]
        headers = {} if token is None else bearer(token)
        body = {"upload_token": self.tokens["upload"]} if path.endswith("upload-token") else BODIES.get(path)
        if method == "PUT":
            return await self.front.http.put(url, content=CONTENT, headers=headers)
        return await self.front.http.request(method, url, json=body, headers=headers)


def _rows(clickhouse: ClickHouse, trace_id: str) -> None:
    made: tuple[tuple[Record, dict[str, Any] | None], ...] = (
        (example(TraceCreated, trace_id, project="alpha"), None),
        (finished(trace_id, 3, project="alpha"), document_of(trace_id, 3)),
    )
    for offset, (record, document) in enumerate(made):
        for table, rows in rows_of(record, Position("trace-log", 0, offset), document).items():
            clickhouse.insert(table, *columns(rows), f"t{offset}")


@pytest.fixture
async def estate(
    kafka_bootstrap: str, clickhouse_url: str, clickhouse_database: str, tmp_path: Path
) -> AsyncIterator[Estate]:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    await ensure_topics(kafka)
    settings = ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)
    migrate(settings)
    roles = ("writer", "reader", "analyst", "operator")
    others = (("*", "operator", False), ("beta", "operator", False), ("alpha", "operator", True))
    keys = await record_keys(kafka, *[("alpha", role, False) for role in roles], *others)
    tokens = dict(zip((*roles, "everywhere", "beta", "revoked"), keys, strict=True))
    # Old enough that a foreign id is denied at once instead of being called young.
    made = session(1, at_us=now_us() - 120_000_000, project="alpha")
    trace_id = made.trace_id
    clickhouse = ClickHouse(settings)
    _rows(clickhouse, trace_id)
    gateway = build(kafka, tmp_path, settings, **PRODUCTION)
    async with serving(gateway, kafka) as front:
        await until_ready(front)
        await notarised(gateway.store, *made.results)
        await gateway.store.put(artifact_key("alpha", trace_id, digest(CONTENT), private=False), CONTENT)

        def upload(trace: str, project: str, kind: str) -> str:
            issued = Upload(trace, project, "research", 0, f"key/{tokens[kind].split('_')[1]}")
            return issue_upload_token(issued, gateway.keys.upload_tokens, 2**33)

        yield Estate(
            front,
            trace_id,
            made.leaves[0].hash.hex(),
            {
                **tokens,
                "nobody": None,
                "stranger": new_key(new_key_id()),
                "development": DEVELOPMENT_TOKEN,
                "upload": upload(trace_id, "alpha", "writer"),
                "foreign upload": upload(new_trace_id(now_us()), "beta", "beta"),
            },
        )
    clickhouse.close()


def test_every_route_stands_in_the_table() -> None:
    assert EXPECTED.keys() == {(call.method, call.path) for call in CALLS}


async def test_every_route_against_every_kind_of_caller(estate: Estate) -> None:
    end, wrong = await estate.front.ends(), {}
    pairs = [(call, kind) for call, statuses in EXPECTED.items() for kind in statuses]
    refused = [pair for pair in pairs if EXPECTED[pair[0]][pair[1]] >= 400]
    for (method, path), kind in refused:
        answer = await estate.send(method, path, kind)
        if answer.status_code != EXPECTED[method, path][kind] or estate.trace_id in answer.text:
            wrong[method, path, kind] = (answer.status_code, answer.text)
    assert not wrong
    assert await estate.front.ends() == end
    for (method, path), kind in [pair for pair in pairs if pair not in refused]:
        answer = await estate.send(method, path, kind)
        if answer.status_code != EXPECTED[method, path][kind]:
            wrong[method, path, kind] = (answer.status_code, answer.text)
        assert kind != "beta" or estate.trace_id not in answer.text
    assert not wrong


async def test_an_upload_token_is_bound_to_its_project_and_consent(estate: Estate) -> None:
    answer = await estate.send("POST", "/v1/traces/{trace_id}/events:ingest", "upload")
    assert answer.status_code == 201
    ((_, _, record),) = await estate.front.records(estate.trace_id)
    assert record.project == "alpha"  # type: ignore[union-attr]


async def test_the_upload_tokens_of_a_revoked_key_end_with_it(estate: Estate) -> None:
    url = "/v1/traces/{trace_id}/events:ingest"
    holder = estate.tokens["revoked"]
    assert holder
    issued = Upload(estate.trace_id, "alpha", "research", 0, f"key/{holder.split('_')[1]}")
    token = issue_upload_token(issued, estate.front.gateway.keys.upload_tokens, 2**33)
    estate.tokens["ended"] = token
    answer = await estate.send("POST", url, "ended")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (401, "token-revoked")
    # The session goes on with another key of the project.
    estate.tokens["upload"] = token
    fresh = await estate.send("POST", "/v1/traces/{trace_id}/upload-token", "writer")
    estate.tokens["renewed"] = fresh.json()["upload_token"]
    assert (await estate.send("POST", url, "renewed")).status_code == 201


async def test_refusals_of_known_callers_are_in_the_audit_trail_once(estate: Estate) -> None:
    for kind in ("reader", "reader", "revoked", "beta", "nobody", "stranger"):
        await estate.send("POST", "/v1/traces/{trace_id}/upload-token", kind)
    subject = f"trace/{estate.trace_id}"
    found: list[AuditEntry] = []
    async with asyncio.timeout(10):
        while len(found) < 3:
            found = await audit_of(estate.front.kafka, subject)
    names = {kind: f"key/{str(estate.tokens[kind]).split('_')[1]}" for kind in ("reader", "revoked", "beta")}
    assert {(entry.actor, entry.action, entry.project) for entry in found} == {
        (names["reader"], "denied: role-forbids", "alpha"),
        (names["revoked"], "denied: token-revoked", "alpha"),
        (names["beta"], "denied: foreign-project", "beta"),
    }
    assert len(found) == 3


async def test_before_control_was_read_nobody_is_let_in(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    gateway = build(kafka, tmp_path)
    app = create_app(gateway, lambda _error: None)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://g") as http:
        answer = await http.get("/v1/traces", headers=bearer(DEVELOPMENT_TOKEN))
        ready = await http.get("/readyz")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (503, "log-unavailable")
    assert (ready.status_code, ready.json()["control"]) == (503, False)
    gateway.reads.close()
