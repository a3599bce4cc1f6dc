"""Traces so young that ClickHouse may not show them yet: what the sinks have not committed of trace-log.

Whoever asks ClickHouse afterwards misses no trace that was there when this began.
"""

from collections.abc import AsyncIterator

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from ingest_gateway.problems import LOG_UNAVAILABLE, STORE_UNAVAILABLE, Problem
from pipeline.errors import Explained
from pipeline.logreader import bounds, committed, read
from pipeline.settings import KafkaSettings
from schemas.codec import UndecodableRecord, decode
from schemas.records import TraceCreated
from schemas.topics import TRACE_LOG

SINKS = "sinks"
"""The consumer group whose commits say what ClickHouse has."""
MOST_UNSEEN = 200_000
RETRY_AFTER_S = 5


class Fresh:
    """Looks into the log of one broker."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    async def created(self) -> list[TraceCreated]:
        """The traces that were created since the sinks' last commit. Raises Problem where that cannot be told."""
        try:
            ranges = await self._unseen()
            if sum(end - first for first, end in ranges.values()) > MOST_UNSEEN:
                raise Problem(STORE_UNAVAILABLE, "what is queryable is too far behind", retry_after_s=RETRY_AFTER_S)
            return [made for place, (first, end) in ranges.items() async for made in self._created(place, first, end)]
        except (KafkaError, OSError, TimeoutError, Explained) as error:
            raise Problem(LOG_UNAVAILABLE, "the log cannot be read now", retry_after_s=RETRY_AFTER_S) from error

    async def _unseen(self) -> dict[TopicPartition, tuple[int, int]]:
        seen = await committed(self._kafka, SINKS)
        held = await bounds(self._kafka, TRACE_LOG.name)
        return {place: (max(first, seen.get(place, 0)), end) for place, (first, end) in held.items()}

    async def _created(self, place: TopicPartition, first: int, end: int) -> AsyncIterator[TraceCreated]:
        async for logged in read(self._kafka, place, first, end):
            try:
                record = decode(logged.value)
            except UndecodableRecord:
                continue
            if isinstance(record, TraceCreated):
                yield record
