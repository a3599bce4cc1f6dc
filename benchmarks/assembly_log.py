"""Logs for the measurements of the assembler, written as the gateway writes them, and ways to look at the result."""

from collections.abc import Iterator

from aiokafka.structs import TopicPartition

from benchmarks.traffic import small_events
from pipeline.canonical import dumps
from pipeline.chain import chunk_digest
from pipeline.kafka import make_consumer, make_producer
from pipeline.logreader import reader
from pipeline.settings import KafkaSettings
from schemas.codec import encode
from schemas.records import EventsAppended, TraceCompleted, TraceCreated
from schemas.topics import TRACE_ASSEMBLED, TRACE_LOG
from streams.partition import GROUP

PARTITIONS = 4
EVENTS = 50
AT_ONCE = 40
START_US = 1_700_000_000_000_000


def created(number: int, at_us: int) -> TraceCreated:
    """The beginning of a trace; `number` chooses its id."""
    return TraceCreated(
        trace_id=f"trace-{number:032x}",
        project="default",
        participant_id=f"participant-{number % 100}",
        consent="research",
        consent_source="given",
        task_id=f"load-{number}",
        task_title=f"Off by one in part {number}",
        repo_origin="https://example.org/load.git",
        environment={"os": "linux", "python_version": "3.11"},
        created_at_us=at_us,
        redactions={},
    )


def chunks(begun: TraceCreated, offset: int, count: int) -> Iterator[EventsAppended]:
    """So many chunks of EVENTS events each, each with the digest of the one before it."""
    before, story = None, small_events(int(begun.trace_id[-6:], 16))
    for seq in range(count):
        numbered = ((seq * EVENTS + i, story[i % len(story)]) for i in range(EVENTS))
        events = tuple(dumps({**event, "id": f"evt-{i:06d}", "seq": i}) for i, event in numbered)
        digest = chunk_digest(begun.trace_id, seq, f"chunk-{seq}", before, events)
        yield EventsAppended(
            trace_id=begun.trace_id,
            project=begun.project,
            created_offset=offset,
            chunk_id=f"chunk-{seq}",
            chunk_seq=seq,
            received_at_us=begun.created_at_us + seq,
            events=events,
            chunk_digest=digest,
            body_mac=digest.encode()[-32:],
            prev_chunk_digest=before,
            redactions={},
        )
        before = digest


def ended(begun: TraceCreated, offset: int, count: int) -> TraceCompleted:
    """The end of a trace of so many chunks."""
    at_us = begun.created_at_us + count
    return TraceCompleted(
        trace_id=begun.trace_id,
        project=begun.project,
        created_offset=offset,
        completed_at_us=at_us,
        event_count=count * EVENTS,
    )


async def fill(kafka: KafkaSettings, numbers: range, count: int, at_us: int, end: bool = True) -> None:
    """Traces of `count` chunks, AT_ONCE of them interleaved; open ones where `end` is false."""
    producer = make_producer(kafka)
    await producer.start()
    try:
        for first in range(numbers.start, numbers.stop, AT_ONCE):
            begun = [created(number, at_us) for number in range(first, min(first + AT_ONCE, numbers.stop))]
            sent = [await producer.send(TRACE_LOG.name, encode(b), key=b.trace_id.encode()) for b in begun]
            offsets = [(await each).offset for each in sent]
            told = [_rest(b, offset, count, end) for b, offset in zip(begun, offsets, strict=True)]
            for records in zip(*told, strict=True):
                for record in records:
                    await producer.send(TRACE_LOG.name, encode(record), key=record.trace_id.encode())
        await producer.flush()
    finally:
        await producer.stop()


def _rest(begun: TraceCreated, offset: int, count: int, end: bool) -> list[EventsAppended | TraceCompleted]:
    records: list[EventsAppended | TraceCompleted] = [*chunks(begun, offset, count)]
    return [*records, ended(begun, offset, count)] if end else records


async def length(kafka: KafkaSettings, topic: str = TRACE_LOG.name) -> int:
    """How many records a topic has had."""
    return sum((await ends(kafka, topic)).values())


async def ends(kafka: KafkaSettings, topic: str) -> dict[TopicPartition, int]:
    """The next offset of each partition."""
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    async with reader(kafka, *places) as consumer:
        found: dict[TopicPartition, int] = await consumer.end_offsets(places)
    return found


async def place_group(kafka: KafkaSettings, offsets: dict[TopicPartition, int], group: str = GROUP) -> None:
    """Put a group that has no members at these offsets."""
    consumer = make_consumer(kafka, group=group)
    await consumer.start()
    try:
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    finally:
        await consumer.stop()


async def times_ms(kafka: KafkaSettings, since: dict[TopicPartition, int]) -> list[int]:
    """When each revision after `since` was sent, ascending."""
    now = await ends(kafka, TRACE_ASSEMBLED.name)
    found: list[int] = []
    async with reader(kafka, *now) as consumer:
        for place, offset in since.items():
            consumer.seek(place, offset)
        while len(found) < sum(now[place] - since[place] for place in now):
            batches = await consumer.getmany(timeout_ms=200)
            found += [record.timestamp for records in batches.values() for record in records]
    return sorted(found)
