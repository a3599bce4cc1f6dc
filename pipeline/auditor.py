"""The audit: trace-log against the revisions that were made of it, and those against the rows that are queryable.

Commits are read before the results that they promise, so that what is merely on its way is never called lost.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aiokafka.structs import TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.conservation import Balance, Disposition, Ledger
from pipeline.ids import minted_at_us
from pipeline.letters import meant_for
from pipeline.logreader import bounds, committed, read
from pipeline.replay import Log, Wanted
from pipeline.segments import Entry
from schemas.codec import UndecodableRecord, decode
from schemas.records import AssemblyProgress, Record, TraceAssembled
from schemas.topics import ASSEMBLY_PROGRESS, TRACE_ASSEMBLED, TRACE_LOG, Topic

STREAMS, SINKS = "streams", "sinks"
"""The consumer groups whose commits are promises."""
DAY_US = 24 * 3600 * 1_000_000
IDS = 2_000
SKEW_MS = 3_600_000
"""How much the clocks of the machines that write records may differ."""
MARKS = TopicPartition(ASSEMBLY_PROGRESS.name, 0)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is lost, and where it should be."""

    topic: str
    partition: int
    offset: int
    trace_id: str
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """The balances of all partitions, and every fault; the law holds where there is none."""

    balances: list[Balance]
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class Made:
    """A revision and where it stands; without its document."""

    place: TopicPartition
    offset: int
    revision: TraceAssembled


async def audit(
    log: Log, clickhouse: ClickHouse, retention_days: int, firsts: Mapping[TopicPartition, int] | None = None
) -> Report:
    """Audit trace-log from these offsets on, by default from the oldest that the broker holds.

    Raises Hole, Invalid, Retryable, QueryFailed, KafkaError, Unreachable.
    """
    consumed, sunk = await committed(log.kafka, STREAMS), await committed(log.kafka, SINKS)
    dead = await _dead(log, TRACE_LOG, STREAMS)
    ledgers: list[Ledger] = []
    since_ms = now_us() // 1000
    for place, (held, _) in (await bounds(log.kafka, TRACE_LOG.name)).items():
        first = held if firsts is None else firsts.get(place, held)
        ledger, oldest_ms = await _ledger(log, place, (first, consumed.get(place, 0)), dead)
        ledgers, since_ms = [*ledgers, ledger], min(since_ms, oldest_ms)
    made = [
        one
        async for one in _made(log, since_ms - SKEW_MS)
        if any(one.revision.trace_id in ledger for ledger in ledgers)
    ]
    balances = [ledger.balance([one.revision for one in made if one.revision.trace_id in ledger]) for ledger in ledgers]
    due = [one for one in made if one.offset < sunk.get(one.place, 0)]
    unsinkable, since_us = await _dead(log, TRACE_ASSEMBLED, SINKS), now_us() - retention_days * DAY_US
    faults = await asyncio.to_thread(_missing_rows, clickhouse, due, unsinkable, since_us)
    lost = [Fault(TRACE_LOG.name, v.partition, v.offset, v.trace_id, v.what) for b in balances for v in b.violations]
    return Report(balances, [*lost, *faults])


async def open_since(log: Log) -> dict[TopicPartition, int]:
    """For each partition an offset from which on every trace that is open now is whole."""
    _, end = (await bounds(log.kafka, MARKS.topic))[MARKS]
    marks = {}
    async for logged in read(log.kafka, MARKS, 0, end):
        mark = decode(logged.value)
        if isinstance(mark, AssemblyProgress):
            marks[TopicPartition(TRACE_LOG.name, mark.partition)] = mark.rebuild_from
    return marks


async def _ledger(
    log: Log, place: TopicPartition, stretch: tuple[int, int], dead: Collection[tuple[int, int]]
) -> tuple[Ledger, int]:
    """The ledger of the offsets [first, end) of a partition, and the time of its oldest record."""
    first, end = stretch
    ledger, oldest_ms = Ledger(place.partition, first), now_us() // 1000
    if first >= end:
        return ledger, oldest_ms
    async for entry in log.entries(place, first=first):
        if entry.offset >= end:
            break
        oldest_ms = min(oldest_ms, entry.timestamp_ms)
        ledger.take(entry.offset, *_told(entry, (place.partition, entry.offset) in dead))
    return ledger, oldest_ms


def _told(entry: Entry, dead: bool) -> tuple[Record | None, Disposition | None]:
    if entry.erased:
        return None, Disposition.ERASED
    record = _record(entry)
    if dead:
        return record, Disposition.DEAD_LETTERED
    if not meant_for(entry.headers, STREAMS):
        return record, Disposition.DUPLICATE
    fits = type(record).__name__ in TRACE_LOG.records and getattr(record, "trace_id", None) == entry.trace_id
    return (record if fits else None), None


def _record(entry: Entry) -> Record | None:
    try:
        return decode(entry.value)
    except UndecodableRecord:
        return None


async def _dead(log: Log, topic: Topic, group: str) -> set[tuple[int, int]]:
    """(partition, offset) of the records of a topic that a group has dead-lettered."""
    found = set()
    for place, (first, end) in (await bounds(log.kafka, topic.dlq)).items():
        async for letter in read(log.kafka, place, first, end):
            notes = dict(letter.headers)
            if notes.get("dlq-group") == group.encode() and notes.get("dlq-topic") == topic.name.encode():
                found.add((int(notes["dlq-partition"]), int(notes["dlq-offset"])))
    return found


async def _made(log: Log, since_ms: int) -> AsyncIterator[Made]:
    """Every revision since then."""
    for place in await bounds(log.kafka, TRACE_ASSEMBLED.name):
        async for entry in log.entries(place, Wanted(since_ms=since_ms)):
            if isinstance(record := _record(entry), TraceAssembled):
                yield Made(place, entry.offset, replace(record, document=None))


def _missing_rows(
    clickhouse: ClickHouse, due: Sequence[Made], dead: Collection[tuple[int, int]], since_us: int
) -> list[Fault]:
    """Revisions that the sinks have passed and that are not queryable, whole."""
    faults = []
    for some in _groups([one for one in due if (one.place.partition, one.offset) not in dead], since_us):
        listed = ", ".join(f"'{one.revision.trace_id}'" for one in some)
        # The rows first: an erasure is there before the rows go.
        rows = clickhouse.rows(f"SELECT trace_id, revision FROM traces WHERE trace_id IN ({listed})")
        counts = clickhouse.rows(
            "SELECT trace_id, revision, uniqExact(chain_index) AS n FROM events"
            f" WHERE trace_id IN ({listed}) GROUP BY trace_id, revision"
        )
        erased = clickhouse.rows(f"SELECT DISTINCT trace_id FROM erasures WHERE trace_id IN ({listed})")
        there = {(row["trace_id"], row["revision"]) for row in rows}
        events = {(row["trace_id"], row["revision"]): row["n"] for row in counts}
        gone = {row["trace_id"] for row in erased}
        faults += [fault for one in some if one.revision.trace_id not in gone for fault in _faults(one, there, events)]
    return faults


def _groups(due: Sequence[Made], since_us: int) -> Iterator[Sequence[Made]]:
    kept = [one for one in due if minted_at_us(one.revision.trace_id) > since_us]
    for first in range(0, len(kept), IDS):
        yield kept[first : first + IDS]


def _faults(made: Made, there: Collection[tuple[str, int]], events: Mapping[tuple[str, int], int]) -> Iterator[Fault]:
    revision = made.revision
    key, place = (revision.trace_id, revision.revision), (made.place.topic, made.place.partition, made.offset)
    if key not in there:
        yield Fault(*place, revision.trace_id, f"revision {revision.revision} has no row in ClickHouse")
    elif events.get(key, 0) != revision.event_count and not any(f.kind == "unreadable" for f in revision.findings):
        what = f"revision {revision.revision} has {revision.event_count} events, ClickHouse has {events.get(key, 0)}"
        yield Fault(*place, revision.trace_id, what)
