"""What the commands about labels share: who labels, the tables, and the log that labels are appended to."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from pipeline.audit import append
from pipeline.cli.terminal import WRONG_USAGE, fail
from pipeline.kafka import connect, make_producer
from pipeline.labels import LABELLER, Clean
from pipeline.redaction.engine import redact
from pipeline.settings import KafkaSettings, load
from schemas.codec import encode
from schemas.records import AuditEntry, TraceJudged
from schemas.topics import RESCORES

Labeller = Annotated[str, typer.Option(help="Whose labels they are: letters, digits, _ . and -, at most 40.")]
AT_ONCE = 500


def labeller_of(name: str) -> str:
    """The name, if it can be one. Raises typer.Exit."""
    if not LABELLER.fullmatch(name):
        raise fail(f"{name!r} is no labeller's name: letters, digits, _ . and -, at most 40", WRONG_USAGE)
    return name


def cleaner() -> Clean:
    """Notes pass the same redaction as everything that the gateway stores; equal secrets look equal within one use."""
    key = secrets.token_bytes(32)
    return lambda text: redact(text.encode(), key, Counter()).decode()


async def write(records: Sequence[TraceJudged], entry: AuditEntry) -> None:
    """Append the audit entry, then the labels; returns once the log has them. Raises Refused, KafkaError, OSError."""
    producer = make_producer(load(KafkaSettings))
    try:
        await connect(producer)
        await append(producer, entry)
        for first in range(0, len(records), AT_ONCE):
            some = records[first : first + AT_ONCE]
            keyed = ((record.trace_id.encode(), encode(record)) for record in some)
            await asyncio.gather(*(producer.send_and_wait(RESCORES.name, value, key=key) for key, value in keyed))
    finally:
        await producer.stop()
