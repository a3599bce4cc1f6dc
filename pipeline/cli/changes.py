"""What the commands about `control` share: who acts, the view of now, one change with its audit entry."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from pipeline.audit import append, audit_entry, change_control
from pipeline.cli.terminal import fail
from pipeline.clock import now_us
from pipeline.control import ControlView, tail
from pipeline.errors import Explained
from pipeline.kafka import connect, make_consumer, make_producer
from pipeline.settings import KafkaSettings, load
from schemas.records import AuditEntry, Record

Answer = TypeVar("Answer")
By = Annotated[str, typer.Option(help="Who decided it; the login name where not given.")]


def actor_of(by: str) -> str:
    """How an entry of the audit trail names who typed a command."""
    return f"cli/{by or _login()}"


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        return f"uid-{os.getuid()}"


def answer_of(work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do it to the end; a broker that is away or refuses is said in one line. Raises typer.Exit."""

    async def run() -> Answer:
        return await work()

    try:
        return asyncio.run(run())
    except Explained as error:
        raise fail(str(error)) from None
    except (KafkaError, OSError, TimeoutError) as error:
        broker = load(KafkaSettings).kafka_bootstrap
        raise fail(
            f"the broker at {broker} did not answer, nothing is certain: {' '.join(str(error).split())}"
        ) from None


async def current_view() -> ControlView:
    """What `control` says now. Raises Refused, KafkaError, OSError or TimeoutError."""
    consumer = make_consumer(load(KafkaSettings))
    try:
        async for view in tail(consumer):
            return view
    finally:
        await consumer.stop()
    raise AssertionError("a tail does not end")


async def change(key: bytes, value: Record | None, **entry: Any) -> None:
    """Append an audit entry, then the record under its key (None: a tombstone). Raises as `current_view`."""
    producer: AIOKafkaProducer = make_producer(load(KafkaSettings))
    try:
        await connect(producer)
        await change_control(producer, key, value, audit_entry(at_us=now_us(), **entry))
    finally:
        await producer.stop()


async def audited(entry: AuditEntry) -> None:
    """Append an audit entry that stands alone. Raises as `current_view`."""
    producer = make_producer(load(KafkaSettings))
    try:
        await connect(producer)
        await append(producer, entry)
    finally:
        await producer.stop()
