"""Of migrators that are started at once one works at a time, and one that is killed keeps nobody waiting for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings
from sinks import migration_lock
from sinks.migrate import migrate
from sinks.migration_lock import LockLost, locked
from sinks.steps import read_steps

pytestmark = pytest.mark.integration
TAKEN = "SELECT step, count() AS times FROM schema_migrations GROUP BY step ORDER BY step"
LOCKS = "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'migration_lock_')"
HOLDING = """
import sys, time
from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings, load
from sinks.migration_lock import locked
settings = load(ClickHouseSettings)
with locked(ClickHouse(settings), settings):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def client(settings: ClickHouseSettings) -> Iterator[ClickHouse]:
    """The empty database."""
    client = ClickHouse(settings)
    yield client
    client.close()


def _python(settings: ClickHouseSettings, *args: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "CLICKHOUSE_URL": settings.clickhouse_url,
        "CLICKHOUSE_DATABASE": settings.clickhouse_database,
    }
    command = [sys.executable, *args]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_migrators_started_at_once_take_each_step_once(settings: ClickHouseSettings, client: ClickHouse) -> None:
    processes = [_python(settings, "-m", "sinks.migrate") for _ in range(3)]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert client.rows(TAKEN) == [{"step": step.number, "times": 1} for step in read_steps()]
    assert client.rows(LOCKS) == []


def test_a_killed_holder_is_taken_over_from(
    settings: ClickHouseSettings, client: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = _python(settings, "-c", HOLDING)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    monkeypatch.setattr(migration_lock, "STALE_S", 4)
    kept = pytest.raises(Retryable, match=f"another migration is under way, by .*/{holder.pid}")
    with kept, locked(client, settings, wait_s=6):
        pass
    holder.kill()
    holder.communicate()
    assert len(client.rows(LOCKS)) == 1
    migrate(settings, 1)
    assert client.rows(LOCKS) == []
    assert client.rows(TAKEN) == [{"step": 1, "times": 1}]


def test_a_holder_that_slept_too_long_stops(
    settings: ClickHouseSettings, client: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_lock, "STALE_S", 1)
    with locked(client, settings) as first:
        first.check()
        time.sleep(2.5)  # a beat would come after three seconds
        with locked(client, settings) as second:
            second.check()
            with pytest.raises(LockLost, match="migrate again"):
                first.check()
    assert client.rows(LOCKS) == []


def test_a_statement_is_not_begun_without_the_lock(
    settings: ClickHouseSettings, client: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes over between two statements: nothing more of the step is done, and it is not recorded."""
    whole, tables = ClickHouse.command, []

    def command(self: ClickHouse, sql: str, parameters: dict[str, object] | None = None) -> object:
        if "CREATE TABLE IF NOT EXISTS traces" in sql:
            whole(self, f"CREATE TABLE {migration_lock.PREFIX}000000099 (x UInt8) ENGINE = Null COMMENT 'other/1 0'")
        tables.append(sql)
        return whole(self, sql, parameters)

    monkeypatch.setattr(ClickHouse, "command", command)
    with pytest.raises(LockLost, match="taken over by other/1"):
        migrate(settings, 1)
    assert not any("CREATE TABLE IF NOT EXISTS events" in sql for sql in tables)
    assert client.rows(TAKEN) == []
