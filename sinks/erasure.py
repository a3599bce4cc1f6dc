"""Erasure in ClickHouse: rows of erased traces go, whether they came before the erasure or come after it.

After each block the sink asks which of its traces are erased, and removes their rows from every table. An erasure is a
row itself, inserted before its own removal: of two sinks, one with the erasure and one with a late row, at least one
sees both. Databases that are rebuilt beside this one (`<database>_shadow_<run>`) lose the rows, too; while one is
rebuilt, erasures that this one knows hold there (`known`).
"""

from collections.abc import Iterable, Iterator

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.erasure import KEPT_TABLES

# As many ids as fit into a statement: ClickHouse reads 256 KiB of it.
IDS = 2_000
WITH_TRACES = """
SELECT c.database = currentDatabase() AS ours, concat(c.database, '.', c.table) AS full_name, c.table AS name
FROM system.columns AS c JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
WHERE c.name = 'trace_id' AND t.engine LIKE '%MergeTree'
"""
TABLES = f"{WITH_TRACES} AND ours ORDER BY name"
ALL_TABLES = (
    f"{WITH_TRACES} AND (ours OR startsWith(c.database, concat(currentDatabase(), '_shadow_'))) ORDER BY full_name"
)
# Codes of a table or database that is no more: a shadow may be dropped at any time.
DROPPED = ("Code: 60.", "Code: 81.", "Code: 218.")


def enforce(clickhouse: ClickHouse, trace_ids: Iterable[str], known: str = "") -> list[str]:
    """Remove the rows of those of these traces that are erased, which are returned. `known`: a database whose erasures
    hold here, too. Raises Retryable, QueryFailed."""
    erased = [trace_id for some in _groups(trace_ids) for trace_id in _erased(clickhouse, some, known)]
    if erased:
        tables = [row for row in clickhouse.rows(ALL_TABLES) if row["name"] not in KEPT_TABLES]
        for some in _groups(erased):
            _keep_heads(clickhouse, some)
            for row in tables:
                _remove(clickhouse, row["full_name"], some, may_be_dropped=not row["ours"])
    return erased


def _groups(trace_ids: Iterable[str]) -> Iterator[str]:
    """Lists for `IN`. Trace ids have only letters, digits and a dash: rows have no others."""
    ordered = sorted(set(trace_ids))
    for first in range(0, len(ordered), IDS):
        yield ", ".join(f"'{trace_id}'" for trace_id in ordered[first : first + IDS])


def _erased(clickhouse: ClickHouse, listed: str, known: str) -> list[str]:
    told = " UNION DISTINCT ".join(
        f"SELECT trace_id FROM {table} WHERE trace_id IN ({listed})"
        for table in ("erasures", *([f"{known}.erasures"] if known else []))
    )
    return [row["trace_id"] for row in clickhouse.rows(f"SELECT DISTINCT trace_id FROM ({told})")]


def _keep_heads(clickhouse: ClickHouse, listed: str) -> None:
    clickhouse.command(
        "INSERT INTO erased_heads (trace_id, revision, head)"
        f" SELECT trace_id, revision, head FROM traces FINAL WHERE trace_id IN ({listed})"
    )


def _remove(clickhouse: ClickHouse, table: str, listed: str, may_be_dropped: bool) -> None:
    # Rows that nobody sees any more, but whose bytes are still there, count: a killed sink may have come so far.
    there = f"SELECT 1 FROM {table} WHERE trace_id IN ({listed}) LIMIT 1 SETTINGS apply_deleted_mask = 0"
    try:
        if not clickhouse.rows(there):
            return
        # First nobody sees the rows any more, at once; then their bytes go, which may take ClickHouse a while.
        clickhouse.command(f"DELETE FROM {table} WHERE trace_id IN ({listed})")
        clickhouse.command(f"ALTER TABLE {table} APPLY DELETED MASK SETTINGS mutations_sync = 0")
    except QueryFailed as error:
        if not (may_be_dropped and any(code in str(error) for code in DROPPED)):
            raise
