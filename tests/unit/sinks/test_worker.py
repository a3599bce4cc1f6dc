"""The sink's step where something is away: it waits, and holds up only what needs it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.deadletter import DeadLetters
from pipeline.kafka import make_producer
from pipeline.s3store import S3Store
from pipeline.settings import ClickHouseSettings, KafkaSettings, ObjectStoreSettings
from schemas.codec import encode
from schemas.records import ArtifactStored, Record, TraceJudged
from schemas.topics import CONTROL, TRACE_ASSEMBLED, TRACE_LOG
from sinks.worker import BATCH, Sink
from tests.support.finished import EXAMPLES, example, finished, fresh_id
from tests.support.ports import free_port

ASSEMBLED, LOG = TopicPartition(TRACE_ASSEMBLED.name, 0), TopicPartition(TRACE_LOG.name, 0)
RUNS = TopicPartition(CONTROL.name, 0)


def _record(tp: TopicPartition, offset: int, record: Record | bytes | None) -> ConsumerRecord:
    value = record if record is None or isinstance(record, bytes) else encode(record)
    return ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, b"key", value, None, 3, len(value or b""), [])


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    """Its object store and its ClickHouse are away, its group has committed nothing."""

    async def committed(_partitions: list[TopicPartition]) -> dict[Any, Any]:
        return {}

    store = S3Store(ObjectStoreSettings(s3_endpoint=f"http://127.0.0.1:{free_port()}"))
    clickhouse = ClickHouse(ClickHouseSettings(clickhouse_url=f"http://127.0.0.1:{free_port()}"))
    producer = make_producer(KafkaSettings())
    sink = Sink(clickhouse, store, DeadLetters(producer, "group", "stage"), committed)
    await sink.assigned([ASSEMBLED, LOG, RUNS])
    yield sink
    await producer.stop()


async def test_a_document_that_cannot_be_fetched_now_holds_up_its_partition_only(sink: Sink) -> None:
    one = fresh_id()
    await sink.submit(_record(ASSEMBLED, 0, finished(one, document=None, document_ref="documents/there")))
    await sink.submit(_record(LOG, 0, example(ArtifactStored, one)))
    assert await sink.poll() == {LOG: (1, "")}
    assert await sink.poll() == {}
    assert sink.room() == BATCH - 1


async def test_while_clickhouse_is_away_nothing_is_committed_or_taken(sink: Sink) -> None:
    await sink.submit(_record(ASSEMBLED, 7, finished(fresh_id())))
    commits: dict[TopicPartition, tuple[int, str]] = {}
    while not commits:
        commits = dict(await sink.poll())
    assert commits == {ASSEMBLED: (7, "plan:7")}
    assert [await sink.poll() for _ in range(3)] == [{}, {}, {}]
    assert sink.room() == 0
    await sink.revoked([ASSEMBLED])
    assert sink.room() == BATCH


async def test_of_control_only_runs_become_rows_and_what_cannot_be_read_there_is_passed_over(sink: Sink) -> None:
    """Its producer is not even started: nothing is dead-lettered."""
    judged = example(TraceJudged, fresh_id())
    for offset, record in enumerate((EXAMPLES["ApiKeyRecorded"], None, b"no record", judged)):
        await sink.submit(_record(RUNS, offset, record))
    assert await sink.poll() == {RUNS: (4, "")}
    await sink.submit(_record(RUNS, 9, EXAMPLES["RunPromoted"]))
    commits: dict[TopicPartition, tuple[int, str]] = {}
    while not commits:
        commits = dict(await sink.poll())
    assert commits == {RUNS: (9, "plan:9")}
