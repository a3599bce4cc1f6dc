"""The end of what is kept in the object store: what is older than the retention goes, by the time in its key.

Every key names its trace, whose id has the time of its creation, or is a segment of the archive with the time of its
newest record. Only the folders of these are listed: the places of the Merkle log's leaves, of which there is one for
each leaf ever made, are not. Keys of another shape are not ours to remove.
"""

import asyncio

from pipeline.clock import Clock
from pipeline.erasure import MARKS
from pipeline.errors import Retryable
from pipeline.ids import SHAPE, minted_at_us
from pipeline.objectstore import TRACE_FOLDERS, ObjectStore
from pipeline.segments import FOLDER, INDEX, SEGMENT, parse_key
from pipeline.telemetry import logger

SWEPT = (*(f"{folder}/" for folder in TRACE_FOLDERS), MARKS, FOLDER)
DAY_US = 24 * 3600 * 1_000_000
PAUSE_S = 3600.0
AT_ONCE = 16
log = logger(__name__)


def made_at_us(key: str) -> int | None:
    """The time that a key tells, microseconds since the epoch; None where it tells none."""
    if segment := parse_key(key.removesuffix(INDEX) + SEGMENT if key.endswith(INDEX) else key):
        return segment.last_ms * 1000
    named = SHAPE.search(key)
    return minted_at_us(named[0]) if named else None


async def sweep(store: ObjectStore, retention_days: int, now_us: int) -> int:
    """Remove what is older; how many objects. Raises Retryable."""
    limit = now_us - retention_days * DAY_US
    removed = 0
    for prefix in SWEPT:
        old = [key for key in await store.keys(prefix) if (at := made_at_us(key)) is not None and at < limit]
        await _delete(store, old)
        removed += len(old)
    return removed


async def _delete(store: ObjectStore, old: list[str]) -> None:
    for first in range(0, len(old), AT_ONCE):
        await asyncio.gather(*map(store.delete, old[first : first + AT_ONCE]))


async def keep_sweeping(store: ObjectStore, retention_days: int, clock: Clock, stop: asyncio.Event) -> None:
    """Sweep now and every hour until told to stop. Two that do it at once do no harm."""
    while not stop.is_set():
        try:
            removed = await sweep(store, retention_days, clock())
            log.info("swept the object store", removed=removed, retention_days=retention_days)
        except Retryable as error:
            log.warning("will sweep later", reason=str(error))
        try:
            await asyncio.wait_for(stop.wait(), PAUSE_S)
        except TimeoutError:
            continue
