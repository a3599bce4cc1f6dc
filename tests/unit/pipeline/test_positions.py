"""Archived records are found by their offsets: each once, in order, though segments overlap and some are not there."""

from __future__ import annotations

import random
from pathlib import Path

from aiokafka.structs import TopicPartition

from pipeline import archive
from pipeline.objectstore import FolderStore
from pipeline.positions import _archived
from pipeline.replay import Log
from pipeline.segments import Entry, segment_of
from pipeline.settings import KafkaSettings

PLACE = TopicPartition("trace-assembled", 3)
STRETCHES = ((0, 9), (5, 14), (5, 20), (30, 33))


async def found(store: FolderStore, offsets: list[int]) -> list[int]:
    return [entry.offset async for entry in _archived(Log(store, KafkaSettings()), PLACE, offsets)]


async def fill(store: FolderStore) -> None:
    for first, last in STRETCHES:
        entries = [Entry(offset, offset, b"key", b"%d" % offset) for offset in range(first, last + 1)]
        await archive.write(store, segment_of(PLACE.topic, PLACE.partition, entries), entries)


async def test_each_is_found_once_and_in_order(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await fill(store)
    held = {*range(21), *range(30, 34)}
    chosen = [sorted(random.Random(seed).sample(range(40), 12)) for seed in range(20)]
    for offsets in ([], [7], [3, 9, 10, 20], [21, 25, 29], [20, 30, 33, 34], list(range(40)), *chosen):
        assert await found(store, offsets) == [offset for offset in offsets if offset in held]
