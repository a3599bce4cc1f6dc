"""The archive of topics in the object store: segments are written, found, read, and rid of erased traces.

Segments of a partition may overlap where their writer died; together they have no holes.
"""

import asyncio
from collections.abc import Sequence

from pipeline.erasure import MARKS
from pipeline.ids import minted_at_us
from pipeline.objectstore import ObjectMissing, ObjectStore
from pipeline.segments import FOLDER, Entry, Segment, pack, parse_key, traces_in, unpack


async def segments(store: ObjectStore, topic: str = "", partition: int | None = None) -> list[Segment]:
    """The stored segments of a partition, of a topic or of all, in order. Raises Retryable."""
    prefix = FOLDER + (f"{topic}/" if topic else "") + (f"{partition}/" if partition is not None else "")
    return sorted(segment for key in await store.keys(prefix) if (segment := parse_key(key)))


async def write(store: ObjectStore, segment: Segment, entries: Sequence[Entry]) -> None:
    """Store a new segment, without what is erased by now. Raises Retryable."""
    # The index first: a segment without one would hide its traces from an erasure.
    await store.put(segment.index_key, _index(entries))
    await store.put(segment.key, pack(entries))
    await purge(store, segment)


async def read(store: ObjectStore, segment: Segment) -> list[Entry]:
    """What a segment holds. Raises Retryable, Invalid, ObjectMissing."""
    return unpack(await store.get(segment.key))


async def traces_of(store: ObjectStore, segment: Segment) -> set[str]:
    """The traces of which a segment has records; none where it is gone. Raises Retryable."""
    try:
        return set((await store.get(segment.index_key)).decode().split())
    except ObjectMissing:
        return set()


async def purge(store: ObjectStore, segment: Segment) -> bool:
    """Empty the places of all erased traces in a segment; whether there were any. Raises Retryable, Invalid.

    Two may do it at once, each for another trace: whoever writes last sees the other's mark afterwards, and repeats.
    """
    held, emptied = await traces_of(store, segment), set[str]()
    while (erased := held & await _marked(store)) - emptied:
        kept = [entry.without(erased) for entry in await read(store, segment)]
        # Here the index last: until the segment is clean it must be found.
        await store.put(segment.key, pack(kept))
        await store.put(segment.index_key, _index(kept))
        emptied = erased
    return bool(emptied)


async def holding(store: ObjectStore, trace_id: str) -> list[Segment]:
    """The segments that have records of a trace. Raises Retryable."""
    since_ms = minted_at_us(trace_id) // 1000
    young = [segment for segment in await segments(store) if segment.last_ms >= since_ms]
    return [segment for segment, traces in zip(young, await _traces(store, young), strict=True) if trace_id in traces]


async def erase_archived(store: ObjectStore, trace_id: str) -> int:
    """Empty the places of a marked trace in every segment; how many had any. Raises Retryable, Invalid."""
    return sum([await purge(store, segment) for segment in await holding(store, trace_id)])


async def _traces(store: ObjectStore, found: Sequence[Segment]) -> list[set[str]]:
    return await asyncio.gather(*[traces_of(store, segment) for segment in found])


async def _marked(store: ObjectStore) -> set[str]:
    return {key.removeprefix(MARKS) for key in await store.keys(MARKS)}


def _index(entries: Sequence[Entry]) -> bytes:
    return "\n".join(sorted(traces_in(entries))).encode()
