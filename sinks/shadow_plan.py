"""What a rebuild covers and how two databases are held against each other, as values and SQL. Pure.

Rows that cannot be equal for good reasons are left out on both sides: those whose record the log no longer has
(retention, compaction, or before the time that was asked for), those of erased traces, those that expire within the
hour, and keys of which a later record is on its way. All else must be the same, column by column.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import TopicPartition

from schemas.topics import CONTROL
from sinks.worker import DEAD_LETTERS, TOPICS

NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")
FED_BY: dict[str, frozenset[str]] = {
    "trace_progress": frozenset({"trace-log"}),
    "erasures": frozenset({"trace-log"}),
    "events": frozenset({"trace-assembled"}),
    "traces": frozenset({"trace-assembled"}),
    "test_results": frozenset({"trace-validated"}),
    "claims": frozenset({"trace-validated"}),
    "validations": frozenset({"trace-validated"}),
    "judgements": frozenset({"trace-judged", "rescores"}),
    "rejects": frozenset({"rejects"}),
    "audit": frozenset({"audit-log"}),
    "runs": frozenset({"control"}),
    "run_states": frozenset({"control"}),
    "promotions": frozenset({"control"}),
    "policies": frozenset({"control"}),
    "leaves": frozenset({"integrity-log"}),
    "checkpoints": frozenset({"integrity-log"}),
    "dead_letters": DEAD_LETTERS,
}
"""Table -> the topics whose records become its rows. In the order in which tables are exchanged: what a view looks
through comes last. `erased_heads` is in none: it is made when rows go, and cannot be made again."""
AGGREGATES = {
    "agg_events": "events",
    "agg_progress": "trace_progress",
    "agg_traces": "traces",
    "agg_validations": "validations",
    "agg_judgements": "judgements",
    "rubric_weights": "judgements",
    "leaf_hashes": "leaves",
}
"""Table of states -> the table from whose rows a materialized view makes them, in either database by itself: views
follow names, so that each pair is exchanged with that of its table."""
KEPT_AGGREGATES = frozenset({"rubric_weights", "leaf_hashes"})
"""Those that outlive the rows they were made of."""
BUCKETS = 64
KEYS_SHOWN = 5
MARGIN_S = 3600
NOWHERE = 2**64 - 1
_TTL = re.compile(r"TTL toDateTime\((\w+)\) \+ toIntervalDay\((\d+)\)")
PLACE = "concat(source_topic, '/', toString(source_partition))"


def shadow_of(database: str, run: str) -> str:
    """The database of a rebuild. Raises ValueError for what is no name of a run."""
    if not NAME.fullmatch(run):
        raise ValueError(f"{run!r} is no name for a rebuild: lower-case letters, digits and _, at most 40")
    return f"{database}_shadow_{run}"


def topics_of(wanted: Collection[str]) -> list[str]:
    """The topics to read for these; all that the sink reads for none. Raises ValueError for one that it does not."""
    if unknown := sorted(set(wanted) - set(TOPICS)):
        raise ValueError(f"the sinks do not read {unknown[0]}; they read: {', '.join(TOPICS)}")
    return [topic for topic in TOPICS if topic in wanted or not wanted]


def tables_of(topics: Collection[str]) -> list[str]:
    """The tables that these topics make whole. Raises ValueError where they make none."""
    if whole := [table for table, feeding in FED_BY.items() if feeding <= set(topics)]:
        return whole
    needed = sorted({", ".join(sorted(feeding)) for feeding in FED_BY.values() if feeding & set(topics)})
    raise ValueError(f"no table is made of {', '.join(topics)} alone; together make one: {' | '.join(needed)}")


def exchanged(tables: Collection[str]) -> list[str]:
    """What is exchanged for these tables, in order: aggregates before the tables that they are made from.

    A row that comes in between goes into the former table and the new aggregate; it is put into the new table
    afterwards, and into the aggregate once more, which changes nothing.
    """
    return [*(name for name, source in AGGREGATES.items() if source in tables), *tables]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is compared of each place: offsets [first, end). `held`: offsets of `control` that compaction has left.

    `reached`: where the log ends, for places of which a table has rows beyond that.
    """

    firsts: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]
    held: frozenset[int] = field(default_factory=frozenset)
    reached: Mapping[TopicPartition, int] = field(default_factory=dict)

    def gone(self, table: str) -> str:
        """The condition of a row whose record the log no longer has, or that was not asked for."""
        before = f"(source_offset < {_at(self.firsts, 0)})"
        if CONTROL.name not in FED_BY[table]:
            return before
        held = ", ".join(map(str, sorted({*self.held, NOWHERE})))
        compacted = f"source_topic = '{CONTROL.name}' AND source_offset < {_at(self.ends, 0)}"
        return f"({before} OR ({compacted} AND source_offset NOT IN ({held})))"

    @property
    def later(self) -> str:
        """The condition of a row whose record was written after what is compared. What the log has not even reached
        nobody but a hand has inserted: that is compared."""
        return f"({beyond(self.ends)} AND source_offset < {_at(self.reached, NOWHERE)})"


def beyond(ends: Mapping[TopicPartition, int]) -> str:
    """The condition of a row of a place that is known, from its end on."""
    return f"source_offset >= {_at(ends, NOWHERE)}"


def _at(offsets: Mapping[TopicPartition, int], otherwise: int) -> str:
    """The offset of a row's place."""
    if not offsets:
        return f"toUInt64({otherwise})"
    places = ", ".join(f"'{place.topic}/{place.partition}'" for place in offsets)
    numbers = ", ".join(f"toUInt64({offset})" for offset in offsets.values())
    return f"transform({PLACE}, [{places}], [{numbers}], toUInt64({otherwise}))"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as both databases have it."""

    name: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    definition: str

    @property
    def expiry(self) -> str:
        """The condition of a row that has at least an hour left; empty where rows are kept for ever."""
        found = _TTL.search(self.definition)
        return f"toDateTime({found[1]}) + INTERVAL {found[2]} DAY > now() + {MARGIN_S}" if found else ""

    @property
    def key(self) -> str:
        """The key of a row, as a tuple."""
        return f"({', '.join(self.keys)},)" if len(self.keys) == 1 else f"({', '.join(self.keys)})"

    @property
    def content(self) -> str:
        """The digest of all that a row says; when it was inserted is no part of that."""
        # As text, because hash functions pass over NULL, and a tuple's text has one spelling.
        said = ", ".join(name for name in self.columns if name != "inserted_at")
        return f"reinterpretAsUInt128(sipHash128(toString(tuple({said}))))"


def compared(table: Table, sides: Sequence[str], bounds: Bounds) -> str:
    """The condition of the rows that must be the same in both databases."""
    newer = [f"SELECT {table.key} FROM {side}.{table.name} WHERE {bounds.later}" for side in sides]
    conditions = [f"NOT {bounds.gone(table.name)}", f"{table.key} NOT IN ({' UNION ALL '.join(newer)})"]
    if "trace_id" in table.columns and table.name != "erasures":
        conditions.append(f"trace_id NOT IN ({' UNION ALL '.join(map(_erased, sides))})")
    return " AND ".join([*conditions, *filter(None, [table.expiry])])


def _erased(side: str) -> str:
    return f"SELECT trace_id FROM {side}.erasures"


def _rows(table: Table, side: str, condition: str) -> str:
    bucket = f"cityHash64(toString({table.key})) % {BUCKETS}"
    told = f"{PLACE} AS place, {bucket} AS bucket, toString({table.key}) AS key, {table.content} AS content"
    return f"SELECT {told} FROM {side}.{table.name} FINAL WHERE {condition}"


def digests(table: Table, side: str, condition: str) -> str:
    """The query of the digests of a table: (place, bucket, n, digest), whatever the order of rows."""
    return (
        "SELECT place, bucket, count() AS n, sumWithOverflow(content) AS digest"
        f" FROM ({_rows(table, side, condition)}) GROUP BY place, bucket"
    )


def differences(table: Table, live: str, shadow: str, condition: str, where: Iterable[tuple[str, int]]) -> str:
    """The query of what differs in these (place, bucket): (place, kind, n, keys), keys the first ones as text."""
    wanted = ", ".join(f"('{place}', {bucket})" for place, bucket in sorted(where))
    sides = " UNION ALL ".join(
        f"SELECT *, {number} AS side FROM ({_rows(table, name, condition)}) WHERE (place, bucket) IN ({wanted})"
        for number, name in ((0, live), (1, shadow))
    )
    return (
        f"SELECT place, kind, count() AS n, groupArraySorted({KEYS_SHOWN})(key) AS keys FROM ("
        " SELECT key, countIf(side = 0) AS in_live, countIf(side = 1) AS in_shadow,"
        " if(in_shadow > 0, anyIf(place, side = 1), anyIf(place, side = 0)) AS place,"
        " multiIf(in_live = 0, 'missing', in_shadow = 0, 'extra', 'different') AS kind"
        f" FROM ({sides}) GROUP BY key HAVING in_live = 0 OR in_shadow = 0 OR min(content) != max(content)"
        ") GROUP BY place, kind ORDER BY place, kind"
    )


def furthest(table: Table, side: str, ends: Mapping[TopicPartition, int]) -> str:
    """The query of the highest offset of each place that is not below its end: (topic, partition, n)."""
    return (
        "SELECT source_topic AS topic, source_partition AS partition, max(source_offset) AS n"
        f" FROM {side}.{table.name} WHERE {beyond(ends)} GROUP BY topic, partition"
    )


def carried(table: Table, live: str, shadow: str, bounds: Bounds) -> str:
    """The statement that copies what only the live table can still have."""
    named = ", ".join(f"`{name}`" for name in table.columns)
    kept = " AND ".join(filter(None, [bounds.gone(table.name), table.expiry]))
    return f"INSERT INTO {shadow}.{table.name} ({named}) SELECT {named} FROM {live}.{table.name} FINAL WHERE {kept}"
