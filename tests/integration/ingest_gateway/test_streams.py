"""Status streams over a real socket: their number is bounded, and a client that goes away frees its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from ingest_gateway.auth import DEVELOPMENT_TOKEN
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from pipeline.settings import ClickHouseSettings
from tests.integration.ingest_gateway.conftest import bearer
from tests.support.gateways import serving
from tests.support.processes import Process

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
MOST = 2


@pytest.fixture
async def served(
    kafka_bootstrap: str, clickhouse_url: str, clickhouse_database: str, tmp_path: Path
) -> AsyncIterator[tuple[Process, httpx2.Client]]:
    rows = ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)
    async with serving(kafka_bootstrap, rows, tmp_path, {"MAX_STATUS_STREAMS": str(MOST)}) as gateway:
        with httpx2.Client(base_url=gateway.url, headers=bearer(DEVELOPMENT_TOKEN)) as http:
            yield gateway.process, http


def open_streams(http: httpx2.Client) -> float:
    """What the metrics say."""
    lines = http.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("gateway_status_streams "))


async def test_a_client_that_goes_away_frees_its_place(served: tuple[Process, httpx2.Client]) -> None:
    process, http = served
    path = f"/v1/traces/{new_trace_id(now_us())}/status:stream"
    with ExitStack() as open_ones:
        for _ in range(MOST):
            answer = open_ones.enter_context(http.stream("GET", path))
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
        assert open_streams(http) == MOST
        refused = http.get(path)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    process.wait_until(lambda: open_streams(http) == 0)
    with http.stream("GET", path) as answer:
        assert answer.status_code == 200


async def test_a_trace_that_does_not_exist_takes_no_place(served: tuple[Process, httpx2.Client]) -> None:
    _, http = served
    for _ in range(MOST + 1):
        assert http.get(f"/v1/traces/{new_trace_id(1_600_000_000_000_000)}/status:stream").status_code == 404
    assert open_streams(http) == 0
