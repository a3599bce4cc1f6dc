"""Where the selected traces stand in trace-assembled, and which of them have been judged alike before.

Read from the private tables, since the log's positions are nobody's business but ours. What was judged alike has the
same revision and head, the same rubric and the same judge by their digests, and a score: asking again would give it
again, or cost as much as it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from judge.rescore.plan import Plan, plan_of
from pipeline.clickhouse import ClickHouse
from schemas.topics import TRACE_ASSEMBLED

# Twice as many ids as this have to fit into a statement: ClickHouse reads 256 KiB of it.
IDS = 2_000
_PLACES = """SELECT source_partition, source_offset, document_size,
    (trace_id, revision, head) IN (
        SELECT trace_id, revision, head FROM judgements
        WHERE trace_id IN ({ids}) AND outcome = 'scored'
        AND rubric_digest = {{rubric:String}} AND judge_digest = {{judge:String}}
    ) AS known
FROM traces WHERE trace_id IN ({ids}) AND source_topic = {{topic:String}}
ORDER BY trace_id, revision DESC, source_offset DESC LIMIT 1 BY trace_id"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a selection comes to. `size`: bytes of all documents; `known`: judged alike before."""

    plan: Plan
    size: int
    known: int


def places(clickhouse: ClickHouse, trace_ids: Sequence[str], rubric_digest: str, judge_digest: str) -> Found:
    """The latest revisions of these traces; erased ones and such as never finished have none.

    Raises QueryFailed, Retryable.
    """
    size = known = 0

    def found() -> Iterator[tuple[int, int]]:
        nonlocal size, known
        for first in range(0, len(trace_ids), IDS):
            # Trace ids have only letters, digits and a dash: the tables have no others.
            ids = ", ".join(f"'{trace_id}'" for trace_id in trace_ids[first : first + IDS])
            parameters = {"rubric": rubric_digest, "judge": judge_digest, "topic": TRACE_ASSEMBLED.name}
            for line in clickhouse.raw(_PLACES.format(ids=ids), "TabSeparated", parameters).decode().splitlines():
                partition, offset, bytes_, alike = map(int, line.split("\t"))
                size += bytes_
                known += alike
                yield partition, offset

    plan = plan_of(found())
    return Found(plan, size, known)
