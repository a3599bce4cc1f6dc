"""What an analyst of the embedded engine may take, and that those who write do not feel it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import httpx2
import pytest

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.settings import ClickHouseSettings
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running
from tests.support.stack import ANALYST_PASSWORD, clickhouse_command, require_chdb

pytestmark = pytest.mark.integration

MEMORY_MB = 64
LIMITS = {
    "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD,
    "CLICKHOUSE_ANALYSTS": f"quota:{ANALYST_PASSWORD}:acme,busy:{ANALYST_PASSWORD}:acme",
    "CLICKHOUSE_ANALYST_MEMORY_MB": str(MEMORY_MB),
    "CLICKHOUSE_ANALYST_SECONDS": "2",
    "CLICKHOUSE_ANALYST_ROWS": "1000",
    "CLICKHOUSE_ANALYST_QUERIES": "8",
    "CLICKHOUSE_ANALYST_HOURLY_QUERIES": "40",
}
SORT = "SELECT number FROM numbers_mt(1000000000) ORDER BY sipHash64(number) LIMIT 900000000, 10"
GROUP = "SELECT groupArray(number) FROM numbers_mt(100000000)"
CROSS = "SELECT sum(a.number * b.number) FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b"
SCAN = "SELECT sum(cityHash64(number)) FROM numbers_mt(1000000000000)"
HUNGRY = (CROSS, GROUP, SCAN, SORT)
TABLE = (
    "CREATE TABLE landed (n UInt64, text String) ENGINE = MergeTree ORDER BY n"
    " SETTINGS non_replicated_deduplication_window = 1000"
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A client of an engine of its own, with small limits."""
    require_chdb()
    folder, port = tmp_path_factory.mktemp("limited"), free_port()
    room = httpx2.Limits(max_connections=100)
    with (
        running(clickhouse_command(port, folder), folder / "log.txt", lambda: accepts_connections(port), LIMITS),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, limits=room) as client,
    ):
        yield client


def _ask(engine: httpx2.Client, sql: str, user: str = "analyst", **settings: str) -> httpx2.Response:
    account = {"user": user, "password": "" if user == "default" else ANALYST_PASSWORD}
    return engine.post("/", params={**account, **settings}, content=sql)


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        (GROUP, 241, f"maximum: {MEMORY_MB}.00 MiB"),
        (CROSS, 159, "maximum: 2000"),
        ("SELECT number FROM numbers(2000)", 396, "max rows: 1.00 thousand"),
        (SORT, 241, f"maximum: {MEMORY_MB}.00 MiB"),
    ],
)
def test_each_limit_ends_a_query_and_is_named(engine: httpx2.Client, sql: str, code: int, words: str) -> None:
    answer = _ask(engine, sql)
    assert f"Code: {code}. DB::Exception" in answer.text
    assert words in answer.text


def test_a_query_may_ask_for_less_and_not_for_more(engine: httpx2.Client) -> None:
    began = time.monotonic()
    assert "maximum: 1000" in _ask(engine, SCAN, max_execution_time="1").text
    assert time.monotonic() - began < 2
    assert _ask(engine, "SELECT 1", max_execution_time="3").headers["X-ClickHouse-Exception-Code"] == "452"
    assert _ask(engine, "SELECT 1", max_execution_time="0").headers["X-ClickHouse-Exception-Code"] == "452"
    assert _ask(engine, "SELECT getSetting('max_threads')", max_threads="1").text == "1\n"


def test_the_administrator_has_none_of_these(engine: httpx2.Client) -> None:
    assert _ask(engine, "SELECT count() FROM (SELECT number FROM numbers(2000))", user="default").text == "2000\n"
    assert len(_ask(engine, "SELECT number FROM numbers(2000)", user="default").text.splitlines()) == 2000


def test_a_quota_ends_an_analyst_s_hour_and_nobody_else_s(engine: httpx2.Client) -> None:
    codes = {_ask(engine, "SELECT 1", user="quota").headers.get("X-ClickHouse-Exception-Code") for _ in range(45)}
    assert codes == {None, "201"}
    assert _ask(engine, "SELECT 1").text == "1\n"
    assert _ask(engine, "SELECT 1", user="default").text == "1\n"


def test_a_statement_is_small(engine: httpx2.Client) -> None:
    large = f"SELECT length('{'x' * 2_000_000}')"
    assert _ask(engine, large).status_code == 413
    assert _ask(engine, large, user="default", max_query_size="3000000").text == "2000000\n"


def test_the_client_of_an_analyst_is_told_to_ask_for_less_and_not_to_wait(engine: httpx2.Client) -> None:
    settings = ClickHouseSettings(clickhouse_url=str(engine.base_url), clickhouse_analyst_password=ANALYST_PASSWORD)
    with closing(ClickHouse(settings, analyst=True)) as analyst:
        for sql in (GROUP, SCAN):
            with pytest.raises(QueryFailed):
                analyst.raw(sql, "TSV")


def test_writers_go_on_while_analysts_ask_for_the_impossible(engine: httpx2.Client) -> None:
    """More queries than there are workers for all, each of which runs until a limit ends it."""
    assert _ask(engine, TABLE, user="default").status_code == 200
    with ThreadPoolExecutor(24) as analysts:
        asked = [
            analysts.submit(_ask, engine, HUNGRY[number % len(HUNGRY)], ("analyst", "busy")[number % 2])
            for number in range(24)
        ]
        took = _insert_while_unfinished(engine, asked)
        answers = [future.result() for future in asked]
    assert (
        _ask(engine, "SELECT count(), uniqExact(n) FROM landed", user="default").text
        == f"{len(took)}000\t{len(took)}000\n"
    )
    assert max(took) < 5
    assert len(took) >= 5
    ended = {answer.text.split(".")[0] for answer in answers}
    assert ended <= {"Code: 159", "Code: 202", "Code: 241", "Code: 396"}
    assert "Code: 241" in ended


def _insert_while_unfinished(engine: httpx2.Client, asked: list[Future[httpx2.Response]]) -> list[float]:
    """Blocks of 1,000 rows in the manner of the sinks, each sent twice as after a crash; seconds that each took."""
    took: list[float] = []
    with closing(ClickHouse(ClickHouseSettings(clickhouse_url=str(engine.base_url)))) as sink:
        while not all(future.done() for future in asked) and len(took) < 200:
            first, began = len(took) * 1000, time.monotonic()
            block: list[list[object]] = [list(range(first, first + 1000)), ["x" * 100] * 1000]
            for _ in range(2):
                sink.insert("landed", ["n", "text"], block, token=f"landed-{first}")
            took.append(time.monotonic() - began)
    return took
