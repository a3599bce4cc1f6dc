"""Kafka clients as this project wants them, and the creation of its topics.

Every produce waits for all in-sync replicas; one idempotent producer a process.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAlreadyExistsError,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.partitioner import murmur2

from pipeline.errors import Refused, Unreachable
from pipeline.settings import KafkaSettings
from pipeline.telemetry import logger
from pipeline.transport import kafka_context
from schemas.topics import TOPICS, Topic

MAX_RECORD_BYTES = 2 * 1024 * 1024
LINGER_MS = 5
DLQ_RETENTION_MS = 30 * 24 * 3600 * 1000
REBALANCE_MS = 30_000
REMEMBERED_KEYS = 50_000
DAY_MS = 24 * 3600 * 1000
TOPICS_KNOWN_S = 60
PROBE_MS = 5_000
START_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
log = logger(__name__)


class Startable(Protocol):
    """Any of aiokafka's clients."""

    async def start(self) -> None:
        """Connect."""


# aiokafka says only that it could not connect; with its settings the reason can be asked for.
_settings: WeakKeyDictionary[Startable, KafkaSettings] = WeakKeyDictionary()


def settings_of(client: Startable) -> KafkaSettings | None:
    """The settings that a client was made with here."""
    return _settings.get(client)


def access(kafka: KafkaSettings) -> dict[str, Any]:
    """What every aiokafka client is told about how brokers are reached. Raises BadSetting."""
    told: dict[str, Any] = {"security_protocol": kafka.kafka_security.upper(), "ssl_context": kafka_context(kafka)}
    if kafka.over_sasl:
        told["sasl_mechanism"] = kafka.kafka_sasl_mechanism
        told["sasl_plain_username"] = kafka.kafka_sasl_user
        told["sasl_plain_password"] = kafka.kafka_sasl_password
    return told


async def connect(client: Startable) -> None:
    """Start a client, once. Raises KafkaError, and Refused where brokers and settings do not agree on the access."""
    try:
        await client.start()
    except KafkaConnectionError as error:
        kafka = settings_of(client)
        if kafka is None or kafka.kafka_security == "plaintext":
            raise
        for broker in kafka.kafka_bootstrap.split(","):
            await _raise_refusal(broker.strip(), kafka)
        raise error


async def _raise_refusal(broker: str, kafka: KafkaSettings) -> None:
    host, _, port = broker.rpartition(":")
    try:
        connection = await create_conn(host, int(port), request_timeout_ms=PROBE_MS, **access(kafka))
    except ssl.SSLError as error:
        raise Refused(
            f"No TLS with Kafka at {broker}: {error}. Correct KAFKA_CA_FILE, the client certificate or KAFKA_SECURITY."
        ) from error
    except (SaslAuthenticationFailed, UnsupportedSaslMechanismError, IllegalSaslStateError) as error:
        raise Refused(
            f"Kafka at {broker} refuses user {kafka.kafka_sasl_user}: {error}. "
            "Correct KAFKA_SASL_USER, KAFKA_SASL_PASSWORD or KAFKA_SASL_MECHANISM."
        ) from error
    except (KafkaError, OSError, TimeoutError, ValueError) as error:
        log.info("no access, for no reason that settings explain", broker=broker, error=repr(error))
    else:
        await connection.close()


async def start(client: Startable) -> None:
    """Start a client, waiting about 8 s for a broker that is not there yet. Raises Unreachable, Refused."""
    for pause in START_PAUSES_S:
        try:
            return await connect(client)
        except KafkaConnectionError as error:
            log.warning("waiting for Kafka", pause_s=pause, reason=str(error))
            await asyncio.sleep(pause)
    try:
        await connect(client)
    except KafkaConnectionError as error:
        raise Unreachable(
            f"Kafka does not answer. Is it running where KAFKA_BOOTSTRAP says, as KAFKA_SECURITY says? {error}"
        ) from error


async def must_answer(kafka: KafkaSettings) -> None:
    """Ask a broker once, for those who rather hear at once that none is there. Raises Unreachable, Refused."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.kafka_bootstrap, request_timeout_ms=PROBE_MS, **access(kafka))
    _settings[client] = kafka
    try:
        await connect(client)
    except KafkaConnectionError:
        raise Unreachable(
            f"Kafka at {kafka.kafka_bootstrap} does not answer. Does a broker run there? `pr-telemetry up` starts one;"
            " KAFKA_BOOTSTRAP names another"
        ) from None
    finally:
        await client.close()


@lru_cache(REMEMBERED_KEYS)
def _hashed(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def partition_of(key: bytes | None, partitions: Sequence[int], available: Sequence[int]) -> int:
    """Kafka's own choice of a partition for a key, as every client makes it; any where there is no key. A trace's key
    comes with each of its chunks and is hashed in Python (10 us), so hashes are remembered."""
    return random.choice(available or partitions) if key is None else partitions[_hashed(key) % len(partitions)]


def make_producer(kafka: KafkaSettings, request_timeout_ms: int = 15_000) -> AIOKafkaProducer:
    """A producer, not yet started. After `request_timeout_ms` without an answer a send fails."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.kafka_bootstrap,
        **access(kafka),
        acks="all",
        enable_idempotence=True,
        linger_ms=LINGER_MS,
        max_batch_size=1024 * 1024,
        max_request_size=MAX_RECORD_BYTES,
        partitioner=partition_of,
        compression_type="lz4",
        request_timeout_ms=request_timeout_ms,
    )
    _settings[producer] = kafka
    return producer


def make_consumer(
    kafka: KafkaSettings, *topics: str, group: str | None = None, fetch_bytes: int = MAX_RECORD_BYTES
) -> AIOKafkaConsumer:
    """A consumer, not yet started, that commits only when told to and starts at the beginning of the log.

    `fetch_bytes`: what one fetch asks of a partition; a batch that is larger comes whole.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=kafka.kafka_bootstrap,
        **access(kafka),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=1_000,
        # The step of the slowest member may finish its block before the others go on without it.
        rebalance_timeout_ms=REBALANCE_MS,
        # A step without room may leave the consumer alone for long; that the process lives is told by heartbeats.
        max_poll_interval_ms=DAY_MS,
        max_partition_fetch_bytes=fetch_bytes,
        fetch_max_wait_ms=100,
    )
    _settings[consumer] = kafka
    return consumer


@asynccontextmanager
async def admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.kafka_bootstrap, **access(kafka))
    _settings[client] = kafka
    try:
        await start(client)
        yield client
    finally:
        await client.close()


def _new_topics(topic: Topic, production: bool, longest_ms: int) -> list[NewTopic]:
    partitions = topic.partitions[production]
    replication = 3 if production else 1
    # A broker's own limit may be 1 MiB, less than our producers send.
    shared = {"min.insync.replicas": "2" if production else "1", "max.message.bytes": str(MAX_RECORD_BYTES)}
    configs = {"cleanup.policy": topic.cleanup, "retention.ms": str(min(topic.retention_ms, longest_ms)), **shared}
    created = [NewTopic(topic.name, partitions, replication, topic_configs=configs)]
    if topic.dead_letters:
        kept = {"retention.ms": str(min(DLQ_RETENTION_MS, longest_ms)), **shared}
        created.append(NewTopic(topic.dlq, partitions, replication, topic_configs=kept))
    return created


async def ensure_topics(kafka: KafkaSettings, retention_days: int = 90) -> None:
    """Create the topics that are missing; returns when brokers know them all. Existing ones are left as they are.

    None keeps anything longer than `retention_days`, but for those that keep it for ever.
    """
    production = kafka.topic_profile == "production"
    wanted = {new.name: new for topic in TOPICS for new in _new_topics(topic, production, retention_days * DAY_MS)}
    async with admin(kafka) as client, asyncio.timeout(TOPICS_KNOWN_S):
        missing = wanted.keys() - set(await client.list_topics())
        if missing:
            await _create(client, [wanted[name] for name in sorted(missing)])
        while wanted.keys() - set(await client.list_topics()):  # noqa: ASYNC110  # the brokers send no word of it
            await asyncio.sleep(0.05)


async def _create(client: AIOKafkaAdminClient, missing: list[NewTopic]) -> None:
    answer = await client.create_topics(missing)
    for name, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise KafkaError(f"topic {name} cannot be created: {for_code(code).__name__}")
