"""Records are found by where they stand, whether the topic still holds them or only the archive does."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from pipeline import archive
from pipeline.kafka import admin, make_producer
from pipeline.objectstore import FolderStore
from pipeline.positions import at
from pipeline.replay import Log
from pipeline.segments import Entry, segment_of
from pipeline.settings import KafkaSettings

pytestmark = pytest.mark.integration


async def _topic(kafka: KafkaSettings, values: list[bytes]) -> TopicPartition:
    """A new topic of one partition with these values."""
    place = TopicPartition(f"positions-{uuid.uuid4().hex[:12]}", 0)
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(place.topic, 1, 1)])
    producer = make_producer(kafka)
    await producer.start()
    for number, value in enumerate(values):
        await producer.send_and_wait(place.topic, value, partition=0, timestamp_ms=1_000 + number)
    await producer.stop()
    return place


async def _found(log: Log, place: TopicPartition, offsets: list[int]) -> list[tuple[int, bytes | None]]:
    return [(entry.offset, entry.value) async for entry in at(log, place, offsets)]


async def test_what_the_broker_dropped_comes_from_the_archive_each_once(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka, values = KafkaSettings(kafka_bootstrap=kafka_bootstrap), [b"%d" % number for number in range(10)]
    place, log = await _topic(kafka, values), Log(FolderStore(tmp_path), kafka)
    wanted = [8, 1, 4, 6]
    whole = [(offset, values[offset]) for offset in sorted(wanted)]
    assert await _found(log, place, wanted) == whole

    entries = [Entry(offset, 1_000 + offset, None, value) for offset, value in enumerate(values)]
    for some in (entries[:3], entries[2:6], entries[3:8]):  # writers that died leave segments that overlap
        await archive.write(log.store, segment_of(place.topic, 0, some), some)
    async with admin(kafka) as client:
        await client.delete_records({place: RecordsToDelete(before_offset=7)})
    assert await _found(log, place, wanted) == whole
    assert await _found(log, place, [7]) == [(7, b"7")]


async def test_what_neither_has_is_left_out(kafka_bootstrap: str, tmp_path: Path) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    place, log = await _topic(kafka, [b"a", b"b", b"c", b"d"]), Log(FolderStore(tmp_path), kafka)
    kept = [Entry(1, 1_001, None, b"b")]
    await archive.write(log.store, segment_of(place.topic, 0, kept), kept)
    async with admin(kafka) as client:
        await client.delete_records({place: RecordsToDelete(before_offset=3)})
    assert await _found(log, place, [0, 1, 2, 3, 99]) == [(1, b"b"), (3, b"d")]
    assert await _found(log, place, []) == []
