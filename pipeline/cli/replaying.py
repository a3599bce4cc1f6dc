"""`replay`: what topics have and had, archive and topic as one log: printed, put back, or made rows again."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from aiokafka.errors import KafkaError

from pipeline.audit import append, audit_entry
from pipeline.cli.changes import By, actor_of
from pipeline.cli.rebuilding import CHECK, DROP, SWAP, Rebuild, action_of, rebuild
from pipeline.cli.terminal import WRONG_USAGE, Json, err, fail
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
from schemas.codec import UndecodableRecord, decode, plain
from schemas.topics import TOPICS

NAMES = [topic.name for topic in TOPICS]


def replay(
    topic: Annotated[
        list[str] | None,
        typer.Option(help=f"One of: {', '.join(NAMES)}; more than once. All of the sinks where --run is given."),
    ] = None,
    since: Annotated[int | None, time_option("--from", means="First time; that of the oldest record.")] = None,
    until: Annotated[int | None, time_option("--to", means="Time to end before; never.")] = None,
    trace: Annotated[list[str] | None, typer.Option(help="Only this trace; may be given more than once.")] = None,
    partition: Annotated[int | None, typer.Option(help="Only this partition.")] = None,
    into: Annotated[
        str,
        typer.Option(
            help="Put the records back into their topic, for this consumer group alone: sinks, sandbox or judge."
            " With --run, sinks only: rebuild tables beside the live ones instead; nothing is put back."
        ),
    ] = "",
    run: Annotated[str, typer.Option("--run", "--shadow", help="Name of a rebuild of the sinks' tables.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Hold the live tables against those of the rebuild.")] = False,
    swap: Annotated[
        bool, typer.Option("--swap", help="Exchange the tables of the rebuild with the live ones; again: back.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the database of the rebuild.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Really swap or drop.")] = False,
    by: By = "",
    json_document: Json = False,
) -> None:
    """Print the records of topics, archived ones first, as JSON lines; put them back; or rebuild the sinks' tables.

    Partitions follow one another, each in order and without holes; an offset that is nowhere any more is exit status 1.
    A rebuild (--into sinks --run NAME) reads what the sinks read into a database of its own, goes on where it was cut
    short, and can be checked (exit status 1: different; 3: not done), swapped and dropped.
    """
    actions = [name for name, given in ((CHECK, check), (SWAP, swap), (DROP, drop)) if given]
    if run or actions:
        bounded, narrowed = bool(topic) or since is not None or until is not None, bool(trace) or partition is not None
        action = action_of(run, actions, into, bounded, narrowed)
        return rebuild(Rebuild(run, action, tuple(topic or ()), since, until), yes, by, json_document)
    if not topic:
        raise fail("--topic says what to replay; only a rebuild (--run) goes without", WRONG_USAGE)
    for name in topic:
        if name not in NAMES:
            raise fail(f"no topic {name}; there are: {', '.join(NAMES)}", WRONG_USAGE)
        if into and into not in REFED.get(name, ()):
            known = "; ".join(f"{name}: {', '.join(groups)}" for name, groups in REFED.items())
            raise fail(f"{name} cannot be put back for {into}. What can: {known}", WRONG_USAGE)
    if unknown := [name for name in trace or () if not SHAPE.fullmatch(name)]:
        raise fail(f"{unknown[0]} is no trace id", WRONG_USAGE)
    wanted = Wanted(since or 0, END_OF_TIME_MS if until is None else until, frozenset(trace or ()))
    log = Log(open_store(load(ObjectStoreSettings)), load(KafkaSettings))
    try:
        asyncio.run(must_answer(log.kafka))
        work = _put_back(log, topic, partition, wanted, into, by) if into else _print(log, topic, partition, wanted)
        count = asyncio.run(work)
    except (Hole, Invalid, Retryable, Explained, KafkaError, OSError) as error:
        raise fail(" ".join(str(error).split())) from None
    err.print(f"{count} records{f' put back for {into}' if into else ''}", highlight=False)
    return None


async def _put_back(log: Log, topics: Sequence[str], partition: int | None, wanted: Wanted, group: str, by: str) -> int:
    facts = {"group": group, "from_ms": str(wanted.since_ms), "until_ms": str(wanted.until_ms)}
    facts["traces"] = ", ".join(sorted(wanted.trace_ids)) or "all"
    producer, count = make_producer(log.kafka), 0
    try:
        await start(producer)
        for topic in topics:
            entry = audit_entry(actor_of(by), "replay", f"topic/{topic}", now_us(), detail=facts)
            await append(producer, entry)
            places = [place for place in await log.places(topic) if partition in (None, place.partition)]
            count += sum([await refeed(log, place, wanted, group, producer) for place in places])
    finally:
        await producer.stop()
    return count


async def _print(log: Log, topics: Sequence[str], partition: int | None, wanted: Wanted) -> int:
    count = 0
    for topic in topics:
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
