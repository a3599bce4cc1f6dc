"""What the tables know of traces that are to be validated again: where they stand, what was found, what a run has done.

The sink may be behind the log, so what a run has done is asked of both: its rows, and the records after the sink's
committed offsets. The offsets are read first, so that nothing falls between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.structs import TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.logreader import bounds, committed, read
from pipeline.settings import KafkaSettings
from sandbox.reproduction import Earlier
from sandbox.verdicts import LIVE
from schemas.codec import UndecodableRecord, decode
from schemas.records import TraceValidated
from schemas.topics import TRACE_ASSEMBLED, TRACE_VALIDATED

SINKS = "sinks"
_PLACES = """SELECT trace_id, revision, source_partition, source_offset FROM traces FINAL
    WHERE trace_id IN {ids:Array(String)} AND source_topic = {topic:String}
    AND (trace_id, revision) IN
        (SELECT trace_id, max(revision) FROM traces WHERE trace_id IN {ids:Array(String)} GROUP BY trace_id)
    ORDER BY source_partition, source_offset"""
_DONE = "SELECT trace_id, revision FROM v1_validations WHERE run_id = {run_id:String}"
_EARLIER = """SELECT trace_id, revision, run_id, verdict, level, reason FROM v1_validations
    WHERE trace_id IN {ids:Array(String)} AND latest AND run_id != {run_id:String}
    ORDER BY trace_id, run_id = {live:String} DESC, started_at DESC LIMIT 1 BY trace_id"""
_TESTS = """SELECT trace_id, revision, run_id, suite, test_id, before, after FROM v1_test_results
    WHERE (trace_id, revision, run_id) IN {which:Array(Tuple(String, UInt32, String))}"""


@dataclass(frozen=True, slots=True)
class Stored:
    """The latest revision of a trace, and where its record stands in trace-assembled."""

    trace_id: str
    revision: int
    place: TopicPartition
    offset: int


def stored(clickhouse: ClickHouse, trace_ids: Sequence[str]) -> list[Stored]:
    """Where these traces stand, in the log's order, without unknown and erased ones. Raises QueryFailed, Retryable."""
    topic = TRACE_ASSEMBLED.name
    rows = clickhouse.rows(_PLACES, {"ids": list(trace_ids), "topic": topic})
    return [
        Stored(row["trace_id"], row["revision"], TopicPartition(topic, row["source_partition"]), row["source_offset"])
        for row in rows
    ]


def earlier(clickhouse: ClickHouse, trace_ids: Sequence[str], run_id: str) -> dict[tuple[str, int], Earlier]:
    """By trace and revision, the validation to compare with: the live one, else the last of another run.

    Raises QueryFailed, Retryable.
    """
    rows = clickhouse.rows(_EARLIER, {"ids": list(trace_ids), "run_id": run_id, "live": LIVE})
    which = [(row["trace_id"], row["revision"], row["run_id"]) for row in rows]
    tests: dict[Any, set[tuple[str, str, str, str]]] = defaultdict(set)
    for row in clickhouse.rows(_TESTS, {"which": which}) if which else ():
        key = (row["trace_id"], row["revision"], row["run_id"])
        tests[key].add((row["suite"], row["test_id"], row["before"], row["after"]))
    return {
        (row["trace_id"], row["revision"]): Earlier(
            row["run_id"], row["verdict"], row["level"], row["reason"], frozenset(tests[key])
        )
        for key, row in zip(which, rows, strict=True)
    }


async def done(kafka: KafkaSettings, clickhouse: ClickHouse, run_id: str) -> Collection[tuple[str, int]]:
    """(trace id, revision) of what a run has validated. Raises QueryFailed, Retryable, Unreachable, KafkaError."""
    sunk = await committed(kafka, SINKS)
    ends = await bounds(kafka, TRACE_VALIDATED.name)
    found = {(row["trace_id"], row["revision"]) for row in clickhouse.rows(_DONE, {"run_id": run_id})}
    for place, (first, end) in ends.items():
        async for logged in read(kafka, place, sunk.get(place, first), end):
            try:
                record = decode(logged.value)
            except UndecodableRecord:
                continue
            if isinstance(record, TraceValidated) and record.run_id == run_id:
                found.add((record.trace_id, record.revision))
    return found
