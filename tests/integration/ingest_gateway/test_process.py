"""`python -m ingest_gateway`: serves over a real socket, stops cleanly, refuses to start unsafely."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx2
import pytest

from pipeline.kafka import ensure_topics
from pipeline.settings import KafkaSettings
from tests.integration.ingest_gateway.conftest import TRACE, bearer, chunk
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import start

pytestmark = pytest.mark.integration
COMMAND = [sys.executable, "-m", "ingest_gateway"]


async def test_serves_and_exits_0_on_sigterm(kafka_bootstrap: str, tmp_path: Path) -> None:
    await ensure_topics(KafkaSettings(kafka_bootstrap=kafka_bootstrap))
    port = free_port()
    environment = {
        "MODE": "development",
        "GATEWAY_PORT": str(port),
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "OBJECT_STORE_DIR": str(tmp_path / "objects"),
    }
    process = start(COMMAND, tmp_path / "gateway.log", environment)
    try:
        process.wait_until(lambda: accepts_connections(port))
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as http:
            process.wait_until(lambda: http.get("/readyz").status_code == 200)
            created = http.post("/v1/traces", json=TRACE, headers=bearer("dev_token_12345")).json()
            url = f"/v1/traces/{created['trace_id']}/events:ingest"
            assert http.post(url, json=chunk(), headers=bearer(created["upload_token"])).status_code == 201
            assert "server" not in http.get("/healthz").headers
    finally:
        status = process.stop()
    assert status == 0, process.log_tail()
    assert created["upload_token"] not in process.log_tail(100_000)


@pytest.mark.parametrize("missing", ["GATEWAY_SECRET", "RECEIPT_KEY"])
def test_production_refuses_to_start_without(missing: str, tmp_path: Path) -> None:
    secrets = {"GATEWAY_SECRET": "s" * 32, "RECEIPT_KEY": "ab" * 32}
    environment = {"MODE": "production", "GATEWAY_PORT": str(free_port()), **secrets, missing: ""}
    process = start(COMMAND, tmp_path / "gateway.log", environment)
    with pytest.raises(AssertionError, match="ended with status 1"):
        process.wait_until(lambda: False)
    assert missing in process.log_tail()
