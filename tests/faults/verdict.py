"""After the harm is over: everything that was acknowledged is there, once, and whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka.structs import TopicPartition

from benchmarks.stack import Stack
from pipeline.kafka import make_consumer
from pipeline.settings import KafkaSettings
from schemas.codec import decode
from schemas.records import EventsAppended
from schemas.topics import TRACE_LOG
from tests.faults.clients import Told

LOOK_S = 1.0
WHOLE = """SELECT trace_id, max(revision) AS revisions, argMax(event_count, revision) AS events,
    argMax(chunk_count, revision) AS chunks, min(intact AND complete) AS whole
    FROM v1_traces WHERE revision >= 1 GROUP BY trace_id"""
EVENTS = "SELECT trace_id, count() AS events, uniqExact(seq) AS distinct_events FROM v1_events GROUP BY trace_id"
VERDICTS = "SELECT trace_id, count() AS verdicts FROM v1_validations GROUP BY trace_id"
GRADED = """SELECT trace_id, count() AS grades, uniqExact(criterion) AS criteria
    FROM v1_current_scores GROUP BY trace_id"""


def wrong(stack: Stack, told: Sequence[Told], patience_s: float) -> dict[str, Any]:
    """What is missing, doubled or broken, by trace; waits up to `patience_s` for the stack to heal."""
    deadline = time.monotonic() + patience_s
    while (faults := _faults(stack, told)) and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return faults


def _faults(stack: Stack, told: Sequence[Told]) -> dict[str, Any]:
    clickhouse = stack.clickhouse()
    try:
        seen = [{row["trace_id"]: row for row in clickhouse.rows(q)} for q in (WHOLE, EVENTS, VERDICTS, GRADED)]
    except Exception as error:
        return {"clickhouse": repr(error)}
    finally:
        clickhouse.close()
    return {
        each.trace_id: found for each in told if (found := _about(each, [part.get(each.trace_id, {}) for part in seen]))
    }


def _about(told: Told, seen: list[dict[str, Any]]) -> str:
    if {} in seen:
        return f"missing: {seen}"
    trace, events, verdicts, graded = seen
    expected = {"revisions": 1, "events": told.events, "chunks": len(told.receipts)}
    good = (
        {name: trace[name] for name in expected} == expected
        and bool(trace["whole"])
        and events["events"] == events["distinct_events"] == told.events
        and verdicts["verdicts"] == 1
        and graded["grades"] == graded["criteria"]
    )
    return "" if good else f"wrong: {seen}"


def lost_receipts(stack: Stack, told: Sequence[Told]) -> list[str]:
    """Receipts whose record is not in the log where they say, with the digest that they say."""
    return asyncio.run(_lost(stack.home.status()["addresses"]["KAFKA_BOOTSTRAP"], told))


async def _lost(bootstrap: str, told: Sequence[Told]) -> list[str]:
    digests: dict[tuple[int, int], str] = {}
    consumer = make_consumer(KafkaSettings(kafka_bootstrap=bootstrap))
    await consumer.start()
    try:
        partitions = [TopicPartition(TRACE_LOG.name, number) for number in range(TRACE_LOG.partitions[0])]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    if isinstance(chunk := decode(record.value), EventsAppended):
                        digests[(record.partition, record.offset)] = chunk.chunk_digest
    finally:
        await consumer.stop()
    receipts = [receipt for each in told for receipt in each.receipts]
    return [str(r) for r in receipts if digests.get((r.partition, r.offset)) != r.chunk_digest]
