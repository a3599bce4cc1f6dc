"""A broker behind TLS and a password: everything works with the right settings, and says what is wrong with others."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import Explained, Refused
from pipeline.kafka import admin, ensure_topics, make_consumer, make_producer, start
from pipeline.settings import KafkaSettings
from schemas.codec import decode, encode
from schemas.records import Record, TraceAssembled
from schemas.topics import CONTROL, TOPICS, TRACE_ASSEMBLED, TRACE_LOG
from tests.support.certificates import make_authority
from tests.support.processes import running
from tests.support.processes import start as start_process
from tests.support.secured_kafka import PASSWORD, SecuredBroker, secured_broker
from tests.support.stack import require_kafka
from tests.support.traces import chain, completed, created, trace_id

pytestmark = pytest.mark.integration
WRONG = PASSWORD + "!"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    require_kafka()
    with secured_broker(tmp_path_factory.mktemp("secured-kafka")) as broker:
        asyncio.run(ensure_topics(broker.settings()))
        yield broker


def _environment(kafka: KafkaSettings, folder: Path) -> dict[str, str]:
    """As a service gets it: the password from a mounted file."""
    mounted = folder / "password"
    mounted.write_text(kafka.kafka_sasl_password + "\n")
    given = {name.upper(): str(value) for name, value in kafka.model_dump(exclude_none=True).items()}
    return {**given, "KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": str(mounted)}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_each_kind_of_client_gets_in(broker: SecuredBroker, mechanism: str) -> None:
    kafka = broker.settings(kafka_sasl_mechanism=mechanism)
    async with admin(kafka) as client:
        assert {topic.name for topic in TOPICS} <= set(await client.list_topics())
    producer, consumer = make_producer(kafka), make_consumer(kafka, CONTROL.name)
    await start(producer)
    await start(consumer)
    try:
        sent = await producer.send_and_wait(CONTROL.name, mechanism.encode(), key=b"mechanism")
        async with asyncio.timeout(20):
            while (record := await consumer.getone()).offset != sent.offset:
                pass
        assert record.value == mechanism.encode()
    finally:
        await producer.stop()
        await consumer.stop()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kafka_sasl_password": WRONG}, "refuses user .*KAFKA_SASL_PASSWORD"),
        ({"kafka_sasl_password": WRONG, "kafka_sasl_mechanism": "PLAIN"}, "refuses user .*KAFKA_SASL_PASSWORD"),
        ({"kafka_ca_file": None}, "verify failed.*KAFKA_CA_FILE"),
        ({"kafka_security": "sasl_plaintext", "kafka_ca_file": None}, "does not answer.*KAFKA_SECURITY"),
    ],
)
# aiokafka forgets the transport of a connection that TLS ended within a frame; it is collected here, not in later tests
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_is_wrong_is_said(broker: SecuredBroker, change: dict[str, Any], named: str) -> None:
    producer = make_producer(broker.settings(**change), request_timeout_ms=2_000)
    with pytest.raises(Explained, match=named) as refused:
        await start(producer)
    await producer.stop()
    assert WRONG not in str(refused.value)
    gc.collect()


async def test_another_authority_is_not_trusted(broker: SecuredBroker, tmp_path: Path) -> None:
    consumer = make_consumer(broker.settings(kafka_ca_file=make_authority(tmp_path, "other").ca))
    with pytest.raises(Refused, match=r"verify failed.*KAFKA_CA_FILE"):
        await start(consumer)
    await consumer.stop()


async def test_a_client_certificate_lets_in_and_its_absence_does_not(broker: SecuredBroker) -> None:
    access = {"kafka_bootstrap": broker.mutual, "kafka_security": "ssl", "kafka_ca_file": broker.authority.ca}
    shown = {"kafka_cert_file": broker.authority.certificate, "kafka_key_file": broker.authority.key}
    async with admin(KafkaSettings.model_validate({**access, **shown})) as client:
        assert CONTROL.name in await client.list_topics()
    producer = make_producer(KafkaSettings.model_validate(access), request_timeout_ms=2_000)
    with pytest.raises(Explained):
        await start(producer)
    await producer.stop()


def test_a_process_that_is_refused_says_so_and_ends(broker: SecuredBroker, tmp_path: Path) -> None:
    environment = _environment(broker.settings(kafka_sasl_password=WRONG), tmp_path)
    process = start_process([sys.executable, "-m", "pipeline.cli.topics"], tmp_path / "topics.log", environment)
    with pytest.raises(AssertionError, match="ended with status 1"):
        process.wait_until(lambda: False)
    assert "Correct KAFKA_SASL_USER, KAFKA_SASL_PASSWORD" in process.log_tail()
    assert WRONG not in process.log_tail()


async def test_the_assembler_assembles_a_trace(broker: SecuredBroker, tmp_path: Path) -> None:
    kafka = broker.settings()
    producer, consumer = make_producer(kafka), make_consumer(kafka, TRACE_ASSEMBLED.name)
    environment = {**_environment(kafka, tmp_path), "OBJECT_STORE_DIR": str(tmp_path / "objects")}
    await start(producer)
    await start(consumer)
    try:
        with running([sys.executable, "-m", "streams"], tmp_path / "streams.log", lambda: True, environment):
            key = trace_id(1).encode()
            first = await producer.send_and_wait(TRACE_LOG.name, encode(created(1)), key=key)
            sent = chain(2, 1, first.offset)
            records: list[Record] = [*sent, completed(sent, 1, first.offset)]
            for record in records:
                await producer.send_and_wait(TRACE_LOG.name, encode(record), key=key)
            async with asyncio.timeout(40):
                revision = decode((await consumer.getone()).value)
    finally:
        await producer.stop()
        await consumer.stop()
    assert isinstance(revision, TraceAssembled)
    assert (revision.trace_id, revision.outcome, revision.findings) == (trace_id(1), "completed", ())
