"""The running gateway keeps to its OpenAPI document: every check of schemathesis over every call, right and wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest_gateway.auth import DEVELOPMENT_TOKEN
from pipeline.settings import ClickHouseSettings
from tests.support.gateways import serving

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
EXAMPLES = 25


async def test_every_call_answers_as_the_document_says(
    kafka_bootstrap: str, clickhouse_url: str, clickhouse_database: str, tmp_path: Path
) -> None:
    rows = ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)
    async with serving(kafka_bootstrap, rows, tmp_path, {"STATUS_STREAM_S": "1"}) as gateway:
        report = conformance(gateway.url, tmp_path)
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
