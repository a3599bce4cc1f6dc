"""The analyst of the embedded engine reads the public views, what tools need to find their way, and nothing else."""

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

_SCHEMA = (
    "CREATE TABLE t (n UInt64, secret String) ENGINE = MergeTree ORDER BY n AS SELECT 1 AS n, 'hidden' AS secret",
    "CREATE TABLE j (n UInt64, secret String) ENGINE = Join(ANY, LEFT, n) AS SELECT 1 AS n, 'hidden' AS secret",
    "CREATE VIEW inner_view AS SELECT n, secret FROM t",
    "CREATE VIEW v1_t DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT n FROM inner_view",
    "CREATE VIEW v1_of DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT n FROM t WHERE n = {n:UInt64}",
    "CREATE DICTIONARY d (n UInt64, secret String) PRIMARY KEY n SOURCE(CLICKHOUSE(TABLE 't' DB '{database}'))"
    " LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE DICTIONARY v1_dict_t (n UInt64, n2 UInt64) PRIMARY KEY n"
    " SOURCE(CLICKHOUSE(QUERY 'SELECT n, n AS n2 FROM {database}.t')) LAYOUT(FLAT()) LIFETIME(0)",
)
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


# Each of these would show `hidden`, a private column, or what somebody else runs.
_PRIVATE = (
    "SELECT * FROM t",
    "SELECT count() FROM t",
    "SELECT secret FROM `t`",
    'SELECT "secret" FROM "{database}"."t"',
    "SELECT * FROM inner_view",
    "SELECT * FROM (SELECT * FROM (SELECT * FROM t))",
    "WITH x AS (SELECT * FROM t) SELECT * FROM x",
    "WITH RECURSIVE x AS (SELECT secret FROM t) SELECT * FROM x",
    "WITH (SELECT any(secret) FROM t) AS x SELECT x",
    "SELECT (SELECT any(secret) FROM t)",
    "SELECT n FROM v1_t WHERE n IN t",
    "SELECT n FROM v1_t WHERE n IN (SELECT n FROM t)",
    "SELECT n FROM v1_t WHERE EXISTS (SELECT 1 FROM t)",
    "SELECT t.secret FROM v1_t JOIN t ON v1_t.n = t.n",
    "SELECT * FROM v1_t AS t JOIN {database}.t AS u USING (n)",
    "SELECT n FROM v1_t UNION ALL SELECT n FROM t",
    "SELECT n FROM v1_t INTERSECT SELECT n FROM t",
    "SELECT secret FROM v1_t",
    "SELECT * FROM merge('{database}', '^t$')",
    "SELECT * FROM merge('^t$')",
    "SELECT * FROM view(SELECT * FROM t)",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM t))",
    "SELECT * FROM viewIfPermitted(SELECT secret FROM t ELSE null('secret String'))",
    "SELECT * FROM loop(t)",
    "SELECT * FROM cluster('default', {database}.t)",
    "SELECT * FROM remote('127.0.0.1', {database}.t)",
    "SELECT * FROM mergeTreeIndex({database}, t)",
    "SELECT * FROM dictionary('d')",
    "SELECT dictGet('d', 'secret', 1)",
    "SELECT dictGetOrDefault('{database}.d', 'secret', 1, '')",
    "SELECT dictHas('d', 1)",
    "SELECT * FROM d",
    "SELECT joinGet('j', 'secret', 1)",
    "SELECT joinGet({database}.j, 'secret', 1)",
    "SELECT * FROM v1_t AS x ANY LEFT JOIN j USING (n)",
    "SELECT * FROM {name:Identifier}",
    "SELECT * FROM {schema:Identifier}.{name:Identifier}",
    "EXPLAIN SELECT * FROM t",
    "EXPLAIN PLAN SELECT * FROM t",
    "EXPLAIN PIPELINE SELECT * FROM t",
    "EXPLAIN ESTIMATE SELECT * FROM t",
    "EXPLAIN QUERY TREE SELECT * FROM t",
    "DESCRIBE t",
    "DESCRIBE (SELECT * FROM t)",
    "SHOW CREATE TABLE t",
    "SHOW CREATE inner_view",
    "SHOW CREATE DICTIONARY d",
    "EXISTS t",
    "CHECK TABLE t",
    "SELECT hasColumnInTable('{database}', 't', 'secret')",
    "SELECT * FROM t SETTINGS additional_table_filters = {}",
    "SELECT 1 SETTINGS additional_table_filters = {'t': '1'}",
    "SELECT query FROM system.processes",
    "SHOW PROCESSLIST",
    "SELECT p.query FROM (SELECT * FROM system.processes) AS p",
    "SELECT * FROM view(SELECT query FROM system.processes)",
    "SELECT * FROM merge('system', 'processes')",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.parts",
    "SELECT * FROM system.errors",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.users",
    "SET ROLE administrator",
    "SET ROLE ALL",
    "SET ROLE DEFAULT",
    "SET DEFAULT ROLE administrator TO default",
    "EXECUTE AS default SELECT * FROM t",
)
# Of these the answer is known: what is private is not in it.
_ANSWERS = {
    "SHOW TABLES": "v1_dict_t\nv1_of\nv1_t\n",
    "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name": "v1_dict_t\nv1_of\nv1_t\n",
    "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() ORDER BY 1": "v1_dict_t\nv1_t\n",
    "SELECT count() FROM system.columns WHERE name = 'secret'": "0\n",
    "SELECT count() FROM information_schema.tables WHERE table_name = 't'": "0\n",
    "SELECT column_name FROM information_schema.columns WHERE table_name = 'v1_t'": "n\n",
    "SHOW COLUMNS FROM t": "",
    "SHOW DICTIONARIES": "v1_dict_t\n",
    "SELECT name FROM system.databases WHERE name IN ('default', 'system', currentDatabase())": "{database}\n",
    "DESCRIBE v1_t": "n\tUInt64\t\t\t\t\t\n",
    "EXISTS v1_t": "1\n",
    "SELECT n FROM v1_t": "1\n",
    "SELECT n FROM v1_of(n = 1)": "1\n",
    "SELECT n FROM v1_of(n = 2)": "",
    "SELECT n FROM v1_of(n = {one:UInt64})": "1\n",
    "SELECT dictGet('v1_dict_t', 'n2', 1)": "1\n",
    "SELECT n2 FROM v1_dict_t": "1\n",
    "WITH 'file(1)' AS x SELECT x, n AS url FROM v1_t WHERE url IN (1) -- file('x')": "file(1)\t1\n",
    "SELECT * FROM numbers(2) UNION ALL SELECT n FROM v1_t ORDER BY 1 FORMAT CSV": "0\n1\n1\n",
    "FROM v1_t SELECT n;": "1\n",
    "SELECT * FROM view(SELECT n FROM v1_t)": "1\n",
}
# What drivers and tools ask at their start: they have to be answered.
_TOOLS = (
    "SELECT version(), timezone()",
    "SELECT name, value, readonly FROM system.settings LIMIT 10",
    "SELECT currentUser(), currentDatabase()",
    "SELECT name, engine FROM system.databases",
    "SELECT database, name, engine, comment FROM system.tables",
    "SELECT database, table, name, type, comment FROM system.columns",
    "SELECT name, is_aggregate FROM system.functions LIMIT 10",
    "SELECT name FROM system.data_type_families LIMIT 10",
    "SELECT name FROM system.formats LIMIT 10",
    "SHOW CREATE VIEW v1_t",
    "EXPLAIN SELECT n FROM v1_t",
    "EXPLAIN indexes = 1 SELECT n FROM v1_of(n = 1)",
    "SHOW DATABASES",
    "SHOW FUNCTIONS LIKE 'sum'",
)


@pytest.fixture
def analyst(clickhouse_url: str, clickhouse_database: str) -> Iterator[httpx2.Client]:
    """The analyst over plain HTTP, in a database with private tables and public views of one row."""
    account = {"X-ClickHouse-User": "analyst", "X-ClickHouse-Key": ANALYST_PASSWORD}
    database = {"database": clickhouse_database}
    for statement in _SCHEMA:
        text = statement.replace("{database}", clickhouse_database)
        httpx2.post(clickhouse_url, params=database, content=text).raise_for_status()
    with httpx2.Client(base_url=clickhouse_url, headers=account, params=database) as opened:
        yield opened


def _asked(analyst: httpx2.Client, statement: str) -> httpx2.Response:
    database = analyst.params["database"]
    parameters = {"param_name": "t", "param_schema": database, "param_one": "1"}
    return analyst.post("/", params=parameters, content=statement.replace("{database}", database))


def test_hostile_statements_are_refused(analyst: httpx2.Client, tmp_path: Path) -> None:
    secret = tmp_path / "file"
    secret.write_text("what the analyst must not read")
    session = {"session_id": tmp_path.name}
    for statement in _HOSTILE:
        answer = analyst.post("/", params=session, content=statement.replace("{file}", str(secret)))
        assert answer.status_code in (400, 403, 404, 500), (statement, answer.text)
        assert secret.read_text() not in answer.text
        assert not secret.with_name("file.out").exists()
        assert analyst.post("/", params=session, content="SELECT groupArray(n) FROM v1_t").text == "[1]\n"


def test_nothing_private_is_read_by_any_way_round(analyst: httpx2.Client) -> None:
    answers = {statement: _asked(analyst, statement) for statement in _PRIVATE}
    shown = {
        statement: answer.text
        for statement, answer in answers.items()
        if (answer.status_code == 200 and answer.text) or "hidden" in answer.text
    }
    assert shown == {}
    assert len(answers) > 60


def test_a_refusal_names_the_analyst_and_the_table(analyst: httpx2.Client) -> None:
    for statement, what in {
        "SELECT * FROM t": "SELECT(n, secret) ON {database}.t",
        "SELECT dictGet('d', 'secret', 1)": "dictGet ON {database}.d",
        "SELECT * FROM system.processes": "system.processes",
    }.items():
        answer = _asked(analyst, statement)
        named = what.replace("{database}", analyst.params["database"])
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497"
        assert answer.text.startswith("Code: 497. DB::Exception: analyst: Not enough privileges.")
        assert named.split(" ON ")[-1] in answer.text, answer.text


def test_what_is_public_is_answered_and_what_is_private_is_not_listed(analyst: httpx2.Client) -> None:
    database = analyst.params["database"]
    for statement, expected in _ANSWERS.items():
        answer = _asked(analyst, statement)
        assert (answer.status_code, answer.text) == (200, expected.replace("{database}", database)), statement


def test_tools_find_their_way(analyst: httpx2.Client) -> None:
    for statement in _TOOLS:
        answer = _asked(analyst, statement)
        assert (answer.status_code, bool(answer.text)) == (200, True), (statement, answer.text)
    # Drivers name the database `default` where nobody says another.
    assert analyst.post("/", params={"database": "default"}, content="SELECT 1").text == "1\n"


def test_a_view_that_was_made_later_is_public_at_once(analyst: httpx2.Client, clickhouse_url: str) -> None:
    later = "CREATE VIEW v1_later DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT n + 1 AS n FROM t"
    httpx2.post(clickhouse_url, params=analyst.params, content=later).raise_for_status()
    assert analyst.post("/", content="SELECT n FROM v1_later").text == "2\n"


@pytest.mark.parametrize("setting", [{"readonly": "0"}, {"max_block_size": "1"}, {"additional_table_filters": "{}"}])
def test_settings_cannot_be_changed(analyst: httpx2.Client, setting: dict[str, str]) -> None:
    answer = analyst.post("/", params=setting, content="SELECT 1")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_bad_syntax_is_called_bad_syntax(analyst: httpx2.Client) -> None:
    assert analyst.post("/", content="SELEC 1").headers["X-ClickHouse-Exception-Code"] == "62"


def test_an_ordinary_client_connects_as_the_analyst(clickhouse_url: str, analyst: httpx2.Client) -> None:
    database = analyst.params["database"]
    with closing(
        clickhouse_connect.get_client(
            dsn=clickhouse_url, username="analyst", password=ANALYST_PASSWORD, database=database
        )
    ) as client:
        assert client.query("SELECT n + {x:UInt8} FROM v1_t", parameters={"x": 1}).result_rows == [(2,)]
        with pytest.raises(DatabaseError, match="code: 497"):
            client.insert("v1_t", [[2]], column_names=["n"])
