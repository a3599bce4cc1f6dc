"""Containers of the real engine, with limits small enough for tests that reach them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pipeline.kafka import ensure_topics
from pipeline.settings import KafkaSettings
from sandbox.container import ContainerEnvironment, Containers
from sandbox.hardening import GVISOR
from sandbox.spec import MIB, Limits
from tests.support.docker import require_gvisor
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running
from tests.support.sandbox import START, Repository, make_repository
from tests.support.stack import kafka_command, require_kafka

IMAGE = "pr-telemetry/sandbox-python:3.11"
RUNTIMES = ("runc", GVISOR)


@pytest.fixture
def limits() -> Limits:
    return Limits(run_timeout_s=20, memory_bytes=192 * MIB, pids=64, repository_bytes=64 * MIB, scratch_bytes=64 * MIB)


@pytest.fixture
def runtime() -> str:
    """Modules whose tests hold for every runtime parametrise it anew, with RUNTIMES."""
    return "runc"


@pytest.fixture
def containers(docker_host: str, limits: Limits, runtime: str) -> Iterator[Containers]:
    if runtime == GVISOR:
        require_gvisor(docker_host)
    made = Containers(docker_host, {"python": IMAGE}, runtime, limits)
    yield made
    made.close()


@pytest.fixture
async def environment(containers: Containers) -> AsyncIterator[ContainerEnvironment]:
    started = await containers.start(60, "python")
    yield started
    await started.close()


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_repository(tmp_path_factory.mktemp("repos") / "calc", START)


@pytest.fixture
def repos(repository: Repository) -> Path:
    return repository.folder.parent


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker for one module: topic names are fixed, and another module's records are not to be met."""
    require_kafka()
    folder, port = tmp_path_factory.mktemp("kafka"), free_port()
    with running(kafka_command(port, folder), folder / "kafka.log", lambda: accepts_connections(port)):
        settings = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{port}")
        asyncio.run(ensure_topics(settings))
        yield settings
