"""What is still there of traces: a look into every table, every object and every topic. It only reads.

Tables and records are searched as text, so that a trace is found wherever its id stands.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aiokafka.structs import ConsumerRecord

from pipeline import archive
from pipeline.archive import holding
from pipeline.clickhouse import ClickHouse
from pipeline.erasure import KEPT_TABLES, MARKS
from pipeline.ids import SHAPE, minted_at_us
from pipeline.kafka import DLQ_RETENTION_MS, admin
from pipeline.logreader import since
from pipeline.objectstore import ObjectStore
from pipeline.settings import KafkaSettings
from schemas.topics import TOPICS

NAMING_TABLES = KEPT_TABLES | {"audit"}
"""They say that a trace was erased, and by whom; nothing of the trace itself."""
NEEDLES = 200
ID = re.compile(SHAPE.pattern.encode())
# What is rebuilt beside the database holds the same traces.
TABLES = """
SELECT name, if(database = currentDatabase(), name, concat(database, '.', name)) AS place FROM system.tables
WHERE (database = currentDatabase() OR startsWith(database, concat(currentDatabase(), '_shadow_')))
    AND engine LIKE '%MergeTree' ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Left:
    """So many rows or objects in one place. `kept`: on purpose."""

    place: str
    count: int
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """So many records in a topic; the broker drops the last of them at `until_ms`, or never (None)."""

    topic: str
    count: int
    until_ms: int | None


def in_tables(clickhouse: ClickHouse, trace_ids: Collection[str]) -> list[Left]:
    """Rows of all tables in which one of the ids stands. Raises Retryable, QueryFailed."""
    ordered = sorted(trace_ids)
    parts = [ordered[first : first + NEEDLES] for first in range(0, len(ordered), NEEDLES)]
    found = []
    for row in clickhouse.rows(TABLES):
        count = sum(_rows(clickhouse, row["place"], part) for part in parts)
        found += [Left(f"clickhouse {row['place']}", count, row["name"] in NAMING_TABLES)] if count else []
    return found


def _rows(clickhouse: ClickHouse, table: str, trace_ids: Iterable[str]) -> int:
    needles = ", ".join(f"'{trace_id}'" for trace_id in trace_ids)
    query = f"SELECT count() AS n FROM {table} WHERE multiSearchAny(toString(tuple(*)), [{needles}])"
    return int(clickhouse.rows(query)[0]["n"])


async def in_store(store: ObjectStore, trace_ids: Collection[str]) -> list[Left]:
    """Objects whose keys name one of the traces. Raises Retryable."""
    wanted, count = set(trace_ids), Counter[str]()
    for key in await store.keys(""):
        if wanted.intersection(SHAPE.findall(key)):
            count[key.partition("/")[0]] += 1
    return [Left(f"objects {folder}", n, f"{folder}/" == MARKS) for folder, n in sorted(count.items())]


async def in_archive(store: ObjectStore, trace_ids: Collection[str]) -> list[Left]:
    """Archived records of the traces; that of the erasure itself is kept. Raises Retryable, Invalid."""
    counts: Counter[tuple[str, bool]] = Counter()
    for segment in {segment for trace_id in trace_ids for segment in await holding(store, trace_id)}:
        entries = [entry for entry in await archive.read(store, segment) if entry.trace_id in trace_ids]
        counts.update((segment.topic, entry.says_erased) for entry in entries)
    return [Left(f"archive {topic}", count, kept) for (topic, kept), count in sorted(counts.items())]


async def in_topics(kafka: KafkaSettings, trace_ids: Collection[str]) -> list[Held]:
    """Records of all topics in which one of the ids stands; none is older than the oldest trace."""
    wanted = {trace_id.encode() for trace_id in trace_ids}
    since_ms = min(map(minted_at_us, trace_ids)) // 1000
    held = []
    for topic, retention_ms in await _topics(kafka):
        times = [r.timestamp async for r in since(kafka, topic, since_ms) if _names(r, wanted)]
        if times:
            held.append(Held(topic, len(times), None if retention_ms < 0 else max(times) + retention_ms))
    return held


async def _topics(kafka: KafkaSettings) -> list[tuple[str, int]]:
    async with admin(kafka) as client:
        there = set(await client.list_topics())
    named = [pair for topic in TOPICS for pair in ((topic.name, topic.retention_ms), (topic.dlq, DLQ_RETENTION_MS))]
    return [(name, retention_ms) for name, retention_ms in named if name in there]


def _names(record: ConsumerRecord, wanted: set[bytes]) -> bool:
    return bool(wanted.intersection(ID.findall((record.key or b"") + b" " + (record.value or b""))))
