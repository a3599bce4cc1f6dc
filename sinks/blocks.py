"""How the records of one partition become insert blocks, and what a block is called. Pure.

A block is the rows of consecutive records. Its name is its place in the log, so that a block formed again after a
crash carries the same deduplication tokens; where it ends is planned, and the plan is kept as commit metadata.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sinks.columns import Columns, Row
from sinks.rows import Rows

MAX_ROWS = 50_000
MAX_BYTES = 64 * 1024 * 1024
PLAN = "plan:"


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the partition, as rows. `size`: rough bytes of them. No rows: ignored or dead-lettered."""

    offset: int
    rows: Rows
    size: int = 0

    @property
    def count(self) -> int:
        """Rows in all tables."""
        return sum(map(len, self.rows.values()))


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of the records `first` to `last` of a partition, both included."""

    topic: str
    partition: int
    first: int
    last: int
    rows: dict[str, Columns]

    @property
    def trace_ids(self) -> set[str]:
        """The traces that it is about; the audit trail is about none."""
        return {trace_id for rows in self.rows.values() for trace_id in rows.values.get("trace_id", ())}

    def token(self, table: str) -> str:
        """The deduplication token of the block's rows of one table."""
        return f"{self.topic}-{self.partition}-{self.first}-{self.last}-{table}"


def block_of(topic: str, partition: int, entries: Sequence[Entry]) -> Block:
    """The block of these entries; at least one. Tables keep the order in which entries name them."""
    parts: dict[str, list[Collection[Row]]] = {}
    for entry in entries:
        for table, rows in entry.rows.items():
            if rows:
                parts.setdefault(table, []).append(rows)
    tables = {table: Columns.joined(of_table) for table, of_table in parts.items()}
    return Block(topic, partition, entries[0].offset, entries[-1].offset, tables)


def prefix(entries: Sequence[Entry]) -> int:
    """How many of the entries make the next block: as many as its limits hold, and never none."""
    rows = size = 0
    for index, entry in enumerate(entries):
        rows += entry.count
        size += entry.size
        if index and (rows > MAX_ROWS or size > MAX_BYTES):
            return index
    return len(entries)


def planned_prefix(entries: Sequence[Entry], last: int) -> int:
    """How many of the entries make the block that was planned to end at `last`; 0 until all of them are there."""
    if not entries or entries[-1].offset < last:
        return 0
    return sum(entry.offset <= last for entry in entries)


def plan(last: int) -> str:
    """Commit metadata: a block that ends at `last` is being inserted."""
    return f"{PLAN}{last}"


def planned(metadata: str) -> int | None:
    """The last offset in the metadata of a commit; None where nothing was planned."""
    return int(metadata.removeprefix(PLAN)) if metadata.startswith(PLAN) else None


def columns(rows: Collection[Row]) -> tuple[list[str], list[list[Any]]]:
    """Names and values, column by column, of rows of one table; at least one."""
    values = Columns.of(rows).values
    return list(values), list(values.values())
