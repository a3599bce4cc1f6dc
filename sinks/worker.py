"""The step that carries records of all topics into ClickHouse.

Before a block is inserted its last offset is committed as metadata, the offset unmoved; after it, the offset moves. A
crash in between forms the same block again, with the same deduplication tokens. Records that can never become rows are
dead-lettered before the offset passes them (those of a topic without dead letters are logged), and rows of erased
traces are removed before it does. While ClickHouse or the object store is away nothing is committed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.consumer import Commits
from pipeline.deadletter import Cap
from pipeline.document import open_document
from pipeline.errors import Erased, Invalid, Retryable
from pipeline.letters import meant_for
from pipeline.objectstore import ObjectStore
from pipeline.telemetry import logger
from schemas.codec import UndecodableRecord, decode
from schemas.records import TraceAssembled
from schemas.topics import (
    AUDIT_LOG,
    CONTROL,
    INTEGRITY_LOG,
    REJECTS,
    RESCORES,
    TRACE_ASSEMBLED,
    TRACE_JUDGED,
    TRACE_LOG,
    TRACE_VALIDATED,
)
from schemas.topics import TOPICS as ALL_TOPICS
from sinks.backoff import Backoff
from sinks.blocks import MAX_BYTES, MAX_ROWS, Block, Entry, columns, planned
from sinks.erasure import enforce
from sinks.letter_rows import letter_rows
from sinks.partition import Commit, Partition
from sinks.rows import Position, rows_of

GROUP = "sinks"
# In the order in which a rebuild reads them: what is erased is known before anything else comes.
READ = (TRACE_LOG, CONTROL, TRACE_ASSEMBLED, TRACE_VALIDATED, TRACE_JUDGED, RESCORES, REJECTS, AUDIT_LOG, INTEGRITY_LOG)
DEAD_LETTERS = frozenset(topic.dlq for topic in ALL_TOPICS if topic.dead_letters)
TOPICS = (*(topic.name for topic in READ), *sorted(DEAD_LETTERS))
BATCH = 200
_RECORDS = {topic.name: topic.records for topic in READ}
_WITHOUT_LETTERS = frozenset(topic.name for topic in READ if not topic.dead_letters)
Enforce = Callable[[ClickHouse, Iterable[str]], list[str]]
Committed = Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, OffsetAndMetadata]]]
"""What the group has committed for these partitions, with metadata."""
log = logger(__name__)


class Refusals(Protocol):
    """Where records go that cannot become rows: as `DeadLetters`."""

    group: str
    cap: Cap

    async def refuse(self, record: ConsumerRecord, error: Exception) -> None:
        """Returns once that is noted."""


class Sink:
    """Rows of many partitions through one connection, one block at a time. `inserted`: how many rows so far."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        store: ObjectStore,
        dead_letters: Refusals,
        committed: Committed,
        enforce: Enforce = enforce,
    ) -> None:
        self._clickhouse, self._store, self._dead_letters = clickhouse, store, dead_letters
        self._committed, self._enforce = committed, enforce
        self.inserted = 0
        self._partitions: dict[TopicPartition, Partition] = {}
        self._inserting = Backoff()

    @property
    def leads(self) -> bool:
        """Whether this sink has the first partition of trace-log: what is to be done by one alone is up to it."""
        return TopicPartition(TRACE_LOG.name, 0) in self._partitions

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        self._partitions = {tp: Partition(tp.topic, tp.partition) for tp in partitions}
        offsets = await self._committed(list(self._partitions)) if self._partitions else {}
        for tp, state in self._partitions.items():
            state.recover(planned(offsets[tp].metadata) if tp in offsets else None)

    async def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        for tp in partitions:
            self._partitions.pop(tp, None)

    def room(self) -> int:
        states = self._partitions.values()
        if any(state.block for state in states) or self._full():
            return 0  # the loop polls again at once, and nothing piles up while ClickHouse is away
        return BATCH - sum(len(state.raw) for state in states)

    def _full(self) -> bool:
        """Whether there are rows enough in memory; those of a block that must be completed first do not count."""
        held = [state for state in self._partitions.values() if not state.recovering]
        return sum(state.rows for state in held) >= 2 * MAX_ROWS or sum(state.size for state in held) >= 2 * MAX_BYTES

    async def submit(self, record: ConsumerRecord) -> None:
        self._partitions[TopicPartition(record.topic, record.partition)].raw.append(record)

    async def poll(self) -> Commits:
        advanced = [(tp, await self._advance(state)) for tp, state in self._partitions.items()]
        return {tp: commit for tp, commit in advanced if commit}

    async def close(self) -> None:
        self._clickhouse.close()

    async def _advance(self, state: Partition) -> Commit | None:
        await self._prepare(state)
        block = state.block
        if block is None:
            return state.cut(time.monotonic())
        if self._inserting.waiting(time.monotonic()):
            return None
        try:
            await asyncio.to_thread(self._insert, block)
        except Retryable as error:
            self._failed(self._inserting, error)
            return None
        self._inserting.succeeded()
        return state.inserted()

    async def _prepare(self, state: Partition) -> None:
        """Turn records into entries, as far as there is room for what they unpack to, and the object store is there."""
        while state.raw and state.takes and not state.opening.waiting(time.monotonic()):
            if self._full() and not state.recovering:
                break
            try:
                entry = await self._entry(state.raw[0])
            except Retryable as error:
                self._failed(state.opening, error)
                break
            state.opening.succeeded()
            state.raw.popleft()
            state.add(entry, time.monotonic())

    async def _entry(self, record: ConsumerRecord) -> Entry:
        try:
            entry = await self._mapped(record)
        except (Invalid, UndecodableRecord) as error:
            await self._refuse(record, error)
            return Entry(record.offset, {})
        except Erased:
            entry = Entry(record.offset, {})
        self._dead_letters.cap.taken()
        return entry

    async def _refuse(self, record: ConsumerRecord, error: Exception) -> None:
        if record.topic not in _WITHOUT_LETTERS:
            return await self._dead_letters.refuse(record, error)
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.warning("passed over", **place, reason=str(error)[:200])
        return None

    async def _mapped(self, record: ConsumerRecord) -> Entry:
        if record.topic in DEAD_LETTERS:
            return Entry(record.offset, letter_rows(record))
        if not meant_for(record.headers, self._dead_letters.group):
            return Entry(record.offset, {})
        if record.value is None and record.topic in _WITHOUT_LETTERS:
            return Entry(record.offset, {})  # a tombstone: its key is no more
        decoded = decode(record.value)
        if type(decoded).__name__ not in _RECORDS[record.topic]:
            raise Invalid(f"{record.topic} has no {type(decoded).__name__}")
        position = Position(record.topic, record.partition, record.offset)
        if not isinstance(decoded, TraceAssembled):
            rows = rows_of(decoded, position)
            return Entry(record.offset, rows, len(record.value) if rows else 0)
        document = await open_document(decoded, self._store)
        return Entry(record.offset, rows_of(decoded, position, document), decoded.document_size)

    def _insert(self, block: Block) -> None:
        for table, rows in block.rows.items():
            names, values = columns(rows)
            self._clickhouse.insert(table, names, values, block.token(table))
            self.inserted += len(rows)
        erased = self._enforce(self._clickhouse, block.trace_ids)
        if erased:
            log.info("erased from ClickHouse", topic=block.topic, traces=len(erased))

    def _failed(self, backoff: Backoff, error: Retryable) -> None:
        pause = backoff.failed(time.monotonic())
        log.warning("will try again", pause_s=pause, reason=str(error))
