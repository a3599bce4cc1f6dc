"""A dead letter as a row. Pure, and total: whatever stands in a dead-letter topic becomes a row.

So a sink never refuses one, and its own dead letters cannot come back to it.
"""

from aiokafka.structs import ConsumerRecord

from pipeline.canonical import digest
from pipeline.ids import SHAPE
from pipeline.letters import letter_of
from sinks.rows import Rows

LATEST_MS = 9_999_999_999_999
"""In the year 2286; columns of times end in 2299."""


def letter_rows(record: ConsumerRecord) -> Rows:
    """The row of a record of a dead-letter topic; its content stays where it is."""
    letter = letter_of(record)
    topic, partition, offset = letter.origin or ("", 0, 0)
    key = letter.key.decode(errors="replace")
    row = {
        "trace_id": key if SHAPE.fullmatch(key) else "",
        "origin_topic": topic,
        "origin_partition": partition,
        "origin_offset": offset,
        "consumer_group": letter.group,
        "stage": letter.stage,
        "error": letter.error,
        "reason": letter.reason,
        "key": key,
        "size": len(letter.value or b""),
        "digest": digest(letter.value or b""),
        "redrive_of": letter.redrive_of,
        "refused_at": min(max(letter.at_ms, 0), LATEST_MS),
        "source_topic": letter.place.topic,
        "source_partition": letter.place.partition,
        "source_offset": letter.place.offset,
    }
    return {"dead_letters": [row]}
