"""Native as clickhouse-go and Grafana's data source read it: every column of every type ends where it does alone."""

from __future__ import annotations

import httpx2
import pytest

from deploy.embedded.clickhouse.native import KNOWN
from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from sinks.migrate import migrate

pytestmark = pytest.mark.integration
INFO = bytes.fromhex("0100 02ffffffff 00")
ROWS = 300
"""More than a dictionary with numbers of one byte has keys."""
VALUES = {
    "integers": "toInt128(number)",
    "word": "repeat(toString(number), 3)",
    "letter": "toFixedString('ab', 2)",
    "flag": "number % 2 = 0",
    "maybe": "if(number % 3 = 0, NULL, number)",
    "day": "toDate32('2026-03-02') + number",
    "moment": "toDateTime64('2026-03-02 09:00:00', 6, 'UTC') + number",
    "price": "toDecimal128(number, 4)",
    "kind": "CAST(if(number % 2 = 0, 'a, b', 'it''s (c)'), 'Enum16(\\'a, b\\' = 1, \\'it\\'\\'s (c)\\' = 2)')",
    "address": "toIPv6('::1')",
    "id": "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    "few": "toLowCardinality(toString(number % 3))",
    "many": "toLowCardinality(toString(number))",
    "none": "CAST(if(number % 2 = 0, NULL, toString(number)), 'LowCardinality(Nullable(String))')",
    "list": "range(number % 4)",
    "lists": "arrayMap(x -> [toLowCardinality(toString(x))], range(number % 3))",
    "empty": "CAST([], 'Array(LowCardinality(String))')",
    "counts": "CAST(map(toString(number), number, 'b', 2), 'Map(LowCardinality(String), UInt32)')",
    "pairs": "CAST([(number, 'x')], 'Array(Tuple(seq UInt64, `of it` LowCardinality(String)))')",
    "span": "toIntervalDay(number)",
    "nothing": "NULL",
}


def _asked(url: str, sql: str, version: int) -> bytes:
    address = {"default_format": "Native", "client_protocol_version": str(version)}
    return httpx2.post(url, params=address, content=sql).raise_for_status().content


def _selected(names: list[str]) -> str:
    listed = ", ".join(f"{VALUES[name]} AS {name}" for name in names)
    return f"SELECT {listed} FROM numbers({ROWS}) SETTINGS max_block_size = 100000"


def _head(block: bytes) -> int:
    """Where the data of the one column of a block begin: behind counts (two and one byte), name and type."""
    assert block[:3] == bytes([1, ROWS & 0x7F | 0x80, ROWS >> 7])
    name_ends = 4 + block[3]
    length, more = block[name_ends], block[name_ends] >= 0x80
    size = (length & 0x7F) | (block[name_ends + 1] << 7 if more else 0)
    return name_ends + 1 + more + size


def test_columns_are_parted_where_each_ends_alone(clickhouse_url: str) -> None:
    alone = [_asked(clickhouse_url, _selected([name]), 0) for name in VALUES]
    columns = [block[3 : _head(block)] + b"\0" + block[_head(block) :] for block in alone]
    counts = bytes([len(VALUES), ROWS & 0x7F | 0x80, ROWS >> 7])
    assert _asked(clickhouse_url, _selected(list(VALUES)), KNOWN) == INFO + counts + b"".join(columns)


def test_whoever_names_an_older_version_gets_what_it_got_before(clickhouse_url: str) -> None:
    asked = "SELECT number FROM numbers(10)"
    assert _asked(clickhouse_url, asked, KNOWN - 1) == _asked(clickhouse_url, asked, 0)


def test_many_blocks_are_framed_each(clickhouse_url: str) -> None:
    asked = "SELECT toString(number) AS n FROM numbers(250) SETTINGS max_block_size = 100"
    assert _asked(clickhouse_url, asked, KNOWN).count(INFO + b"\1") == 3


def test_every_public_view_can_be_sent(clickhouse_url: str, clickhouse_database: str) -> None:
    migrate(ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database))
    owner = ClickHouse(ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database))
    views = "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'v1_')"
    for view in (row["name"] for row in owner.rows(f"{views} AND as_select NOT LIKE '%}}%'")):
        one = f"SELECT * FROM {clickhouse_database}.{view} UNION ALL SELECT * FROM {clickhouse_database}.{view}"
        types = owner.rows(f"DESCRIBE ({one})")
        made = ", ".join(
            f"CAST(defaultValueOfTypeName('{_quoted(row['type'])}'), '{_quoted(row['type'])}')" for row in types
        )
        assert _asked(clickhouse_url, f"SELECT {made}", KNOWN).startswith(INFO)
    owner.close()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
