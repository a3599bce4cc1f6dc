"""Brings the ClickHouse schema to a step: `python -m sinks.migrate [--to N]`; 0 is the empty database.

Every statement may be run twice, and a step is recorded when all of it is done: one that was cut short is taken again.
One migrator is at work at a time; others wait for it, and find nothing left to do. Waits for ClickHouse for a minute,
then gives up with its last answer.
"""

import argparse
import time

from pipeline.analysts import PUBLIC
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings, LogSettings, load
from pipeline.telemetry import configure_logs, logger
from sinks.migration_lock import Lock, LockLost, locked
from sinks.statements import split
from sinks.steps import BadMigration, Step, choose, read_steps

WAIT_S = 60.0
PAUSE_S = 0.5
LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    step     UInt32,
    name     String,
    checksum String,
    up       Bool COMMENT 'taken, or taken back',
    at       DateTime64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (step, at)
"""
APPLIED = """
SELECT step, argMax(checksum, at) AS checksum FROM schema_migrations GROUP BY step HAVING argMax(up, at) ORDER BY step
"""
NOT_OURS = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine = 'View' AND startsWith(name, {public:String})
AND definer != currentUser()
ORDER BY name
"""
log = logger(__name__)


def migrate(settings: ClickHouseSettings, target: int | None = None, wait_s: float = WAIT_S) -> list[str]:
    """Go up or down to `target` (None: the newest step); what was done, in words.

    Raises BadMigration where files and database disagree, Retryable when ClickHouse stays away for `wait_s` seconds or
    another migration does not end, LockLost when another took over from this one.
    """
    _create_database(settings, time.monotonic() + wait_s)
    clickhouse = ClickHouse(settings)
    try:
        clickhouse.command(LEDGER)
        if not _left(clickhouse, target) and not _not_ours(clickhouse):
            return []
        with locked(clickhouse, settings) as lock:
            done = [_take(lock, step, up, settings) for step, up in _left(clickhouse, target)]
            for view in _not_ours(clickhouse):
                lock.check()
                lock.clickhouse.command(f"ALTER TABLE {view} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER")
            return done
    finally:
        clickhouse.close()


def _left(clickhouse: ClickHouse, target: int | None) -> list[tuple[Step, bool]]:
    applied = {row["step"]: row["checksum"] for row in clickhouse.rows(APPLIED)}
    return choose(read_steps(), applied, target)


def _not_ours(clickhouse: ClickHouse) -> list[str]:
    """Public views that do not read the private tables as the user who migrates.

    Who may read a view shall need no table. It is no part of the steps, because it is about users of the server and not
    about the schema; and it is done again whenever another user migrates.
    """
    return [str(row["name"]) for row in clickhouse.rows(NOT_OURS, {"public": PUBLIC})]


def _create_database(settings: ClickHouseSettings, deadline: float) -> None:
    # `system` is there on every server; ours is not yet, and a user may have another default.
    server = ClickHouse(settings, database="system")
    try:
        while True:
            try:
                server.command(f"CREATE DATABASE IF NOT EXISTS {settings.clickhouse_database}")
                return
            except Retryable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_S)
    finally:
        server.close()


def _take(lock: Lock, step: Step, up: bool, settings: ClickHouseSettings) -> str:
    clickhouse = lock.clickhouse
    for statement in split(step.up if up else step.down):
        lock.check()
        clickhouse.command(_filled(statement, settings))
    lock.check()
    entry = {"step": step.number, "name": step.name, "checksum": step.checksum, "up": up, "at": now_us()}
    clickhouse.insert("schema_migrations", list(entry), [[value] for value in entry.values()], token="")
    done = f"{'took' if up else 'took back'} step {step.number} ({step.name})"
    log.info(done)
    return done


def _filled(statement: str, settings: ClickHouseSettings) -> str:
    """The statement for this server: what stands in single quotes in it is escaped as strings are."""
    given = {
        "retention_days": str(settings.retention_days),
        "database": settings.clickhouse_database,
        "clickhouse_user": settings.clickhouse_user,
        "clickhouse_password": settings.clickhouse_password,
    }
    for name, value in given.items():
        statement = statement.replace(f"{{{name}}}", value.replace("\\", "\\\\").replace("'", "\\'"))
    return statement


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m sinks.migrate", description="Bring the ClickHouse schema to a step."
    )
    parser.add_argument("--to", type=int, metavar="N", help="step to be at; the newest where not given, 0 for none")
    target = parser.parse_args().to
    configure_logs("migrate", load(LogSettings).log_level)
    try:
        migrate(load(ClickHouseSettings), target)
    except (BadMigration, LockLost, Retryable) as error:
        raise SystemExit(f"The schema was not migrated: {error}") from None


if __name__ == "__main__":
    main()
