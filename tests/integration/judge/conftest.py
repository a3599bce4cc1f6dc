"""A scripted endpoint, a store for evidence, and a log and tables for runs over stored traces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pipeline.kafka import ensure_topics
from pipeline.objectstore import FolderStore
from pipeline.settings import ClickHouseSettings, KafkaSettings
from sinks.migrate import migrate
from tests.support.brokers import own_broker
from tests.support.openai_server import OpenAIServer, openai_server
from tests.support.rescoring import Rescoring
from tests.support.stack import ANALYST_PASSWORD


@pytest.fixture
def endpoint() -> Iterator[OpenAIServer]:
    with openai_server() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture(scope="module")
def rescoring_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker of these tests alone: others write to the same topics."""
    with own_broker(tmp_path_factory.mktemp("rescoring")) as broker:
        asyncio.run(broker.start())
        asyncio.run(ensure_topics(broker.kafka))
        yield broker.kafka


@pytest.fixture
async def rescoring(
    rescoring_kafka: KafkaSettings, clickhouse_url: str, clickhouse_database: str, tmp_path: Path
) -> AsyncIterator[Rescoring]:
    settings = ClickHouseSettings(
        clickhouse_url=clickhouse_url,
        clickhouse_database=clickhouse_database,
        clickhouse_analyst_password=ANALYST_PASSWORD,
    )
    migrate(settings)
    made = Rescoring(rescoring_kafka, settings, tmp_path)
    await made.producer.start()
    yield made
    await made.producer.stop()
    made.clickhouse.close()
