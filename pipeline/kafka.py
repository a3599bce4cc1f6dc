"""Kafka clients as this project wants them, and the creation of its topics.

Every produce waits for all in-sync replicas; one idempotent producer a process.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from pipeline.settings import KafkaSettings
from schemas.topics import TOPICS, Topic

MAX_RECORD_BYTES = 2 * 1024 * 1024
LINGER_MS = 5
DLQ_RETENTION_MS = 30 * 24 * 3600 * 1000


def make_producer(kafka: KafkaSettings, request_timeout_ms: int = 15_000) -> AIOKafkaProducer:
    """A producer, not yet started. After `request_timeout_ms` without an answer a send fails."""
    return AIOKafkaProducer(
        bootstrap_servers=kafka.kafka_bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        max_batch_size=1024 * 1024,
        max_request_size=MAX_RECORD_BYTES,
        compression_type="lz4",
        request_timeout_ms=request_timeout_ms,
    )


def make_consumer(kafka: KafkaSettings, *topics: str, group: str | None = None) -> AIOKafkaConsumer:
    """A consumer, not yet started, that commits only when told to and starts at the beginning of the log."""
    return AIOKafkaConsumer(
        *topics,
        bootstrap_servers=kafka.kafka_bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=1_000,
        max_partition_fetch_bytes=MAX_RECORD_BYTES,
        fetch_max_wait_ms=100,
    )


@asynccontextmanager
async def admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.kafka_bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def _new_topics(topic: Topic, production: bool) -> list[NewTopic]:
    partitions = topic.partitions[production]
    replication = 3 if production else 1
    durable = {"min.insync.replicas": "2" if production else "1"}
    configs = {"cleanup.policy": topic.cleanup, "retention.ms": str(topic.retention_ms), **durable}
    created = [NewTopic(topic.name, partitions, replication, topic_configs=configs)]
    if topic.dead_letters:
        kept = {"retention.ms": str(DLQ_RETENTION_MS), **durable}
        created.append(NewTopic(topic.dlq, partitions, replication, topic_configs=kept))
    return created


async def ensure_topics(kafka: KafkaSettings) -> None:
    """Create the topics that are missing; the ones that exist are left as they are."""
    production = kafka.topic_profile == "production"
    wanted = [new for topic in TOPICS for new in _new_topics(topic, production)]
    async with admin(kafka) as client:
        existing = set(await client.list_topics())
        missing = [new for new in wanted if new.name not in existing]
        answer = await client.create_topics(missing) if missing else None
    for name, code, *_ in answer.topic_errors if answer else ():
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise KafkaError(f"topic {name} cannot be created: {for_code(code).__name__}")
