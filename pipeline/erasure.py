"""What it takes to erase a trace: from the object store, and what of it may stay. The log says so first (TraceErased).

The object store keeps a mark of every erased trace, so that whoever stores something late sees it. Who erases first
puts the mark and then lists; who stores something first stores and then looks for the mark: one of the two removes it.
"""

import asyncio

from pipeline.objectstore import ObjectStore, trace_prefixes

MARKS = "erasures/"
KEPT_TABLES = frozenset({"erasures", "erased_heads"})
"""Tables that name an erased trace for ever: that it was erased, and its heads, from which nothing can be guessed."""


def mark_key(trace_id: str) -> str:
    """The mark of an erased trace."""
    return f"{MARKS}{trace_id}"


async def mark_erased(store: ObjectStore, trace_id: str) -> None:
    """From now on what is stored of this trace is removed again. Raises Retryable."""
    await store.put(mark_key(trace_id), b"")


async def is_erased(store: ObjectStore, trace_id: str) -> bool:
    """Whether the trace has its mark. Raises Retryable."""
    return await store.exists(mark_key(trace_id))


async def erase_objects(store: ObjectStore, project: str, trace_id: str) -> int:
    """Remove every object of a trace, however often; how many there were. Raises Retryable."""
    keys = [key for prefix in trace_prefixes(project, trace_id) for key in await store.keys(prefix)]
    await asyncio.gather(*map(store.delete, keys))
    return len(keys)
