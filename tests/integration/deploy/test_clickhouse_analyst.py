"""The analyst of the embedded engine reads, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import clickhouse_connect
import httpx2
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.stack import ANALYST_PASSWORD

pytestmark = pytest.mark.integration

_HOSTILE = (
    "SELECT file('{file}')",
    "SELECT `\\x66ile`('{file}')",
    "SELECT /* /* */ file('{file}') --",
    "SELECT arrayMap(path -> FILE(path), ['{file}'])",
    "WITH x AS (SELECT file('{file}') AS y) SELECT * FROM x",
    "SELECT 1 WHERE 'x' IN (SELECT * FROM file('{file}', 'LineAsString'))",
    "DESCRIBE file('{file}')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)",
    "SELECT * FROM Python(os)",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM executable('x', 'TSV', 'a String')",
    "SELECT * FROM default.`{file}`",
    "SELECT * FROM `{file}`",
    "SELECT 1 INTO OUTFILE '{file}.out'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{file}.out'",
    "INSERT INTO FUNCTION file('{file}.out') SELECT 1",
    "INSERT INTO t FROM INFILE '{file}' FORMAT LineAsString",
    "INSERT INTO t FORMAT TSV\n2\n",
    "INSERT INTO t VALUES (2)",
    "SELECT 1; DROP TABLE t",
    "DROP TABLE t",
    "ALTER TABLE t DELETE WHERE 1",
    "DELETE FROM t WHERE 1",
    "TRUNCATE TABLE t",
    "OPTIMIZE TABLE t",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TEMPORARY TABLE x (a Int8)",
    "KILL QUERY WHERE 1",
    "SYSTEM SHUTDOWN",
    "SET readonly = 0",
    "SELECT * FROM t SETTINGS readonly = 0",
    "GRANT ALL ON *.* TO analyst",
    "BACKUP TABLE t TO File('{file}.out')",
    "EXECUTE AS default SELECT 1",
)


@pytest.fixture
def analyst(clickhouse_url: str, clickhouse_database: str) -> Iterator[httpx2.Client]:
    """The analyst over plain HTTP, in a database whose table `t` holds one row."""
    account = {"X-ClickHouse-User": "analyst", "X-ClickHouse-Key": ANALYST_PASSWORD}
    database = {"database": clickhouse_database}
    httpx2.post(
        clickhouse_url, params=database, content="CREATE TABLE t ENGINE = MergeTree ORDER BY n AS SELECT 1 AS n"
    ).raise_for_status()
    with httpx2.Client(base_url=clickhouse_url, headers=account, params=database) as opened:
        yield opened


@pytest.mark.parametrize("statement", _HOSTILE)
def test_hostile_statements_are_refused(analyst: httpx2.Client, tmp_path: Path, statement: str) -> None:
    secret = tmp_path / "file"
    secret.write_text("what the analyst must not read")
    session = {"session_id": tmp_path.name}
    answer = analyst.post("/", params=session, content=statement.replace("{file}", str(secret)))
    assert answer.status_code in (400, 403, 404, 500), answer.text
    assert secret.read_text() not in answer.text
    assert not secret.with_name("file.out").exists()
    assert analyst.post("/", params=session, content="SELECT groupArray(n) FROM t").text == "[1]\n"


@pytest.mark.parametrize("setting", [{"readonly": "0"}, {"max_threads": "1"}])
def test_settings_cannot_be_changed(analyst: httpx2.Client, setting: dict[str, str]) -> None:
    answer = analyst.post("/", params=setting, content="SELECT 1")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_bad_syntax_is_called_bad_syntax(analyst: httpx2.Client) -> None:
    assert analyst.post("/", content="SELEC 1").headers["X-ClickHouse-Exception-Code"] == "62"


@pytest.mark.parametrize(
    "statement",
    [
        "WITH 'file(1)' AS x SELECT x, n AS url FROM t WHERE url IN (1) -- file('x')",
        "SHOW TABLES",
        "DESCRIBE t",
        "EXPLAIN SELECT * FROM t",
        "SHOW CREATE TABLE t",
        "SELECT * FROM numbers(2) UNION ALL SELECT n FROM t FORMAT CSVWithNames",
        "FROM t SELECT n;",
    ],
)
def test_reading_works(analyst: httpx2.Client, statement: str) -> None:
    answer = analyst.post("/", content=statement)
    assert (answer.status_code, bool(answer.text)) == (200, True), answer.text


def test_an_ordinary_client_connects_as_the_analyst(clickhouse_url: str, analyst: httpx2.Client) -> None:
    database = analyst.params["database"]
    with closing(
        clickhouse_connect.get_client(
            dsn=clickhouse_url, username="analyst", password=ANALYST_PASSWORD, database=database
        )
    ) as client:
        assert client.query("SELECT n + {x:UInt8} FROM t", parameters={"x": 1}).result_rows == [(2,)]
        with pytest.raises(DatabaseError, match="code: 497"):
            client.insert("t", [[2]], column_names=["n"])
