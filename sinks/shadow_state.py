"""What a rebuild remembers, in two tables of its own database: how far it is, and in which phase.

A database that holds rows also holds how far they go: nothing can disagree. The last row of a place, and of the state,
is the one that holds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from aiokafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.canonical import dumps, loads
from pipeline.clickhouse import ClickHouse

Purpose = Literal["shadow", "live"]
"""Which tables are filled: those of the shadow, or after an exchange the live ones."""
Phase = Literal["building", "built", "exchanging", "filling"]
DDL = (
    """CREATE TABLE IF NOT EXISTS shadow_positions
(
    purpose LowCardinality(String), topic LowCardinality(String), partition UInt32,
    next UInt64 COMMENT 'offset to go on at', metadata String COMMENT 'as in a commit of the group', at UInt64
)
ENGINE = MergeTree ORDER BY (purpose, topic, partition, at)""",
    """CREATE TABLE IF NOT EXISTS shadow_state
(
    document String COMMENT 'JSON object', at UInt64
)
ENGINE = MergeTree ORDER BY at""",
)
NEWEST = "SELECT max(at) AS at FROM (SELECT at FROM shadow_positions UNION ALL SELECT at FROM shadow_state)"
LAST = """SELECT topic, partition, argMax(next, at) AS next, argMax(metadata, at) AS metadata
FROM shadow_positions WHERE purpose = {purpose:String} GROUP BY topic, partition"""


@dataclass(frozen=True, slots=True)
class State:
    """`turned`: the tables were exchanged, the shadow holds the former ones. `firsts`: where each place begins.

    `uuids`: the live tables before an exchange that has begun; `inserted`: what the group had committed then.
    """

    topics: list[str]
    since_ms: int | None = None
    until_ms: int | None = None
    phase: Phase = "building"
    turned: bool = False
    firsts: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    uuids: dict[str, str] = field(default_factory=dict)
    inserted: dict[str, int] = field(default_factory=dict)


def spelled(offsets: Mapping[TopicPartition, int]) -> dict[str, int]:
    """Offsets by `topic/partition`."""
    return {f"{place.topic}/{place.partition}": offset for place, offset in offsets.items()}


def placed(offsets: Mapping[str, int]) -> dict[TopicPartition, int]:
    """The way back of `spelled`."""
    split = {name: name.rsplit("/", 1) for name in offsets}
    return {TopicPartition(split[name][0], int(split[name][1])): offset for name, offset in offsets.items()}


class Memory:
    """The two tables. Raises Retryable, QueryFailed."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._at = 0

    def create(self) -> None:
        """Make the tables where they are missing."""
        for statement in DDL:
            self._clickhouse.command(statement)
        (row,) = self._clickhouse.rows(NEWEST)
        self._at = row["at"]

    def state(self) -> State | None:
        """The state; None before the first."""
        rows = self._clickhouse.rows("SELECT document FROM shadow_state ORDER BY at DESC LIMIT 1")
        return State(**loads(rows[0]["document"].encode())) if rows else None

    def keep_state(self, state: State) -> None:
        """From now on this is the state."""
        given: dict[str, Any] = {name: value for name, value in asdict(state).items() if value is not None}
        self._insert("shadow_state", {"document": [dumps(given).decode()], "at": [self._later()]})

    def positions(self, purpose: Purpose) -> dict[TopicPartition, OffsetAndMetadata]:
        """How far each place is."""
        rows = self._clickhouse.rows(LAST, {"purpose": purpose})
        return {
            TopicPartition(row["topic"], row["partition"]): OffsetAndMetadata(row["next"], row["metadata"])
            for row in rows
        }

    def keep(self, purpose: Purpose, commits: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """Go on from here."""
        if commits:
            places, told = list(commits), list(commits.values())
            columns: dict[str, Iterable[Any]] = {
                "purpose": [purpose] * len(places),
                "topic": [place.topic for place in places],
                "partition": [place.partition for place in places],
                "next": [next_offset for next_offset, _ in told],
                "metadata": [metadata for _, metadata in told],
                "at": [self._later()] * len(places),
            }
            self._insert("shadow_positions", columns)

    def _later(self) -> int:
        """A time after all that were given, whatever the clock says."""
        self._at = max(self._at + 1, time.time_ns())
        return self._at

    def _insert(self, table: str, columns: Mapping[str, Iterable[Any]]) -> None:
        self._clickhouse.insert(table, list(columns), list(columns.values()), token="")
