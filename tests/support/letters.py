"""Dead letters and redriven records as a consumer gets them."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.structs import ConsumerRecord

from pipeline.deadletter import headers
from pipeline.errors import Invalid
from pipeline.letters import Letter, letter_of, redriven_headers


def record(
    topic: str, offset: int, value: bytes | None, key: bytes, notes: Sequence[tuple[str, bytes | None]] = ()
) -> ConsumerRecord:
    """A record of partition 0, written 7 ms after the epoch."""
    return ConsumerRecord(topic, 0, offset, 7, 0, key, value, None, len(key), len(value or b""), tuple(notes))


def refused(original: ConsumerRecord, group: str, at: int = 0) -> Letter:
    """The letter at an offset of the dead-letter topic that a group makes of a record."""
    added = headers(original.topic, original.partition, original.offset, group, "stage", Invalid("bad"))
    notes = [*original.headers, *added]
    return letter_of(record(f"{original.topic}.dlq", at, original.value, original.key, notes))


def redriven(original: ConsumerRecord, group: str, offset: int) -> ConsumerRecord:
    """The record as it comes back at another offset of its topic."""
    notes = redriven_headers(refused(original, group))
    return record(original.topic, offset, original.value, original.key, notes)
