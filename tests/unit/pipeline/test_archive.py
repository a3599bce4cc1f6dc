"""Segments come back as they were written; what is erased goes out of them and its place stays, whoever is first."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.archive import erase_archived, holding, read, segments, traces_of, write
from pipeline.erasure import mark_erased
from pipeline.errors import Invalid
from pipeline.objectstore import FolderStore
from pipeline.segments import Entry, pack, parse_key, segment_of, unpack
from schemas.codec import encode
from schemas.records import TraceCompleted, TraceErased
from tests.support.finished import example, fresh_id

ONE, OTHER = fresh_id(), fresh_id()
NOW_MS = 4_000_000_000_000


def _entries(*trace_ids: str, first: int = 0) -> list[Entry]:
    return [
        Entry(offset, NOW_MS + offset, name.encode(), encode(example(TraceCompleted, name)), (("h", b"\xff"),))
        for offset, name in enumerate(trace_ids, first)
    ]


def test_a_segment_is_named_by_its_place_and_times_and_comes_back_whole() -> None:
    entries = [*_entries(ONE, OTHER, first=7), Entry(9, NOW_MS - 5, None, b"no record", ())]
    segment = segment_of("trace-log", 3, entries)
    assert parse_key(segment.key) == segment
    assert (segment.first, segment.last, segment.first_ms, segment.last_ms) == (7, 9, NOW_MS - 5, NOW_MS + 8)
    assert unpack(pack(entries)) == entries


@pytest.mark.parametrize("key", ["archive/trace-log/3/x.avro", "documents/trace-1/ab", "erasures/trace-1"])
def test_other_objects_are_no_segments(key: str) -> None:
    assert parse_key(key) is None


@pytest.mark.parametrize("data", [b"", b"no avro", pack(_entries(ONE))[:-3]])
def test_a_damaged_segment_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid):
        unpack(data)


async def test_an_erased_trace_goes_from_the_segments_and_its_places_stay(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    erasure = Entry(3, NOW_MS, ONE.encode(), encode(example(TraceErased, ONE)))
    entries = [*_entries(ONE, OTHER, ONE), erasure]
    segment, foreign = segment_of("trace-log", 0, entries), segment_of("trace-log", 1, _entries(OTHER))
    await write(store, segment, entries)
    await write(store, foreign, _entries(OTHER))
    before = await store.get(foreign.key)
    await mark_erased(store, ONE)
    assert await erase_archived(store, ONE) == 1
    kept = await read(store, segment)
    assert [entry.erased for entry in kept] == [True, False, True, False]
    assert kept[1] == entries[1]
    assert kept[3] == erasure
    assert [entry.offset for entry in kept] == [0, 1, 2, 3]
    assert ONE.encode() not in pack(kept[:3])
    assert await store.get(foreign.key) == before
    assert await holding(store, OTHER) == [segment, foreign]


async def test_what_is_archived_after_the_erasure_is_written_without_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await mark_erased(store, ONE)
    segment = segment_of("trace-log", 0, _entries(ONE, OTHER))
    await write(store, segment, _entries(ONE, OTHER))
    assert [entry.trace_id for entry in await read(store, segment)] == ["", OTHER]
    assert await traces_of(store, segment) == {OTHER}


class _Meddled(FolderStore):
    """While the first rewriting is under way another trace of the segment is erased, and its own rewriting is lost."""

    meddling = True

    async def put(self, key: str, data: bytes) -> None:
        if self.meddling and key.endswith(".avro") and await self.exists(key):
            self.meddling = False
            await mark_erased(self, OTHER)
            await erase_archived(self, OTHER)
        await super().put(key, data)


async def test_two_erasures_in_one_segment_at_once_both_hold(tmp_path: Path) -> None:
    store = _Meddled(tmp_path)
    segment = segment_of("trace-log", 0, _entries(ONE, OTHER))
    await write(store, segment, _entries(ONE, OTHER))
    await mark_erased(store, ONE)
    await erase_archived(store, ONE)
    assert not store.meddling
    assert [entry.erased for entry in await read(store, segment)] == [True, True]


async def test_segments_are_listed_by_partition_in_order(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    made = [segment_of("trace-log", p, _entries(ONE, first=first)) for p, first in ((1, 0), (0, 10), (0, 9), (10, 0))]
    for segment in made:
        await write(store, segment, _entries(ONE, first=segment.first))
    assert await segments(store, "trace-log", 0) == [made[2], made[1]]
    assert await segments(store, "trace-log", 1) == [made[0]]
    assert len(await segments(store)) == 4
