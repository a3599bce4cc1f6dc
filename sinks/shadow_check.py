"""The live tables against the rebuilt ones: digests first, and where these differ, which keys do."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.structs import TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.errors import Explained
from pipeline.logreader import bounds_of, committed
from pipeline.replay import Log
from pipeline.settings import KafkaSettings
from schemas.topics import CONTROL
from sinks.migrate import APPLIED
from sinks.shadow_plan import Bounds, Table, compared, differences, digests, furthest
from sinks.worker import GROUP

WAIT_S = 60.0
PAUSE_S = 0.2
DIGEST_BITS = 128
TABLES = """SELECT t.name AS name, t.sorting_key AS sorting_key, t.create_table_query AS definition,
    groupArray(c.name) AS columns
FROM system.tables AS t
JOIN (SELECT table, name FROM system.columns WHERE database = {database:String} AND default_kind != 'MATERIALIZED'
    ORDER BY position) AS c ON c.table = t.name
WHERE t.database = {database:String} AND t.name IN {names:Array(String)} GROUP BY ALL"""
Groups = dict[tuple[str, int], tuple[int, int]]
"""(place, bucket) -> rows, digest."""


class Differs(Explained):
    """Two databases cannot be held against each other."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Keys of a place that differ. `kind`: missing (the log has it, the live table has not), extra (the live table has
    it, the log has not) or different; `keys`: the first ones, as tuples of the table's key."""

    table: str
    place: str
    kind: str
    count: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """A table on one side, whatever the order of its rows."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found. Equal where there are no differences."""

    live: dict[str, Digest]
    shadow: dict[str, Digest]
    differences: list[Difference]


def tables(clickhouse: ClickHouse, database: str, names: Sequence[str]) -> list[Table]:
    """These tables, in this order. Raises Differs where one is not there, QueryFailed, Retryable."""
    rows = {row["name"]: row for row in clickhouse.rows(TABLES, {"database": database, "names": list(names)})}
    if missing := [name for name in names if name not in rows]:
        raise Differs(f"{database} has no table {missing[0]}: migrate it (python -m sinks.migrate)")
    return [_table(rows[name]) for name in names]


def _table(row: Mapping[str, Any]) -> Table:
    return Table(row["name"], tuple(row["columns"]), tuple(row["sorting_key"].split(", ")), row["definition"])


def must_have_one_schema(live: ClickHouse, shadow: ClickHouse) -> None:
    """Raises Differs where one of them is at another step."""
    steps = [clickhouse.rows(APPLIED) for clickhouse in (live, shadow)]
    if steps[0] != steps[1]:
        raise Differs("the schema has changed since the rebuild was begun: migrate, drop it and begin another")


async def held_offsets(log: Log) -> frozenset[int]:
    """The offsets that compaction has left of `control`."""
    return frozenset([entry.offset async for entry in log.entries(TopicPartition(CONTROL.name, 0))])


async def until_inserted(kafka: KafkaSettings, ends: Mapping[TopicPartition, int], wait_s: float = WAIT_S) -> None:
    """Returns once the live sink has inserted all before these offsets. Raises Differs when it does not in time."""
    deadline = time.monotonic() + wait_s
    while behind := _behind(await committed(kafka, GROUP), ends):
        if time.monotonic() > deadline:
            place = behind[0]
            raise Differs(
                f"the live sink is behind: {place.topic}/{place.partition} is not inserted up to {ends[place]}."
                " Does it run? `pr-telemetry status` shows its lag"
            )
        await asyncio.sleep(PAUSE_S)


def _behind(inserted: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
    return [place for place, end in sorted(ends.items()) if inserted.get(place, 0) < end]


def compare(clickhouse: ClickHouse, live: str, shadow: str, names: Sequence[str], bounds: Bounds) -> Comparison:
    """Hold the tables of two databases against each other. Raises Differs, QueryFailed, Retryable."""
    found = Comparison({}, {}, [])
    for table in tables(clickhouse, live, names):
        condition = compared(table, (live, shadow), bounds)
        ours, theirs = (_groups(clickhouse, digests(table, side, condition)) for side in (live, shadow))
        found.live[table.name], found.shadow[table.name] = _whole(ours), _whole(theirs)
        if apart := [group for group in ours.keys() | theirs.keys() if ours.get(group) != theirs.get(group)]:
            rows = clickhouse.rows(differences(table, live, shadow, condition, apart))
            found.differences.extend(_difference(table.name, row) for row in rows)
    return found


async def overtaken(
    clickhouse: ClickHouse, sides: Sequence[str], names: Sequence[str], log: Log, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Where the log ends, for places of which a table has rows beyond that; see `Bounds.reached`.

    The rows are looked at before the log is: what the sink inserts meanwhile is in the log before it is a row.
    """
    furthest_rows: dict[TopicPartition, int] = {}
    for table in tables(clickhouse, sides[0], names):
        for side in sides:
            for row in await asyncio.to_thread(clickhouse.rows, furthest(table, side, ends)):
                place = TopicPartition(row["topic"], row["partition"])
                furthest_rows[place] = max(row["n"], furthest_rows.get(place, 0))
    now = await bounds_of(log.kafka, list(furthest_rows)) if furthest_rows else {}
    return {place: end for place, (_, end) in now.items() if furthest_rows[place] >= end}


def _groups(clickhouse: ClickHouse, query: str) -> Groups:
    return {(row["place"], row["bucket"]): (row["n"], row["digest"]) for row in clickhouse.rows(query)}


def _whole(groups: Groups) -> Digest:
    total = sum(digest for _, digest in groups.values()) % 2**DIGEST_BITS
    return Digest(sum(n for n, _ in groups.values()), f"{total:032x}")


def _difference(table: str, row: Mapping[str, Any]) -> Difference:
    return Difference(table, row["place"], row["kind"], row["n"], tuple(row["keys"]))
