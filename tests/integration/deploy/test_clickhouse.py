"""The embedded engine serves ordinary ClickHouse clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import clickhouse_connect
import httpx2
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

pytestmark = pytest.mark.integration

_MERGE_TREE = "ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100"


@pytest.fixture
def client(clickhouse_url: str, clickhouse_database: str) -> Iterator[Client]:
    """A client of the administrator in a database of its own."""
    with closing(clickhouse_connect.get_client(dsn=clickhouse_url, database=clickhouse_database)) as opened:
        yield opened


@pytest.fixture
def http(clickhouse_url: str, clickhouse_database: str) -> Iterator[httpx2.Client]:
    """Plain HTTP as curl speaks it, in the same database."""
    with httpx2.Client(base_url=clickhouse_url, params={"database": clickhouse_database}) as opened:
        yield opened


def _count(client: Client, table: str) -> int:
    return int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])


def test_every_compressed_frame_of_an_insert_is_stored(client: Client) -> None:
    client.command(f"CREATE TABLE t (n UInt64, text String) {_MERGE_TREE}")
    rows = 100_000
    columns: list[list[object]] = [list(range(rows)), [f"row {n}" for n in range(rows)]]
    summary = client.insert("t", columns, ["n", "text"], column_oriented=True)
    assert client.write_compression == "lz4"
    assert summary.written_rows == rows
    assert client.query("SELECT sum(n), uniqExact(text) FROM t").result_rows == [(rows * (rows - 1) // 2, rows)]


def test_a_deduplication_token_holds_for_its_own_insert_only(client: Client) -> None:
    client.command(f"CREATE TABLE t (n UInt64) {_MERGE_TREE}")
    client.command(f"CREATE MATERIALIZED VIEW m {_MERGE_TREE} AS SELECT n FROM t")
    for _ in range(2):
        client.insert("t", [[1, 2]], ["n"], column_oriented=True, settings={"insert_deduplication_token": "t-0-0-1"})
    assert (_count(client, "t"), _count(client, "m")) == (2, 2)
    client.insert("t", [[3]], ["n"], column_oriented=True)
    client.insert("t", [[4]], ["n"], column_oriented=True, settings={"insert_deduplication_token": "t-0-2-2"})
    assert _count(client, "t") == 4
    assert client.command("SELECT getSetting('insert_deduplication_token')") == ""


def test_the_types_and_table_features_of_the_sinks_work(client: Client) -> None:
    client.command(
        "CREATE TABLE t (id String, at DateTime64(6, 'UTC'), kind LowCardinality(String), document JSON,"
        " labels Map(String, String), tags Array(String), place Tuple(topic String, partition Int32), version UInt64)"
        " ENGINE = ReplacingMergeTree(version) ORDER BY id TTL toDateTime(at) + INTERVAL 90 DAY"
    )
    at = datetime(2096, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    names = ["id", "at", "kind", "document", "labels", "tags", "place", "version"]
    for version in (1, 2):
        row = ["a", at, "cmd_run", {"exit": version}, {"k": "v"}, ["x", "y"], ("trace-log", 3), version]
        client.insert("t", [row], names)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    client.insert("t", [["old", old, "", {}, {}, [], ("", 0), 1]], names)
    client.command("OPTIMIZE TABLE t FINAL")
    client.command("CREATE VIEW v1_t AS SELECT id, at, document.exit AS exit, labels, tags, place FROM t FINAL")
    assert client.query("SELECT * FROM v1_t").result_rows == [
        ("a", at.replace(tzinfo=None), 2, {"k": "v"}, ["x", "y"], {"topic": "trace-log", "partition": 3})
    ]
    assert "ReadFromMergeTree" in client.raw_query("EXPLAIN SELECT * FROM t").decode()


def test_parameters_arrive_as_values_whatever_they_hold(client: Client) -> None:
    nasty = "it's\t\\n; DROP TABLE x -- é"
    numbers = list(range(5000))  # too long for an address: the client sends a form
    result = client.query("SELECT {s:String}, length({n:Array(UInt32)})", parameters={"s": nasty, "n": numbers})
    assert result.result_rows == [(nasty, 5000)]


def test_a_session_keeps_its_temporary_table_and_others_do_not_see_it(client: Client, http: httpx2.Client) -> None:
    client.command("CREATE TEMPORARY TABLE mine AS SELECT 1 AS n")
    assert _count(client, "mine") == 1
    assert http.post("/", content="SELECT * FROM mine").status_code == 404
    absent = http.post("/", params={"session_id": "none", "session_check": "1"}, content="SELECT 1")
    assert absent.headers["X-ClickHouse-Exception-Code"] == "372"


def test_a_session_serves_one_request_at_a_time(http: httpx2.Client) -> None:
    with http.stream("POST", "/", params={"session_id": "one"}, content="SELECT * FROM numbers(1000000000)"):
        second = http.post("/", params={"session_id": "one"}, content="SELECT 1")
    assert second.headers["X-ClickHouse-Exception-Code"] == "373"


def test_an_answer_has_the_headers_clients_read(http: httpx2.Client) -> None:
    answer = http.get("/", params={"query": "SELECT 1 AS n FORMAT JSONEachRow", "query_id": "q1"})
    assert answer.text == '{"n":1}\n'
    assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert answer.headers["X-ClickHouse-Query-Id"] == "q1"
    assert answer.headers["X-ClickHouse-Timezone"]
    whole = http.post("/", params={"wait_end_of_query": "1"}, content="SELECT sum(number) FROM numbers(1000)")
    assert json.loads(whole.headers["X-ClickHouse-Summary"])["read_rows"] == "1000"
    assert http.get("/ping").text == httpx2.get(http.base_url).text == "Ok.\n"


@pytest.mark.parametrize(
    ("output", "once"),
    [
        ("CSVWithNames", b'"header_name"'),
        ("TSVWithNamesAndTypes", b"header_name"),
        ("RowBinaryWithNames", b"header_name"),
        ("JSON", b'"meta"'),
        ("XML", b"<meta>"),
        ("Markdown", b"header_name"),
    ],
)
def test_a_format_with_a_header_has_it_once(http: httpx2.Client, output: str, once: bytes) -> None:
    # Several blocks, each of which the engine would give a header of its own if they were streamed.
    answer = http.post("/", content=f"SELECT number AS header_name FROM numbers(200000) FORMAT {output}")
    assert answer.content.count(once) == 1


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT * FROM absent", 404, 60),
        ("SELECT 1 FROM", 400, 62),
        ("selec", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("", 400, 62),
        ("SELECT toUInt8('x')", 400, 6),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 FORMAT Absent", 404, 73),
        ("INSERT INTO absent FORMAT TSV\n1", 404, 60),
        ("SELECT * FROM file('/etc/hostname')", 403, 497),
        (b"SELECT '\xff'", 400, 62),
    ],
)
def test_errors_have_the_code_and_status_of_a_server(
    http: httpx2.Client, sql: str | bytes, status: int, code: int
) -> None:
    answer = http.post("/", content=sql)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_settings_and_databases_that_do_not_exist_are_errors(http: httpx2.Client, client: Client) -> None:
    assert http.post("/", params={"absent_setting": "1"}, content="SELECT 1").status_code == 404
    assert http.post("/", params={"database": "absent"}, content="SELECT 1").status_code == 404
    with pytest.raises(ClickHouseError):
        client.query("SELECT 1", settings={"max_threads": "many"})


def test_an_error_amid_a_stream_is_not_taken_for_its_end(client: Client, http: httpx2.Client) -> None:
    sql = "SELECT throwIf(number = 2000000, 'amid') FROM numbers(3000000) SETTINGS max_threads = 1"
    with pytest.raises(ClickHouseError, match="amid"), client.query_row_block_stream(sql) as stream:
        assert sum(len(block) for block in stream) < 2_000_001
    with pytest.raises(httpx2.RemoteProtocolError):
        http.post("/", content=sql)


def test_a_broken_insert_stores_nothing(http: httpx2.Client, client: Client) -> None:
    client.command(f"CREATE TABLE t (n UInt64) {_MERGE_TREE}")
    broken = http.post("/", content=b"INSERT INTO t FORMAT TSV\n1\n2\nthree\n")
    assert (broken.status_code, broken.headers["X-ClickHouse-Exception-Code"]) == (400, "27")
    cut = http.post(
        "/", params={"query": "INSERT INTO t FORMAT TSV"}, headers={"Content-Encoding": "gzip"}, content=b"x"
    )
    assert cut.status_code == 500
    assert _count(client, "t") == 0
    assert http.post("/", params={"query": "INSERT INTO t FORMAT TSV"}, content=b"1\n2\n").status_code == 200
    assert http.post("/", content="INSERT INTO t VALUES (3), (2 + 2)").status_code == 200
    assert _count(client, "t") == 4


def test_many_clients_at_once_each_get_their_own_answer(http: httpx2.Client, client: Client) -> None:
    client.command(f"CREATE TABLE t (n UInt64) {_MERGE_TREE}")

    def one(number: int) -> str:
        http.post("/", content=f"INSERT INTO t VALUES ({number})").raise_for_status()
        settings = {"max_threads": "1", "max_result_rows": str(1000 + number)}
        return http.post("/", params=settings, content="SELECT getSetting('max_result_rows')").text

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(one, range(200))) == [f"{1000 + number}\n" for number in range(200)]
    assert client.query("SELECT count(), uniqExact(n) FROM t").result_rows == [(200, 200)]


def test_wrong_passwords_are_refused(clickhouse_url: str) -> None:
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(dsn=clickhouse_url, username="analyst", password="wrong")
