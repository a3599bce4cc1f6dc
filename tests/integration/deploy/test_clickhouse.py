"""The embedded engine serves ordinary ClickHouse clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

pytestmark = pytest.mark.integration


@pytest.fixture
def client(clickhouse_url: str, clickhouse_database: str) -> Iterator[Client]:
    """A client of the administrator in a database of its own."""
    with closing(clickhouse_connect.get_client(dsn=clickhouse_url, database=clickhouse_database)) as opened:
        yield opened


def test_every_compressed_frame_of_an_insert_is_stored(client: Client) -> None:
    client.command("CREATE TABLE numbers (n UInt64, text String) ENGINE = MergeTree ORDER BY n")
    rows = 100_000
    summary = client.insert(
        "numbers", [list(range(rows)), [f"row {n}" for n in range(rows)]], ["n", "text"], column_oriented=True
    )
    assert client.write_compression == "lz4"
    assert summary.written_rows == rows
    assert client.query("SELECT count(), sum(n), uniqExact(text) FROM numbers").result_rows == [
        (rows, rows * (rows - 1) // 2, rows)
    ]
