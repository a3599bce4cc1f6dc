"""The Merkle log over HTTP, and a trace's bundle from the gateway to its verification by the command."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.bundle.form import read_bundle
from pipeline.bundle.verify import verify
from pipeline.canonical import loads
from pipeline.checkpoints import open_checkpoint
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from pipeline.integritystore import CHECKPOINT, tile_key
from pipeline.kafka import ensure_topics
from pipeline.merkle import verify_consistency, verify_inclusion
from pipeline.objectstore import FolderStore
from pipeline.settings import ClickHouseSettings, KafkaSettings
from pipeline.tiles import Tile
from schemas.records import TraceCreated
from sinks.blocks import columns
from sinks.migrate import migrate
from sinks.rows import Position, rows_of
from tests.integration.ingest_gateway.conftest import Front, bearer, build, serving, until_ready
from tests.support.bundles import GATEWAY, START_US, Session, session, trust
from tests.support.finished import example
from tests.support.notary import SIGNER, notarised, roots_of

pytestmark = pytest.mark.integration
TOKEN = "token-of-acme"
HEADERS = bearer(TOKEN)
SESSIONS = [session(number, late=number % 2) for number in range(1, 4)]
RECORDS = [record for made in SESSIONS for record in made.results]
LEAVES = [leaf.hash for made in SESSIONS for leaf in made.leaves]
ROOTS = roots_of(LEAVES)


@pytest.fixture
def clickhouse(clickhouse_url: str, clickhouse_database: str) -> Iterator[ClickHouse]:
    settings = ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)
    connected = ClickHouse(settings)
    yield connected
    connected.close()


Building = Callable[..., AbstractAsyncContextManager[Front]]


@pytest.fixture
def building(kafka_bootstrap: str, clickhouse_url: str, clickhouse_database: str, tmp_path: Path) -> Building:
    """Gateways beside a notary that has logged three sessions."""
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    clickhouse = ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)

    @asynccontextmanager
    async def build_one(**settings: Any) -> AsyncIterator[Front]:
        await ensure_topics(kafka)
        await asyncio.to_thread(migrate, clickhouse)
        given = {"gateway_tokens": f"acme:{TOKEN}", "notary_public_keys": str(SIGNER.verifier), **settings}
        gateway = build(kafka, tmp_path, clickhouse, **given)
        for made in SESSIONS:
            for reference, content in made.evidence.items():
                await gateway.store.put(reference, content.encode())
        await notarised(gateway.store, *RECORDS)
        async with serving(gateway, kafka) as running:
            await until_ready(running)
            yield running

    return build_one


@pytest.fixture
async def front(building: Building) -> AsyncIterator[Front]:
    async with building() as running:
        yield running


async def _get(front: Front, path: str, status: int = 200) -> Any:
    answer = await front.http.get(path, headers=HEADERS)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_checkpoint_and_proofs_can_be_checked_against_each_other(front: Front) -> None:
    answer = await front.http.get("/v1/integrity/checkpoint", headers=HEADERS)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    head = open_checkpoint(answer.text, [SIGNER.verifier]).checkpoint
    assert (head.size, head.root) == (len(LEAVES), ROOTS[-1])
    keys = (await front.http.get("/.well-known/pr-telemetry-notary-keys.json")).json()
    assert keys == {"keys": [{"vkey": str(SIGNER.verifier), "origin": head.origin, "status": "current"}]}
    for number, leaf in enumerate(LEAVES):
        told = await _get(front, f"/v1/integrity/inclusion/{leaf.hex()}")
        assert (told["index"], told["size"], told["checkpoint"]) == (number, head.size, answer.text)
        assert verify_inclusion(leaf, number, head.size, [*map(base64.b64decode, told["proof"])], head.root)
    told = await _get(front, f"/v1/integrity/inclusion/{LEAVES[1].hex()}?size=4")
    assert verify_inclusion(LEAVES[1], 1, 4, [*map(base64.b64decode, told["proof"])], ROOTS[4])
    for old, new in ((0, head.size), (3, head.size), (4, 7)):
        told = await _get(front, f"/v1/integrity/consistency?from={old}&to={new}")
        assert verify_consistency(old, new, ROOTS[old], ROOTS[new], [*map(base64.b64decode, told["proof"])])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/v1/integrity/inclusion/{'0' * 64}", 404),
        (f"/v1/integrity/inclusion/{LEAVES[5].hex()}?size=5", 404),
        (f"/v1/integrity/inclusion/{LEAVES[5].hex()}?size=100", 404),
        ("/v1/integrity/inclusion/abc", 400),
        (f"/v1/integrity/inclusion/{LEAVES[5].hex()}?size=x", 400),
        ("/v1/integrity/consistency?from=5&to=4", 404),
        ("/v1/integrity/consistency?from=100", 404),
        ("/v1/integrity/consistency?from=-1", 400),
        ("/v1/integrity/checkpoint?size=1", 400),
        (f"/v1/traces/{new_trace_id(START_US, entropy=1 << 70)}/bundle", 404),
        (f"/v1/traces/{SESSIONS[0].trace_id}/bundle?from=100", 404),
    ],
)
async def test_what_is_not_logged_is_not_found(front: Front, path: str, status: int) -> None:
    await _get(front, path, status)


async def test_a_trace_without_a_checkpoint_is_on_its_way(front: Front) -> None:
    answer = await front.http.get(f"/v1/traces/{new_trace_id(now_us())}/bundle", headers=HEADERS)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    later = session(9)
    await notarised(FolderStore(front.gateway.store._root / "elsewhere"), *later.results)  # type: ignore[attr-defined]
    kept = FolderStore(front.gateway.store._root / "elsewhere")  # type: ignore[attr-defined]
    for key in await kept.keys("leaves/"):
        await front.gateway.store.put(key, await kept.get(key))
    answer = await front.http.get(f"/v1/traces/{later.trace_id}/bundle", headers=HEADERS)
    assert answer.status_code == 202


async def test_before_the_first_checkpoint_a_finished_trace_is_on_its_way(front: Front) -> None:
    await front.gateway.store.delete(CHECKPOINT)
    answer = await front.http.get(f"/v1/traces/{SESSIONS[0].trace_id}/bundle", headers=HEADERS)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    await _get(front, "/v1/integrity/checkpoint", 404)


async def test_a_trace_that_the_notary_has_not_come_to_is_on_its_way(front: Front, clickhouse: ClickHouse) -> None:
    known = example(TraceCreated, new_trace_id(now_us() - 120_000_000), project="acme")
    for table, rows in rows_of(known, Position("trace-log", 0, 0)).items():
        clickhouse.insert(table, *columns(rows), "t")
    answer = await front.http.get(f"/v1/traces/{known.trace_id}/bundle", headers=HEADERS)
    assert answer.status_code == 202


async def test_a_bundle_of_every_session_holds(front: Front) -> None:
    for made in SESSIONS:
        answer = await front.http.get(f"/v1/traces/{made.trace_id}/bundle?from=2", headers=HEADERS)
        assert answer.headers["content-disposition"] == f'attachment; filename="{made.trace_id}.prbundle"'
        bundle = read_bundle(answer.content)
        assert bundle.content() == answer.content
        assert bundle.evidence == made.evidence
        assert [event for chunk in bundle.chunks for event in chunk.event_bytes()] == [
            event for _, chunk in made.chunks() for event in chunk.events
        ]
        assert [part.size for part in bundle.consistency] == [2]
        report = verify(bundle, trust(keys=(SIGNER.verifier,), receipts=tuple(made.receipts())))
        assert report.findings == ()
        assert len(bundle.leaves) == len(made.leaves)


async def test_another_project_has_no_bundle_of_it(building: Building) -> None:
    async with building(gateway_tokens=f"other:{TOKEN}") as front:
        answer = await front.http.get(f"/v1/traces/{SESSIONS[0].trace_id}/bundle", headers=HEADERS)
        assert answer.status_code == 404
        assert SESSIONS[0].trace_id not in answer.text


async def test_what_was_altered_in_the_store_is_not_served(front: Front) -> None:
    store, made = front.gateway.store, SESSIONS[1]
    path = f"/v1/traces/{made.trace_id}/bundle"
    key = made.leaves[0].key()
    whole = await store.get(key)
    fields = loads(whole)
    for altered in ({**fields, "document": "AAAA"}, {**fields, "record": "{"}, {}):
        await store.put(key, orjson.dumps(altered))
        assert (await _get(front, path, 500))["type"].endswith(":damaged")
    await store.put(key, whole)
    await store.delete(tile_key(Tile(0, 0, len(LEAVES))))
    assert (await _get(front, path, 500))["type"].endswith(":damaged")
    await store.put(CHECKPOINT, b"nothing")
    assert (await _get(front, "/v1/integrity/checkpoint", 500))["type"].endswith(":damaged")


async def test_without_the_notarys_key_nothing_is_told(building: Building) -> None:
    secrets = {"gateway_secret": "s" * 32, "receipt_key": "ab" * 32}
    async with building(mode="production", notary_public_keys="", **secrets) as front:
        assert "NOTARY_PUBLIC_KEYS" in (await _get(front, "/v1/integrity/checkpoint", 404))["detail"]
        assert (await front.http.get("/.well-known/pr-telemetry-notary-keys.json")).json() == {"keys": []}


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pipeline.cli", *arguments]
    # No gateway listens there: verification asks nobody.
    environment = {**os.environ, "GATEWAY_URL": "http://127.0.0.1:9", "COLUMNS": "500"}
    return subprocess.run(line, capture_output=True, text=True, env=environment, timeout=60)


def _files(folder: Path, content: bytes, made: Session, note: str) -> list[str]:
    (folder / "t.prbundle").write_bytes(content)
    (folder / "earlier.note").write_text(note)
    (folder / "receipts.json").write_bytes(orjson.dumps(made.receipts()))
    held = ["--checkpoint", str(folder / "earlier.note"), "--receipt", str(folder / "receipts.json")]
    return [str(folder / "t.prbundle"), *held]


async def test_the_command_verifies_a_bundle_offline_and_says_what_it_proves(front: Front, tmp_path: Path) -> None:
    made = SESSIONS[1]
    note = (await front.http.get("/v1/integrity/checkpoint", headers=HEADERS)).text
    answer = await front.http.get(f"/v1/traces/{made.trace_id}/bundle?from={len(LEAVES)}", headers=HEADERS)
    keys = orjson.dumps(GATEWAY.published)
    (tmp_path / "receipt-keys.json").write_bytes(keys)
    arguments = _files(tmp_path, answer.content, made, note)
    by = ["--key", str(SIGNER.verifier), "--key", str(tmp_path / "receipt-keys.json")]
    done = await asyncio.to_thread(_command, "verify", *arguments, *by)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Revision 1 of {made.trace_id}" in done.stdout
    assert "Receipts held and honoured: 3." in done.stdout
    altered = answer.content.replace(b"thought 4", b"thought 5")
    (tmp_path / "t.prbundle").write_bytes(altered)
    done = await asyncio.to_thread(_command, "verify", *arguments, *by, "--json")
    told = orjson.loads(done.stdout)
    assert (done.returncode, told["holds"], told["proven"]) == (1, False, [])
    assert {"hash_mismatch", "broken_chain"} <= {finding["kind"] for finding in told["findings"]}
    (tmp_path / "t.prbundle").write_bytes(b"{}")
    assert (await asyncio.to_thread(_command, "verify", *arguments, *by)).returncode == 2
