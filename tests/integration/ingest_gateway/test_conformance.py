"""The running gateway keeps to its OpenAPI document: every check of schemathesis over every call, right and wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from ingest_gateway.auth import DEVELOPMENT_TOKEN
from pipeline.kafka import ensure_topics
from pipeline.settings import ClickHouseSettings, KafkaSettings
from sinks.migrate import migrate
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
EXAMPLES = 25


async def test_every_call_answers_as_the_document_says(
    kafka_bootstrap: str, clickhouse_url: str, clickhouse_database: str, tmp_path: Path
) -> None:
    await ensure_topics(KafkaSettings(kafka_bootstrap=kafka_bootstrap))
    migrate(ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    gateway = {
        "MODE": "development",
        "GATEWAY_PORT": str(port),
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "CLICKHOUSE_URL": clickhouse_url,
        "CLICKHOUSE_DATABASE": clickhouse_database,
        "OBJECT_STORE_DIR": str(tmp_path / "objects"),
        "STATUS_STREAM_S": "1",
    }
    command = [sys.executable, "-m", "ingest_gateway"]
    with running(command, tmp_path / "gateway.log", lambda: accepts_connections(port), gateway) as process:
        process.wait_until(lambda: httpx2.get(f"{url}/readyz").status_code == 200)
        report = conformance(url, tmp_path)
    assert report.returncode == 0, (report.stdout + report.stderr)[-20_000:]


def conformance(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One bounded run of schemathesis as a process of its own, the same cases each time."""
    added = {
        "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
        "CONFORMANCE_URL": url,
        "CONFORMANCE_TOKEN": DEVELOPMENT_TOKEN,
        "PYTHONPATH": str(ROOT),
    }
    options = ["--seed", "1", "--max-examples", str(EXAMPLES), "--generation-database", "none"]
    config = ["--config-file", str(FOLDER / "schemathesis.toml")]
    command = [sys.executable, "-m", "schemathesis.cli", *config, "run", f"{url}/openapi.json", *options]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **added}, capture_output=True, text=True, timeout=500, check=False
    )
