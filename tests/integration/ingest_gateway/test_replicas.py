"""Two gateways as processes, killed at random under clients that send everything anywhere, twice and out of order: what
was acknowledged is in the log as the receipt says, and each finished trace has exactly one of everything.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from pipeline.chain import chunk_digest
from pipeline.document import open_document
from pipeline.kafka import ensure_topics, make_producer
from pipeline.objectstore import FolderStore
from pipeline.policies import policy_key
from pipeline.receipts import PATH, check, read_keys
from schemas.codec import decode, encode
from schemas.records import EventsAppended, ProjectPolicy, TraceAssembled
from schemas.topics import CONTROL, TRACE_ASSEMBLED, TRACE_LOG
from tests.support import log
from tests.support.brokers import Broker, own_broker
from tests.support.gateways import PROJECT, Replica, replicas
from tests.support.processes import running
from tests.support.spray import CHUNKS, EVENTS, Sprayed, Sprayer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
CLIENTS, KILLS = 10, 5
RULES = ((), ("email",), ("email", "home-path"))
Log = dict[tuple[int, int], EventsAppended]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with own_broker(tmp_path_factory.mktemp("replicas-kafka")) as made:
        asyncio.run(_prepared(made))
        yield made


async def _prepared(broker: Broker) -> None:
    await broker.start()
    await ensure_topics(broker.kafka)


@pytest.fixture
async def pair(broker: Broker, tmp_path: Path) -> AsyncIterator[list[Replica]]:
    """Two ready gateways."""
    with replicas(broker.kafka, tmp_path, 2) as two:
        for replica in two:
            replica.start()
        await asyncio.gather(*[replica.ready() for replica in two])
        yield two


@contextmanager
def _assembler(broker: Broker, folder: Path) -> Iterator[None]:
    environment = {"KAFKA_BOOTSTRAP": broker.kafka.kafka_bootstrap, "OBJECT_STORE_DIR": str(folder / "objects")}
    with running([sys.executable, "-m", "streams"], folder / "streams.log", lambda: True, environment):
        yield


@asynccontextmanager
async def _client() -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(timeout=10, limits=limits) as http:
        yield http


async def _redact(broker: Broker, rules: Sequence[str]) -> None:
    """From now on this is hidden in the project; each replica follows in its own time."""
    policy = ProjectPolicy(project=PROJECT, consent="ask", recorded_by="test", recorded_at_us=1, redact=tuple(rules))
    producer = make_producer(broker.kafka)
    await producer.start()
    try:
        await producer.send_and_wait(CONTROL.name, encode(policy), key=policy_key(PROJECT))
    finally:
        await producer.stop()


async def _change_at_random(broker: Broker, chance: random.Random, until: asyncio.Task[None]) -> None:
    """Other redaction rules again and again. Not cancelled at the end, when a producer may just be starting."""
    while not until.done():
        await _redact(broker, chance.choice(RULES))
        await asyncio.sleep(chance.uniform(0.05, 0.3))


async def _kill_at_random(pair: Sequence[Replica], chance: random.Random) -> None:
    """`kill -9` and a new start, one replica after the other."""
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.2, 1.0))
        victim = chance.choice(pair)
        victim.process.kill()
        await asyncio.sleep(chance.uniform(0, 0.3))
        victim.start()
        await victim.ready()


async def _spray_under_kills(broker: Broker, pair: Sequence[Replica], seed: int) -> list[Sprayed]:
    """Sessions that go on until the last kill, while redaction rules change."""
    killer = asyncio.create_task(_kill_at_random(pair, random.Random(seed)))
    changer = asyncio.create_task(_change_at_random(broker, random.Random(~seed), killer))
    async with _client() as http:
        sprayer = Sprayer(http, [replica.url for replica in pair], seed)

        async def client(first: int) -> list[Sprayed]:
            done = [await sprayer.session(first)]
            while not killer.done():
                done.append(await sprayer.session(first + CLIENTS * len(done)))
            return done

        sessions = await asyncio.gather(*[client(number) for number in range(CLIENTS)])
    await asyncio.gather(killer, changer)
    return [session for of_one in sessions for session in of_one]


async def _chunks(broker: Broker) -> Log:
    """Every chunk in the log by (partition, offset)."""
    found = {(r.partition, r.offset): decode(r.value) for r in await log.records(broker.kafka)}
    return {place: record for place, record in found.items() if isinstance(record, EventsAppended)}


def _assert_held(receipt: dict[str, Any], held: Log, keys: dict[str, bytes]) -> None:
    """The log has, where the receipt says, what it says, and the server's signature is on it."""
    assert check(receipt, keys).holds
    record = held[receipt["partition"], receipt["offset"]]
    said = (record.trace_id, record.chunk_seq, record.chunk_digest, TRACE_LOG.name)
    assert said == (receipt["trace_id"], receipt["chunk_seq"], receipt["chunk_digest"], receipt["topic"])
    stored = (record.chunk_id, record.prev_chunk_digest, record.events)
    assert chunk_digest(record.trace_id, record.chunk_seq, *stored) == record.chunk_digest


async def _assembled(broker: Broker, traces: Sequence[str]) -> dict[str, TraceAssembled]:
    """The latest revision of each."""
    found = await log.await_keys(broker.kafka, TRACE_ASSEMBLED, traces, timeout_s=60)
    revisions = [record for value in found if isinstance(record := decode(value.value), TraceAssembled)]
    return {revision.trace_id: revision for revision in revisions}


async def _assert_one_of_each(assembled: TraceAssembled, event_ids: list[str], folder: Path) -> None:
    assert {finding.kind for finding in assembled.findings} <= {"duplicate"}
    assert (assembled.intact, assembled.complete, assembled.revision) == (True, True, 1)
    document = await open_document(assembled, FolderStore(folder / "objects"))
    assert [event["id"] for event in document["events"]] == event_ids
    assert [chunk["chunk_seq"] for chunk in document["chunks"]] == list(range(len(document["chunks"])))


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(100, 110))])
async def test_killed_replicas_lose_and_double_nothing(
    seed: int, broker: Broker, pair: list[Replica], tmp_path: Path
) -> None:
    print(f"seed {seed}")  # noqa: T201 - what a failure needs to be seen again
    with _assembler(broker, tmp_path):
        sprayed = await _spray_under_kills(broker, pair, seed)
        held = await _chunks(broker)
        keys = read_keys(httpx2.get(pair[0].url + PATH).json())
        for session in sprayed:
            assert {receipt["chunk_seq"] for receipt in session.receipts} == set(range(CHUNKS))
            for receipt in session.receipts:
                _assert_held(receipt, held, keys)
        revisions = await _assembled(broker, [session.trace_id for session in sprayed])
        for session in sprayed:
            await _assert_one_of_each(revisions[session.trace_id], session.event_ids, tmp_path)
            assert revisions[session.trace_id].event_count == CHUNKS * EVENTS
    _assert_chance_did_its_work([session.trace_id for session in sprayed], held)


def _assert_chance_did_its_work(traces: list[str], held: Log) -> None:
    """Copies were stored, and some differ from the first one because other rules held by then."""
    digests: dict[tuple[str, int], list[str]] = defaultdict(list)
    for record in held.values():
        digests[record.trace_id, record.chunk_seq].append(record.chunk_digest)
    ours = [copies for (trace_id, _), copies in digests.items() if trace_id in set(traces)]
    assert any(len(set(copies)) > 1 for copies in ours)


async def test_a_retry_under_other_redaction_rules_is_the_same_chunk(
    broker: Broker, pair: list[Replica], tmp_path: Path
) -> None:
    async with _client() as http:
        trace = await pair[0].open(http)
        await _follow(broker, http, pair, ())
        first = [await _send(http, pair[0], trace, "events:ingest", _with_address(0))]
        await _follow(broker, http, pair, ("email",))
        first.append(await _send(http, pair[1], trace, "events:ingest", _with_address(0)))
        assert [receipt["redactions"] for receipt in first] == [{}, {"email": 1}]
        # The client goes on from the second receipt, although the log counts the first copy.
        after = _with_address(1) | {"prev_chunk_digest": first[1]["chunk_digest"]}
        second = await _send(http, pair[0], trace, "events:ingest", after)
        await _follow(broker, http, pair, ())
        again = await _send(http, pair[1], trace, "events:ingest", after)
        assert again["chunk_digest"] != second["chunk_digest"]
        await _send(http, pair[1], trace, "complete", {"event_count": 2, "last_digest": again["chunk_digest"]})
    with _assembler(broker, tmp_path):
        revision = (await _assembled(broker, [trace["trace_id"]]))[trace["trace_id"]]
    await _assert_one_of_each(revision, ["e0", "e1"], tmp_path)
    assert [finding.kind for finding in revision.findings] == ["duplicate", "duplicate"]


async def _send(
    http: httpx2.AsyncClient, replica: Replica, trace: dict[str, Any], call: str, body: dict[str, Any]
) -> Any:
    """What was answered to something that was not known there."""
    url, headers = f"{replica.url}/v1/traces/{trace['trace_id']}/{call}", {}
    headers["Authorization"] = f"Bearer {trace['upload_token']}"
    answer = await http.post(url, json=body, headers=headers)
    assert answer.status_code in {201, 202}, answer.text
    return answer.json()


def _with_address(seq: int) -> dict[str, Any]:
    event = {"id": f"e{seq}", "seq": seq, "ts_client_us": 1, "type": "rationale_note", "text": "ask a@b.example"}
    return {"chunk_id": f"c{seq}", "chunk_seq": seq, "events": [event]}


async def _follow(broker: Broker, http: httpx2.AsyncClient, pair: Sequence[Replica], rules: Sequence[str]) -> None:
    """Set what is hidden, and wait until both replicas do so."""
    await _redact(broker, rules)
    trace, seqs, wanted = await pair[0].open(http), itertools.count(), dict.fromkeys(rules, 1)
    async with asyncio.timeout(10):
        for replica in pair:
            while True:
                receipt = await _send(http, replica, trace, "events:ingest", _with_address(next(seqs)))
                if receipt["redactions"] == wanted:
                    break
                await asyncio.sleep(0.05)
