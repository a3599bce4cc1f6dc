"""Lag and its alarms on a real broker: records that wait, that are too old, and that are gone."""

from __future__ import annotations

import time
import uuid

import pytest
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from pipeline.kafka import admin, make_producer
from pipeline.lag import alarms, lags
from pipeline.settings import KafkaSettings

pytestmark = pytest.mark.integration
RETENTION_MS = 3_600_000


async def test_the_oldest_unread_record_is_held_against_the_topics_own_retention(kafka_bootstrap: str) -> None:
    kafka, name = KafkaSettings(kafka_bootstrap=kafka_bootstrap), f"lag-{uuid.uuid4().hex[:12]}"
    place, now_ms = TopicPartition(name, 0), time.time_ns() // 1_000_000
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(name, 1, 1, topic_configs={"retention.ms": str(RETENTION_MS)})])
    producer = make_producer(kafka)
    await producer.start()
    for age_ms in (3_500_000, 3_400_000, 0):
        await producer.send_and_wait(name, b"x", partition=0, timestamp_ms=now_ms - age_ms)
    await producer.stop()

    (behind,) = await lags(kafka, {place: 1})
    assert (behind.unread, behind.oldest_ms, behind.retention_ms) == (2, now_ms - 3_400_000, RETENTION_MS)
    assert alarms([behind], now_ms) == [f"{name}/0 has unread records 3400 s old, and is kept for 3600 s"]
    assert alarms(await lags(kafka, {place: 2}), now_ms) == []
    (read,) = await lags(kafka, {place: 3})
    assert (read.unread, read.oldest_ms) == (0, None)

    async with admin(kafka) as client:
        await client.delete_records({place: RecordsToDelete(before_offset=2)})
    (late,) = await lags(kafka, {place: 1})
    assert (late.unread, late.first) == (1, 2)
    assert alarms([late], now_ms) == [f"1 records of {name}/0 were dropped by retention before they were read"]
