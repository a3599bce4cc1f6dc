"""Erasure in ClickHouse: rows of erased traces go, whether they came before the erasure or come after it.

After each block the sink asks which of its traces are erased, and removes their rows from every table. An erasure is a
row itself, inserted before its own removal: of two sinks, one with the erasure and one with a late row, at least one
sees both.
"""

from collections.abc import Iterable, Iterator, Sequence

from pipeline.clickhouse import ClickHouse
from pipeline.erasure import KEPT_TABLES

# As many ids as fit into a statement: ClickHouse reads 256 KiB of it.
IDS = 2_000
TABLES = """
SELECT c.table AS name FROM system.columns AS c JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
WHERE c.database = currentDatabase() AND c.name = 'trace_id' AND t.engine LIKE '%MergeTree' ORDER BY name
"""


def enforce(clickhouse: ClickHouse, trace_ids: Iterable[str]) -> list[str]:
    """Remove the rows of those of these traces that are erased, which are returned. Raises Retryable, QueryFailed."""
    erased = [trace_id for some in _groups(trace_ids) for trace_id in _erased(clickhouse, some)]
    if erased:
        tables = [row["name"] for row in clickhouse.rows(TABLES) if row["name"] not in KEPT_TABLES]
        for some in _groups(erased):
            _remove(clickhouse, tables, some)
    return erased


def _groups(trace_ids: Iterable[str]) -> Iterator[str]:
    """Lists for `IN`. Trace ids have only letters, digits and a dash: rows have no others."""
    ordered = sorted(set(trace_ids))
    for first in range(0, len(ordered), IDS):
        yield ", ".join(f"'{trace_id}'" for trace_id in ordered[first : first + IDS])


def _erased(clickhouse: ClickHouse, listed: str) -> list[str]:
    rows = clickhouse.rows(f"SELECT DISTINCT trace_id FROM erasures WHERE trace_id IN ({listed})")
    return [row["trace_id"] for row in rows]


def _remove(clickhouse: ClickHouse, tables: Sequence[str], listed: str) -> None:
    clickhouse.command(
        "INSERT INTO erased_heads (trace_id, revision, head)"
        f" SELECT trace_id, revision, head FROM traces FINAL WHERE trace_id IN ({listed})"
    )
    for table in tables:
        # First nobody sees the rows any more, at once; then their bytes go, which may take ClickHouse a while.
        clickhouse.command(f"DELETE FROM {table} WHERE trace_id IN ({listed})")
        clickhouse.command(f"ALTER TABLE {table} APPLY DELETED MASK SETTINGS mutations_sync = 0")
