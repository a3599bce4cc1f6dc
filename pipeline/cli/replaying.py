"""`replay`: what a topic has and had, archive and topic as one log: a JSON document a line, or put back for a group."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from aiokafka.errors import KafkaError

from pipeline.audit import audit_entry
from pipeline.cli.changes import By, actor_of
from pipeline.cli.terminal import WRONG_USAGE, err, fail
from pipeline.cli.times import time_option
from pipeline.clock import now_us
from pipeline.errors import Explained, Invalid, Retryable
from pipeline.ids import SHAPE
from pipeline.kafka import make_producer, must_answer, start
from pipeline.refeed import REFED, refeed
from pipeline.replay import END_OF_TIME_MS, Hole, Log, Wanted
from pipeline.s3store import open_store
from pipeline.segments import Entry
from pipeline.settings import KafkaSettings, ObjectStoreSettings, load
from schemas.codec import UndecodableRecord, decode, encode, plain
from schemas.topics import AUDIT_LOG, TOPICS

NAMES = [topic.name for topic in TOPICS]


def replay(
    topic: Annotated[str, typer.Option(help=f"One of: {', '.join(NAMES)}.")],
    since: Annotated[int | None, time_option("--from", means="First time; that of the oldest record.")] = None,
    until: Annotated[int | None, time_option("--to", means="Time to end before; never.")] = None,
    trace: Annotated[list[str] | None, typer.Option(help="Only this trace; may be given more than once.")] = None,
    partition: Annotated[int | None, typer.Option(help="Only this partition.")] = None,
    into: Annotated[str, typer.Option(help="Put them back into the topic, for this consumer group alone.")] = "",
    by: By = "",
) -> None:
    """Print the records of a topic, archived ones first, as JSON lines; or put them back for a consumer group.

    Partitions follow one another, each in order and without holes; an offset that is nowhere any more is exit status 1.
    """
    if topic not in NAMES:
        raise fail(f"no topic {topic}; there are: {', '.join(NAMES)}", WRONG_USAGE)
    if unknown := [name for name in trace or () if not SHAPE.fullmatch(name)]:
        raise fail(f"{unknown[0]} is no trace id", WRONG_USAGE)
    if into and into not in REFED.get(topic, ()):
        known = "; ".join(f"{name}: {', '.join(groups)}" for name, groups in REFED.items())
        raise fail(f"{topic} cannot be put back for {into}. What can: {known}", WRONG_USAGE)
    wanted = Wanted(since or 0, END_OF_TIME_MS if until is None else until, frozenset(trace or ()))
    log = Log(open_store(load(ObjectStoreSettings)), load(KafkaSettings))
    try:
        asyncio.run(must_answer(log.kafka))
        work = _put_back(log, topic, partition, wanted, into, by) if into else _print(log, topic, partition, wanted)
        count = asyncio.run(work)
    except (Hole, Invalid, Retryable, Explained, KafkaError, OSError) as error:
        raise fail(" ".join(str(error).split())) from None
    err.print(f"{count} records{f' put back for {into}' if into else ''}", highlight=False)


async def _put_back(log: Log, topic: str, partition: int | None, wanted: Wanted, group: str, by: str) -> int:
    facts = {"group": group, "from_ms": str(wanted.since_ms), "until_ms": str(wanted.until_ms)}
    facts["traces"] = ", ".join(sorted(wanted.trace_ids)) or "all"
    entry = audit_entry(actor_of(by), "replay", f"topic/{topic}", now_us(), detail=facts)
    producer = make_producer(log.kafka)
    try:
        await start(producer)
        await producer.send_and_wait(AUDIT_LOG.name, encode(entry), key=entry.project.encode())
        places = [place for place in await log.places(topic) if partition in (None, place.partition)]
        return sum([await refeed(log, place, wanted, group, producer) for place in places])
    finally:
        await producer.stop()


async def _print(log: Log, topic: str, partition: int | None, wanted: Wanted) -> int:
    count = 0
    async for line in _lines(log, topic, partition, wanted):
        sys.stdout.buffer.write(line)
        count += 1
    return count


async def _lines(log: Log, topic: str, partition: int | None, wanted: Wanted) -> AsyncIterator[bytes]:
    for place in await log.places(topic):
        if partition is None or place.partition == partition:
            async for entry in log.entries(place, wanted):
                about = {"topic": topic, "partition": place.partition}
                yield orjson.dumps({**about, **line_of(entry)}, default=_text, option=orjson.OPT_APPEND_NEWLINE)


def line_of(entry: Entry) -> dict[str, Any]:
    """An entry as a JSON object; what is no record of ours is told in base64."""
    at = datetime.fromtimestamp(entry.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    place: dict[str, Any] = {"offset": entry.offset, "at": at}
    if entry.erased:
        return {**place, "erased": True}
    place["key"] = (entry.key or b"").decode(errors="backslashreplace")
    try:
        record = decode(entry.value)
    except UndecodableRecord:
        return {**place, "record": None, "value": entry.value}
    return {**place, "record": type(record).__name__, "value": plain(record)}


def _text(value: bytes) -> str:
    """Stored events are JSON, and are told as such a text; other bytes are `base64:...`."""
    try:
        orjson.loads(value)
        return value.decode()
    except orjson.JSONDecodeError:
        return f"base64:{base64.b64encode(value).decode()}"
