"""The leases of a worker: one for each assigned partition, made when first needed in a generation of the group."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from pipeline.clock import Clock
from schemas.records import AssemblyProgress, TraceExpired
from streams.assembly import Patience
from streams.held import Memory
from streams.marks import Marks
from streams.partition import Lease, Log, restore

Expire = Callable[[TraceExpired, int], Awaitable[None]]
WriteMark = Callable[[AssemblyProgress], Awaitable[None]]


class Leases:
    """Partition -> lease. A lease of an older generation is never given out again."""

    def __init__(self, log: Log, memory: Memory) -> None:
        self._log, self._memory = log, memory
        self._held: dict[int, Lease] = {}
        self._turn = asyncio.Lock()
        self._marks = Marks()

    async def get(self, partition: int, generation: int) -> Lease:
        """The lease of a partition, restored from the log where this generation has none yet."""
        async with self._turn:
            lease = self._held.get(partition)
            if lease is None or lease.generation != generation:
                lease = self._held[partition] = await restore(self._log, partition, generation, self._memory)
            return lease

    def of(self, generation: int) -> list[Lease]:
        """The leases of this generation that there are now."""
        return [lease for lease in self._held.values() if lease.generation == generation]

    async def wait(self, seconds: float) -> None:
        """Wait that long for effects under way. What is not out by then, or fails, is simply not applied."""
        under_way = [effect.out for lease in self._held.values() for effect in lease.under_way]
        if under_way:
            await asyncio.wait(under_way, timeout=seconds)

    def clear(self) -> None:
        """The partitions were revoked."""
        self._held.clear()

    async def covered(self, marks: Iterable[AssemblyProgress], write: WriteMark) -> None:
        """A commit covers these marks: write those that are worth it."""
        for mark in self._marks.due(marks):
            await write(mark)
            self._marks.written(mark)


async def expire(lease: Lease, patience: Patience, clock: Clock, write: Expire) -> None:
    """Say in the log, once in the idle time, that a trace has had its time. Whether it ends is decided when read."""
    now_us = clock()
    for trace in lease.open.overdue(now_us, patience):
        expired = TraceExpired(
            trace_id=trace.created.trace_id,
            project=trace.created.project,
            created_offset=trace.first_offset,
            expired_at_us=now_us,
            idle_us=patience.idle_us,
            age_us=patience.age_us,
        )
        trace.asked_us = now_us
        await write(expired, lease.partition)
