"""The embedded engine as a process: what survives its death, what a client that leaves costs, how it stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running
from tests.support.stack import clickhouse_command, require_chdb

pytestmark = pytest.mark.integration

_SLOW = (
    "SELECT sum(sleepEachRow(0.01)) FROM numbers(6000)"
    " SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 10"
)
_RUNNING = "SELECT count() FROM system.processes"


@contextmanager
def _own_engine(folder: Path) -> Iterator[tuple[Process, httpx2.Client]]:
    require_chdb()
    port = free_port()
    command = clickhouse_command(port, folder)
    with (
        running(command, folder / "log.txt", lambda: accepts_connections(port)) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield process, client


def _ask(client: httpx2.Client, sql: str) -> str:
    answer = client.post("/", content=sql)
    assert answer.status_code == 200, answer.text
    return answer.text


def _soon(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_kill_9_loses_no_acknowledged_row_in_any_database(tmp_path: Path) -> None:
    tables = ("telemetry.t", "default.t")
    with _own_engine(tmp_path) as (process, client):
        for table in tables:
            _ask(client, f"CREATE TABLE {table} (n UInt64) ENGINE = MergeTree ORDER BY n")
            for number in range(20):
                _ask(client, f"INSERT INTO {table} VALUES ({number})")
        process.kill()
    for stop in (Process.kill, Process.stop):
        with _own_engine(tmp_path) as (process, client):
            for table in tables:
                assert _ask(client, f"SELECT count(), sum(n) FROM {table}") == "20\t190\n"
            stop(process)


def test_a_restart_finds_databases_without_tables(tmp_path: Path) -> None:
    for stop in (Process.stop, Process.kill, Process.stop):
        with _own_engine(tmp_path) as (process, client):
            assert _ask(client, "SHOW TABLES FROM default") == ""
            stop(process)


def test_sigterm_ends_running_queries_and_exits_cleanly(tmp_path: Path) -> None:
    with _own_engine(tmp_path) as (process, client), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, "/", content=_SLOW, timeout=60)
        assert _soon(lambda: _ask(client, _RUNNING) == "2\n")
        assert process.stop() == 0
        assert "QUERY_WAS_CANCELLED" in waiting.result().text


def test_a_client_that_leaves_takes_its_query_along(tmp_path: Path) -> None:
    with _own_engine(tmp_path) as (_, client):
        with ThreadPoolExecutor(1) as pool:
            leaving = pool.submit(client.post, "/", content=_SLOW, timeout=3)
            assert _soon(lambda: _ask(client, _RUNNING) == "2\n")
            with pytest.raises(httpx2.ReadTimeout):
                leaving.result()
        assert _soon(lambda: _ask(client, _RUNNING) == "1\n")
        with client.stream("POST", "/", content="SELECT * FROM system.numbers") as stream:
            pieces = stream.iter_raw()  # dropping it would close the connection
            assert next(pieces)
            assert _ask(client, _RUNNING) == "2\n"
        assert _soon(lambda: _ask(client, _RUNNING) == "1\n")


def test_a_large_result_streams_in_bounded_memory(tmp_path: Path) -> None:
    with _own_engine(tmp_path) as (process, client):
        _ask(client, "SELECT 1")
        before = _resident_mb(process.pid)
        size = 0
        with client.stream("POST", "/", content="SELECT repeat('x', 100) FROM numbers(10000000)") as stream:
            for piece in stream.iter_raw():
                size += len(piece)
        assert size == 101 * 10_000_000
        assert _resident_mb(process.pid) - before < 400


def _resident_mb(pid: int) -> float:
    """The peak of the process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
