"""What was refused around the cookbook's sessions, and what operators did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiokafka.structs import ConsumerRecord

from pipeline.deadletter import headers
from pipeline.errors import Invalid
from schemas.records import AuditEntry, EventRejected, Record
from tests.support.cookbook_results import OPERATOR
from tests.support.cookbook_telling import HOUR_US, MONDAY_US, Assembled
from tests.support.traces import SECOND_US

LETTERS = ("trace-log.dlq/0/0", "trace-log.dlq/0/1", "trace-assembled.dlq/2/0")


def operations(ended: Sequence[Assembled]) -> Iterator[Record]:
    """Events that were refused, and what operators and keys did."""
    faults = ("unknown event type", "diff_unified: not a unified diff", "unknown event type")
    for number, (one, reason) in enumerate(zip((ended[4], ended[6], ended[8]), faults, strict=True)):
        yield EventRejected(
            trace_id=one.told.trace_id,
            project=one.told.project,
            chunk_id="c0",
            chunk_seq=0,
            index=number + 2,
            pointer=f"/events/{number + 2}/{'type' if 'type' in reason else 'diff_unified'}",
            reason=reason,
            rejected_at_us=one.told.began_us + 30 * SECOND_US,
        )
    done: tuple[tuple[float, str, str, str, str, dict[str, str]], ...] = (
        (0, "*", OPERATOR, "key create", "key/web-7", {"role": "writer"}),
        (1, "web", OPERATOR, "policy set", "policy/web", {"consent": "research"}),
        (101, "web", "key/reader-2", "denied: role", "trace/*", {}),
        (102, "*", OPERATOR, "dlq redrive", f"letter/{LETTERS[1]}", {}),
        (102.1, "*", OPERATOR, "dlq redriven", f"letter/{LETTERS[1]}", {}),
    )
    for hour, project, actor, action, subject, detail in done:
        at_us = MONDAY_US + round(hour * HOUR_US)
        yield AuditEntry(project=project, actor=actor, action=action, subject=subject, detail=detail, at_us=at_us)


def letters(ended: Sequence[Assembled]) -> Iterator[ConsumerRecord]:
    """Records that consumers refused, as they stand in the dead-letter topics."""
    refusals = (
        ("streams", "assembly", "not an Avro record"),
        ("streams", "assembly", "unknown schema"),
        ("judge", "document", "the document is not in the object store"),
    )
    for place, (group, stage, reason), one in zip(LETTERS, refusals, ended, strict=False):
        topic, partition, offset = place.split("/")
        notes = headers(topic.removesuffix(".dlq"), int(partition), 40 + int(offset), group, stage, Invalid(reason))
        key, at_ms = one.told.trace_id.encode(), (one.told.began_us // 1000) + 5_000
        yield ConsumerRecord(
            topic, int(partition), int(offset), at_ms, 0, key, b"broken", None, len(key), 6, tuple(notes)
        )
