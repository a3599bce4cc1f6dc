"""Notaries as processes on a real broker: two at once, one of them stopped for a while, and killed without warning."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord

from pipeline.checkpoints import Signed, open_checkpoint
from pipeline.integritystore import CHECKPOINT, place_key, read_place, tile_key
from pipeline.kafka import ensure_topics, make_consumer, make_producer
from pipeline.leaves import leaf_of
from pipeline.merkle import consistency_spans, inclusion_spans, verify_consistency, verify_inclusion
from pipeline.objectstore import FolderStore
from pipeline.settings import KafkaSettings
from pipeline.tiles import prove_from, tiles_of
from schemas.codec import decode, encode
from schemas.records import CheckpointSigned, LeafAppended, Record, TraceJudged, TraceValidated
from schemas.topics import INTEGRITY_LOG, RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_VALIDATED, Topic
from tests.support.finished import example, finished, fresh_id
from tests.support.notary import ORIGIN, SIGNER, roots_of
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running, start
from tests.support.stack import kafka_command, require_kafka

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
SETTINGS = {
    "MODE": "development",
    "NOTARY_KEY": "",
    "NOTARY_ORIGIN": ORIGIN,
    "CHECKPOINT_INTERVAL_S": "1",
    "OBJECT_STORE": "folder",
}


class Office:
    """A broker of its own, an object store, and the notaries that work on both."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.kafka, self.folder = KafkaSettings(kafka_bootstrap=bootstrap), folder
        self.producer, self.store = make_producer(self.kafka), FolderStore(folder / "objects")
        self.wanted: set[bytes] = set()
        self._numbers = itertools.count()

    @contextmanager
    def notary(self, **environment: str) -> Iterator[Process]:
        """A notary from now on."""
        places = {"KAFKA_BOOTSTRAP": self.kafka.kafka_bootstrap, "OBJECT_STORE_DIR": str(self.folder / "objects")}
        log = self.folder / f"notary-{next(self._numbers)}.log"
        process = start([sys.executable, "-m", "streams.notary"], log, {**SETTINGS, **places, **environment})
        try:
            yield process
        finally:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGCONT)
            process.stop()

    async def write(self, topic: Topic, record: Record) -> None:
        self.wanted.add(leaf_of(record).hash)
        key = record.trace_id.encode()  # type: ignore[union-attr]
        await self.producer.send_and_wait(topic.name, encode(record), key=key)

    async def sessions(self, count: int) -> None:
        """So many finished traces, each validated and judged; upstream repeats every other one."""
        for number in range(count):
            trace_id = fresh_id()
            revision = finished(trace_id, events=2)
            for _ in range(1 + number % 2):
                await self.write(TRACE_ASSEMBLED, revision)
            await self.write(TRACE_VALIDATED, example(TraceValidated, trace_id, head=revision.head))
            await self.write(TRACE_JUDGED, example(TraceJudged, trace_id, head=revision.head))
            await self.write(RESCORES, example(TraceJudged, trace_id, head=revision.head, run_id="run-again"))

    async def topic(self, until: Callable[[Sequence[Record]], bool], timeout_s: float = 60) -> list[Record]:
        """All of integrity-log, once `until` holds of it."""
        seen: list[Record] = []
        async with make_consumer(self.kafka, INTEGRITY_LOG.name) as consumer:
            try:
                async with asyncio.timeout(timeout_s):
                    while not until(seen):
                        for records in (await consumer.getmany(timeout_ms=100)).values():
                            seen += [decode(record.value) for record in records]
            except TimeoutError:
                logs = "\n".join(path.read_text()[-1500:] for path in sorted(self.folder.glob("*.log")))
                raise AssertionError(f"{len(seen)} records are not what was waited for\n{logs}") from None
        return seen

    def all_covered(self, seen: Sequence[Record]) -> bool:
        """Whether every leaf that is wanted is in the topic, and the last checkpoint covers them."""
        leaves = set(hashes_of(seen))
        sizes = [record.tree_size for record in seen if isinstance(record, CheckpointSigned)]
        return leaves >= self.wanted and max(sizes, default=0) == len(leaves)


def hashes_of(records: Sequence[Record]) -> list[bytes]:
    """The leaves of the topic in their order, copies and all."""
    return [record.leaf_hash for record in records if isinstance(record, LeafAppended)]


def signed_of(records: Sequence[Record]) -> list[Signed]:
    """Every checkpoint ever written."""
    notes = [record.note for record in records if isinstance(record, CheckpointSigned)]
    return [open_checkpoint(note, [SIGNER.verifier]) for note in notes]


async def hold_to_each_other(office: Office, records: Sequence[Record]) -> None:
    """All checkpoints are consistent, by proofs made from what is in the object store; each leaf is counted once."""
    leaves = list(dict.fromkeys(hashes_of(records)))
    assert set(leaves) == office.wanted
    heads = sorted({(s.checkpoint.size, s.checkpoint.root) for s in signed_of(records)})
    roots = roots_of(leaves)
    assert [root for _, root in heads] == [roots[size] for size, _ in heads]
    latest, root = heads[-1]
    for size, earlier in heads:
        spans = consistency_spans(size, latest)
        tiles = {tile: await office.store.get(tile_key(tile)) for tile in tiles_of(spans, latest)}
        assert verify_consistency(size, latest, earlier, root, prove_from(spans, latest, tiles))
    for leaf in leaves:
        index, _ = read_place(await office.store.get(place_key(leaf)))
        spans = inclusion_spans(index, latest)
        tiles = {tile: await office.store.get(tile_key(tile)) for tile in tiles_of(spans, latest)}
        assert verify_inclusion(leaf, index, latest, prove_from(spans, latest, tiles), root)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A broker of our own: the topics have fixed names, and a log of other tests would be in the tree."""
    require_kafka()
    port = free_port()
    with running(kafka_command(port, tmp_path / "kafka"), tmp_path / "kafka.log", lambda: accepts_connections(port)):
        made = Office(f"127.0.0.1:{port}", tmp_path)
        await ensure_topics(made.kafka)
        async with made.producer:
            yield made


async def test_leaves_get_a_checkpoint_and_sigterm_ends_the_notary_cleanly(office: Office) -> None:
    with office.notary() as notary:
        await office.sessions(5)
        records = await office.topic(office.all_covered)
        await hold_to_each_other(office, records)
        await asyncio.sleep(1)
        published = open_checkpoint((await office.store.get(CHECKPOINT)).decode(), [SIGNER.verifier])
        assert published == signed_of(records)[-1]
        assert await asyncio.to_thread(notary.stop) == 0
        assert str(SIGNER.verifier) in notary.log.read_text()


async def test_what_is_no_leaf_is_dead_lettered_and_the_next_one_appended(office: Office) -> None:
    await office.producer.send_and_wait(TRACE_JUDGED.name, b"no record", key=b"k")
    with office.notary():
        await office.sessions(1)
        await office.topic(office.all_covered)
    letters: list[ConsumerRecord] = []
    async with make_consumer(office.kafka, TRACE_JUDGED.dlq) as consumer:
        while not letters:
            letters = [one for batch in (await consumer.getmany(timeout_ms=500)).values() for one in batch]
    assert dict(letters[0].headers)["dlq-group"] == b"notary"


async def _two_with_one_stopped(office: Office, pause_s: float) -> None:
    with office.notary() as first, office.notary():
        await office.sessions(20)
        await office.topic(office.all_covered)
        writing = asyncio.create_task(office.sessions(40))
        await asyncio.sleep(0.5)
        os.kill(first.pid, signal.SIGSTOP)
        await writing
        began = asyncio.get_running_loop().time()
        await office.sessions(20)
        # The broker gives the partitions of the stopped one to the other after its session's time.
        await office.topic(office.all_covered)
        await asyncio.sleep(max(0, began + pause_s - asyncio.get_running_loop().time()))
        os.kill(first.pid, signal.SIGCONT)
        await office.sessions(20)
        records = await office.topic(office.all_covered)
        await asyncio.sleep(3)
        records = await office.topic(lambda seen: len(seen) >= len(records) and office.all_covered(seen))
        assert first.returncode is None
    await hold_to_each_other(office, records)


async def test_two_notaries_one_of_them_stopped_in_the_middle_do_no_harm(office: Office) -> None:
    await _two_with_one_stopped(office, 12)


@pytest.mark.slow
async def test_two_notaries_one_of_them_stopped_for_a_minute_do_no_harm(office: Office) -> None:
    await _two_with_one_stopped(office, 60)


@pytest.mark.slow
async def test_kill_9_loses_no_leaf(office: Office) -> None:
    await office.sessions(20)
    for _ in range(3):
        with office.notary() as notary:
            await asyncio.sleep(1.2)
            await office.sessions(10)
            notary.kill()
    with office.notary():
        records = await office.topic(office.all_covered)
    await hold_to_each_other(office, records)


async def test_a_log_that_was_cut_is_not_signed_again(office: Office, tmp_path: Path) -> None:
    with office.notary():
        await office.sessions(3)
        await office.topic(office.all_covered)
        await asyncio.sleep(1.5)
    port = free_port()
    folder = tmp_path / "another"
    folder.mkdir()
    with running(kafka_command(port, folder / "kafka"), folder / "kafka.log", lambda: accepts_connections(port)):
        office.kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
        await ensure_topics(office.kafka)
        with office.notary() as notary:
            await asyncio.to_thread(notary.wait)
    assert notary.returncode == 1
    assert "integrity-log ends at 0, before" in notary.log.read_text()
