"""Judgements of many traces as rows, without a broker between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.clickhouse import ClickHouse
from schemas.records import Grade, Record, TraceAssembled, TraceJudged
from sinks.blocks import Entry, block_of, columns
from sinks.rows import Position, rows_of
from tests.support.finished import document_of, example

WEIGHTS = {"causal_linking": 600, "efficiency": 400}


def insert(clickhouse: ClickHouse, records: Iterable[Record], first_offset: int = 0, topic: str = "topic") -> None:
    """Store the rows of these records as one block, at offsets that follow one another."""
    entries = []
    for offset, record in enumerate(records, first_offset):
        document = None
        if isinstance(record, TraceAssembled):
            document = document_of(record.trace_id, record.event_count, record.revision)
        entries.append(Entry(offset, rows_of(record, Position(topic, 0, offset), document)))
    block = block_of(topic, 0, entries)
    for table, rows in block.rows.items():
        clickhouse.insert(table, *columns(rows), block.token(table))


def judged(trace_id: str, run_id: str, grades: Sequence[int | None], **changes: Any) -> TraceJudged:
    """A judgement with these grades of the two criteria of WEIGHTS; unscored (`no_answer`) where there are none."""
    given = tuple(
        Grade(criterion=name, grade=grade, weight=weight, rationale=f"{run_id} on {name}", cited_seqs=(0,))
        for (name, weight), grade in zip(WEIGHTS.items(), grades, strict=False)
    )
    fields = {
        "outcome": "scored" if given else "unscored",
        "reason": None if given else "no_answer",
        "overall_milli": sum(grade.weight * (grade.grade or 0) for grade in given) if given else None,
        "grades": given,
        "run_id": run_id,
        **changes,
    }
    return example(TraceJudged, trace_id, **fields)
