"""The topics are created as the table says, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.kafka import admin, ensure_topics
from pipeline.settings import KafkaSettings
from schemas.topics import AUDIT_LOG, TOPICS, TRACE_LOG
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running
from tests.support.stack import kafka_command

pytestmark = pytest.mark.integration


@pytest.mark.usefixtures("kafka_bootstrap")  # skips where no broker can run
async def test_topics_are_those_of_the_table_and_existing_ones_are_left_alone(tmp_path: Path) -> None:
    port = free_port()
    with running(kafka_command(port, tmp_path), tmp_path / "log.txt", lambda: accepts_connections(port)):
        kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
        expected = {topic.name: topic.partitions[0] for topic in TOPICS}
        expected |= {topic.dlq: topic.partitions[0] for topic in TOPICS if topic.dead_letters}
        expected[TRACE_LOG.name] = 7
        async with admin(kafka) as client:
            await client.create_topics([NewTopic(TRACE_LOG.name, 7, 1)])
        for _ in range(2):
            await ensure_topics(kafka)
            assert await _partitions(kafka) == expected
        for topic in set(TOPICS) - {TRACE_LOG}:
            configs = await _configs(kafka, topic.name)
            assert configs["cleanup.policy"] == topic.cleanup
            assert configs["retention.ms"] == str(topic.retention_ms)
            assert configs["max.message.bytes"] == str(2 * 1024 * 1024)


async def _partitions(kafka: KafkaSettings) -> dict[str, int]:
    async with admin(kafka) as client:
        described = await client.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["topic"].startswith("__")}


async def _configs(kafka: KafkaSettings, topic: str) -> dict[str, str]:
    async with admin(kafka) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: value for name, value, *_ in answer.resources[0][4]}


@pytest.mark.usefixtures("kafka_bootstrap")  # skips where no broker can run
async def test_no_topic_keeps_longer_than_the_retention_but_those_that_keep_for_ever(tmp_path: Path) -> None:
    port = free_port()
    with running(kafka_command(port, tmp_path), tmp_path / "log.txt", lambda: accepts_connections(port)):
        kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
        await ensure_topics(kafka, retention_days=3)
        for name in (TRACE_LOG.name, TRACE_LOG.dlq):
            assert (await _configs(kafka, name))["retention.ms"] == str(3 * 86_400_000)
        assert (await _configs(kafka, AUDIT_LOG.name))["retention.ms"] == "-1"
