"""One migrator at a time, on whichever hosts they run: a table is the lock, because making one is all or nothing.

The holder has made `migration_lock_<generation>`, one more than the newest there was, and changes its comment every
BEAT_S seconds; the server's own clock says how long ago that was. A lock that was not touched for STALE_S seconds is
that of a holder who was killed: the next one makes the next generation. A holder who only slept finds a newer one
before its next statement, and stops.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Explained, Retryable
from pipeline.settings import ClickHouseSettings
from pipeline.telemetry import logger

PREFIX = "migration_lock_"
BEAT_S, STALE_S, WAIT_S, PAUSE_S = 3.0, 30, 900.0, 0.2
NEWEST = f"""
SELECT name, comment, dateDiff('second', metadata_modification_time, now()) AS age
FROM system.tables WHERE database = currentDatabase() AND startsWith(name, '{PREFIX}') ORDER BY name DESC LIMIT 1
"""
OLDER = f"""
SELECT name FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, '{PREFIX}') AND name < {{name:String}}
"""
EXISTS = "Code: 57."
log = logger(__name__)


class LockLost(Explained):
    """Another migrator took over, because this one was silent for too long. What it began, that one does again."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock while it is held."""

    clickhouse: ClickHouse
    name: str

    def check(self) -> None:
        """Raises LockLost where somebody else has it by now."""
        newest = _newest(self.clickhouse)
        if newest is None or newest.name != self.name:
            raise LockLost(f"{self.name} was taken over{f' by {newest.holder}' if newest else ''}; migrate again")


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    holder: str
    age_s: int

    @property
    def generation(self) -> int:
        return int(self.name.removeprefix(PREFIX))


@contextmanager
def locked(clickhouse: ClickHouse, settings: ClickHouseSettings, wait_s: float = WAIT_S) -> Iterator[Lock]:
    """Waits for the lock, holds it. Raises Retryable when others keep it for `wait_s` seconds, QueryFailed."""
    holder = f"{socket.gethostname()}/{os.getpid()}"
    lock = _take(clickhouse, holder, time.monotonic() + wait_s)
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(settings, lock.name, holder, ended), daemon=True)
    beating.start()
    try:
        yield lock
    finally:
        ended.set()
        beating.join()
        clickhouse.command(f"DROP TABLE IF EXISTS {lock.name} SYNC")


def _take(clickhouse: ClickHouse, holder: str, deadline: float) -> Lock:
    told = False
    while True:
        newest = _newest(clickhouse)
        if newest is None or newest.age_s > STALE_S:
            if lock := _make(clickhouse, (newest.generation if newest else 0) + 1, holder):
                return lock
            continue
        if not told:
            log.info("waiting for another migration to end", holder=newest.holder)
            told = True
        if time.monotonic() > deadline:
            raise Retryable(f"another migration is under way, by {newest.holder}")
        time.sleep(PAUSE_S)


def _make(clickhouse: ClickHouse, generation: int, holder: str) -> Lock | None:
    """The lock of this generation; None where another was faster."""
    name = f"{PREFIX}{generation:09}"
    try:
        clickhouse.command(f"CREATE TABLE {name} (x UInt8) ENGINE = Null COMMENT '{holder} 0'")
    except QueryFailed as error:
        if EXISTS in str(error):
            return None
        raise
    # Whoever looked long ago may have made one that is older than another's.
    if (newest := _newest(clickhouse)) is None or newest.name != name:
        clickhouse.command(f"DROP TABLE IF EXISTS {name} SYNC")
        return None
    for old in clickhouse.rows(OLDER, {"name": name}):
        log.warning("taking over from a migration that was cut short", lock=old["name"])
        clickhouse.command(f"DROP TABLE IF EXISTS {old['name']} SYNC")
    return Lock(clickhouse, name)


def _newest(clickhouse: ClickHouse) -> _Found | None:
    rows = clickhouse.rows(NEWEST)
    return _Found(rows[0]["name"], rows[0]["comment"].partition(" ")[0], rows[0]["age"]) if rows else None


def _beat(settings: ClickHouseSettings, name: str, holder: str, ended: threading.Event) -> None:
    clickhouse, beats = ClickHouse(settings), 0
    while not ended.wait(BEAT_S):
        beats += 1
        try:
            clickhouse.command(f"ALTER TABLE {name} MODIFY COMMENT '{holder} {beats}'")
        except (Retryable, QueryFailed) as error:
            log.warning("the lock was not renewed", lock=name, reason=str(error)[:200])
    clickhouse.close()
