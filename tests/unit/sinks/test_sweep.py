"""What is older than the retention goes from the object store, by the time in its key; nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.archive import write
from pipeline.erasure import mark_key
from pipeline.ids import new_trace_id
from pipeline.integritystore import CHECKPOINT, place_key
from pipeline.objectstore import FolderStore, artifact_key, trace_prefixes
from pipeline.segments import Entry, segment_of
from sinks.sweep import DAY_US, made_at_us, sweep

NOW_US = 1_800_000_000_000_000
SHA = "sha256:" + "a" * 64


def _id(days: float) -> str:
    """The id of a trace that began so long ago."""
    return new_trace_id(NOW_US - int(days * DAY_US))


def _segment_at(days: float) -> list[Entry]:
    at_ms = (NOW_US - int(days * DAY_US)) // 1000
    return [Entry(0, at_ms - 10 * DAY_US // 1000, b"k", b"v"), Entry(1, at_ms, b"k", b"v")]


async def test_only_what_is_older_goes_whatever_it_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    old, young = _id(91), _id(89)
    kept = [f"{prefix}x" for prefix in trace_prefixes("p", young)] + [mark_key(young), CHECKPOINT]
    for key in [*kept, *(f"{prefix}x" for prefix in trace_prefixes("p", old)), mark_key(old)]:
        await store.put(key, b"x")
    for days in (91, 89):
        await write(store, segment_of("trace-log", 0, _segment_at(days)), _segment_at(days))
    newer = segment_of("trace-log", 0, _segment_at(89))
    assert await sweep(store, 90, NOW_US) == len(trace_prefixes("p", old)) + 1 + 2
    assert await store.keys("") == sorted([*kept, newer.key, newer.index_key])
    assert await sweep(store, 90, NOW_US) == 0


async def test_the_places_of_leaves_are_not_even_listed(tmp_path: Path) -> None:
    class Watched(FolderStore):
        async def keys(self, prefix: str) -> list[str]:
            assert not prefix.startswith("integrity")
            assert prefix
            return await super().keys(prefix)

    store = Watched(tmp_path)
    await store.put(place_key(b"leaf"), b"x")
    assert await sweep(store, 90, NOW_US) == 0
    assert await store.exists(place_key(b"leaf"))


@pytest.mark.parametrize("key", ["integrity/tile/0/000", "anything", "archive/trace-log/0/x.avro"])
def test_a_key_without_a_time_is_left_alone(key: str) -> None:
    assert made_at_us(key) is None


def test_an_artifact_is_as_old_as_its_trace() -> None:
    assert made_at_us(artifact_key("p", _id(3), SHA, private=True)) == NOW_US - 3 * DAY_US
