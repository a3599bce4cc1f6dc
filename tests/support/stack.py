"""Session-wide real servers: the Kafka broker, the ClickHouse engine, an S3 server.

Each starts when the first test asks for it and serves the whole session; tests keep apart by their own topic, database
and bucket names. Where a part cannot run here the test is skipped with the reason, or fails with it when
REQUIRE_INTEGRATION=1.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx2
import pytest

from deploy.embedded.jars import JarsUnavailable, cache_folder, find_jars, java_command, say_on_stderr
from deploy.embedded.kafka.__main__ import POM as KAFKA_POM
from deploy.embedded.s3proxy.__main__ import POM as S3PROXY_POM
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running


@dataclass(frozen=True)
class S3Endpoint:
    """Where the S3 server of the tests listens (`host:port`, plain HTTP) and its one account."""

    address: str
    access_key: str
    secret_key: str


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real broker. Topics are not created by use; consumer groups and topics need unique names."""
    _require_jars(KAFKA_POM)
    folder, port = tmp_path_factory.mktemp("kafka"), free_port()
    with running(kafka_command(port, folder), folder / "kafka.log", lambda: accepts_connections(port)):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="session")
def clickhouse_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`http://host:port` of the embedded engine; user `default` has no password, `analyst` has ANALYST_PASSWORD.

    So do `of_acme` and `of_both`, who see the projects acme, and acme and beta.
    """
    require_chdb()
    folder, port = tmp_path_factory.mktemp("clickhouse"), free_port()
    environment = {
        "CLICKHOUSE_PASSWORD": "",
        "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD,
        "CLICKHOUSE_ANALYSTS": f"of_acme:{ANALYST_PASSWORD}:acme,of_both:{ANALYST_PASSWORD}:acme+beta",
    }
    command = [*clickhouse_command(port, folder), "--also", " ".join(ANALYSTS_DATABASES)]
    with running(command, folder / "clickhouse.log", lambda: accepts_connections(port), environment):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def clickhouse_database(clickhouse_url: str) -> Iterator[str]:
    """The name of an empty database that exists for this test only."""
    with fresh_database(clickhouse_url) as name:
        yield name


@contextmanager
def fresh_database(clickhouse_url: str) -> Iterator[str]:
    """An empty database in which analysts read; it is dropped afterwards."""
    name = next(_FRESH)
    httpx2.post(clickhouse_url, content=f"CREATE DATABASE {name}").raise_for_status()
    yield name
    httpx2.post(clickhouse_url, content=f"DROP DATABASE IF EXISTS {name} SYNC").raise_for_status()


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Endpoint]:
    """A real S3 server without buckets; path-style addresses, region us-east-1."""
    _require_jars(S3PROXY_POM)
    folder, port = tmp_path_factory.mktemp("s3proxy"), free_port()
    endpoint = S3Endpoint(f"127.0.0.1:{port}", access_key="test-access", secret_key=uuid.uuid4().hex)
    environment = {"S3_ACCESS_KEY": endpoint.access_key, "S3_SECRET_KEY": endpoint.secret_key}
    command = _embedded("s3proxy", port, folder)
    with running(command, folder / "s3proxy.log", lambda: accepts_connections(port), environment):
        yield endpoint


ANALYST_PASSWORD = "analyst-of-the-tests"
# The engine has to know at its start in which databases analysts read.
COOKBOOK_DATABASE = "cookbook_of_the_tests"
ANALYSTS_DATABASES = [COOKBOOK_DATABASE, *(f"test_{number:04d}" for number in range(1000))]
_FRESH = iter(ANALYSTS_DATABASES[1:])


def kafka_command(port: int, data_dir: Path) -> list[str]:
    """The command that runs a broker of its own, for tests that stop and start it."""
    return _embedded("kafka", port, data_dir)


def clickhouse_command(port: int, data_dir: Path) -> list[str]:
    """The command that runs an engine of its own, for tests that stop and start it."""
    return _embedded("clickhouse", port, data_dir)


def require_kafka() -> None:
    """Skips, or fails where integration is required, when the broker's jars cannot be had."""
    _require_jars(KAFKA_POM)


def require_chdb() -> None:
    """Skips, or fails where integration is required, when the engine is not installed."""
    if importlib.util.find_spec("chdb") is None:
        absent("chdb is not installed: pip install 'pr-telemetry[embedded]'")


def absent(reason: str) -> NoReturn:
    """A real part is missing here: skip visibly, or fail when REQUIRE_INTEGRATION=1."""
    if os.environ.get("REQUIRE_INTEGRATION") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _require_jars(pom: Path) -> None:
    try:
        java_command()
        find_jars(pom, cache_folder(pom, os.environ), say_on_stderr)
    except JarsUnavailable as problem:
        absent(str(problem))


def _embedded(server: str, port: int, data_dir: Path) -> list[str]:
    return [sys.executable, "-m", f"deploy.embedded.{server}", "--port", str(port), "--data-dir", str(data_dir)]
