"""When a segment is due: by size, by age, or because memory is full; and nothing is committed before it is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.archive import read, segments
from pipeline.errors import Retryable
from pipeline.objectstore import FolderStore
from sinks import archiver
from sinks.archiver import Archiver

ONE, OTHER = TopicPartition("trace-log", 0), TopicPartition("trace-log", 1)


def _record(tp: TopicPartition, offset: int, size: int = 10) -> ConsumerRecord:
    return ConsumerRecord(tp.topic, tp.partition, offset, 7, 0, b"key", b"v" * size, None, 3, size, ())


async def _with(store: FolderStore, segment_s: float, *records: ConsumerRecord) -> Archiver:
    step = Archiver(store, segment_s)
    await step.assigned([ONE, OTHER])
    for record in records:
        await step.submit(record)
    return step


async def test_a_young_small_stretch_waits(tmp_path: Path) -> None:
    step = await _with(FolderStore(tmp_path), 60, _record(ONE, 5))
    assert await step.poll() == {}
    assert await FolderStore(tmp_path).keys("") == []


async def test_an_old_stretch_is_written_and_then_committed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    step = await _with(store, 0, _record(ONE, 5), _record(ONE, 6))
    assert await step.poll() == {ONE: (7, "")}
    (segment,) = await segments(store)
    assert [entry.offset for entry in await read(store, segment)] == [5, 6]
    assert await step.poll() == {}


async def test_a_big_stretch_is_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver, "SEGMENT_BYTES", 100)
    step = await _with(FolderStore(tmp_path), 60, _record(ONE, 5), _record(OTHER, 8, size=100))
    assert await step.poll() == {OTHER: (9, "")}


async def test_full_memory_takes_no_more_and_frees_the_biggest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver, "MOST_BYTES", 100)
    step = await _with(FolderStore(tmp_path), 60, _record(ONE, 5, size=40), _record(OTHER, 8, size=60))
    assert step.room() == 0
    assert await step.poll() == {OTHER: (9, "")}
    assert step.room() > 0


class _Away(FolderStore):
    async def put(self, key: str, data: bytes) -> None:
        raise Retryable("away")


async def test_while_the_store_is_away_nothing_is_committed_or_forgotten(tmp_path: Path) -> None:
    step = await _with(_Away(tmp_path), 0, _record(ONE, 5))
    assert [await step.poll() for _ in range(3)] == [{}, {}, {}]
    assert step._held() > 0


async def test_a_partition_that_was_taken_away_is_not_written(tmp_path: Path) -> None:
    step = await _with(FolderStore(tmp_path), 0, _record(ONE, 5), _record(OTHER, 6))
    await step.revoked([ONE])
    assert await step.poll() == {OTHER: (7, "")}
