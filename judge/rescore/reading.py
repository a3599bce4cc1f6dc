"""The planned records, in the plan's order, from topic and archive as one log."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from aiokafka.structs import TopicPartition

from judge.rescore.plan import Plan
from pipeline.positions import at
from pipeline.replay import Log
from pipeline.segments import Entry
from schemas.topics import TRACE_ASSEMBLED


async def planned(log: Log, plan: Plan, position: int) -> AsyncGenerator[Entry | None]:
    """What stands at each place of the plan after the first `position`; None where neither topic nor archive has it.

    Raises Invalid, Retryable, Unreachable, KafkaError.
    """
    for partition, offsets in plan.rest(position):
        async for entry in _in_order(log, TopicPartition(TRACE_ASSEMBLED.name, partition), offsets, look_again=True):
            yield entry


async def _in_order(
    log: Log, place: TopicPartition, offsets: Sequence[int], look_again: bool
) -> AsyncIterator[Entry | None]:
    position = 0
    async for entry in at(log, place, offsets):
        here = bisect_left(offsets, entry.offset, position)
        async for missed in _missing(log, place, offsets[position:here], look_again):
            yield missed
        yield entry
        position = here + 1
    async for missed in _missing(log, place, offsets[position:], look_again):
        yield missed


async def _missing(
    log: Log, place: TopicPartition, offsets: Sequence[int], look_again: bool
) -> AsyncIterator[Entry | None]:
    """What a retention took away while we read is in the archive by now."""
    if offsets and look_again:
        async for entry in _in_order(log, place, offsets, look_again=False):
            yield entry
    else:
        for _ in offsets:
            yield None


async def sample(log: Log, plan: Plan, positions: Sequence[int]) -> list[Entry]:
    """What stands at some places of the plan, as far as anything does."""
    return [
        entry
        for partition, offsets in plan.at(positions)
        async for entry in at(log, TopicPartition(TRACE_ASSEMBLED.name, partition), offsets)
    ]
