"""What Faust runs: the agent that takes records into leases, and the look for idle traces.

An exception in an agent would ack the record and skip it; so whatever is not settled inside ends the process, and the
supervisor starts it again at the last commit.
"""

import itertools
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import faust
from aiokafka.structs import TopicPartition
from mode import Service

from pipeline.clock import now_us
from pipeline.deadletter import TooManyDeadLetters
from pipeline.errors import Explained
from pipeline.s3store import open_store
from pipeline.settings import KafkaSettings, ObjectStoreSettings, StreamsSettings
from pipeline.telemetry import logger
from pipeline.watchdog import Course, watch
from schemas.topics import TRACE_LOG
from streams.app import AssemblyApp, make_app
from streams.assembly import Patience
from streams.held import Memory
from streams.leases import Leases, expire
from streams.outbox import Outbox
from streams.partition import GROUP, Assembler
from streams.tracelog import TraceLog

EXIT_FATAL = 70
LOOKS_PER_IDLE_TIME = 4
LONGEST_LOOK_S = 5.0
LAST_EFFECTS_S = 2.0
log = logger(__name__)


@asynccontextmanager
async def or_die() -> AsyncIterator[None]:
    """End the process on any error. `sys.exit`, a signal to oneself or a raise would hang or be swallowed in Faust."""
    try:
        yield
    except TooManyDeadLetters as error:
        _end(error.exit_status, reason=str(error))
    except Explained as error:
        _end(EXIT_FATAL, reason=str(error))
    except Exception as error:
        _end(EXIT_FATAL, reason=repr(error), exc_info=True)


def _end(status: int, **why: Any) -> NoReturn:
    log.critical("stopping", **why)
    logging.shutdown()
    os._exit(status)


class Connections(Service):
    """Opened before the app starts, closed after it has stopped, so that its last commit can write its marks."""

    def __init__(self, outbox: Outbox) -> None:
        super().__init__()
        self._outbox = outbox

    async def on_start(self) -> None:
        async with or_die():
            await self._outbox.open()

    async def on_stop(self) -> None:
        await self._outbox.close()


def add_agent(app: AssemblyApp, assembler: Assembler) -> None:
    """The assembling agent. `concurrency=1`: with more, acks and effects come out of order."""
    topic = app.topic(TRACE_LOG.name, key_serializer="raw", value_serializer="raw", value_type=bytes)

    @app.agent(topic, name="assembly", concurrency=1)
    async def assembly(stream: Any) -> None:
        async for event in stream.events():
            async with or_die():
                lease = await app.leases.get(event.message.partition, event.message.generation_id)
                await assembler.take(lease, event.message)

    @app.on_partitions_revoked.connect
    async def revoked(*_: object, **__: object) -> None:
        # The group still knows us: what is out by now need not be done again by whoever is next.
        await app.leases.wait(LAST_EFFECTS_S)
        await app.consumer.commit()
        app.leases.clear()


def add_expiry(app: AssemblyApp, patience: Patience) -> None:
    """The look for idle and old traces; it also rebuilds the leases of partitions in which nothing new has come."""
    shortest_us = min(patience.idle_us, patience.age_us)
    pause_s = min(shortest_us / 1_000_000 / LOOKS_PER_IDLE_TIME, LONGEST_LOOK_S)

    @app.timer(interval=pause_s)  # type: ignore[untyped-decorator]
    async def look() -> None:
        async with or_die():
            for tp in app.consumer.assignment():
                lease = await app.leases.get(tp.partition, app.consumer_generation_id)
                lease.check()
                await expire(lease, patience, now_us, app.outbox.expiry)


def add_watch(app: AssemblyApp, kafka: KafkaSettings, log_reader: TraceLog) -> None:
    """The look at our own progress: Faust is known to stop silently (faust #175, #640)."""

    turns = itertools.count()

    async def course() -> Course:
        leases = app.leases.of(app.consumer_generation_id)
        positions = {TopicPartition(TRACE_LOG.name, lease.partition): lease.seen for lease in leases}
        # A look is a turn. What is tried again, and what is read beside the stream, is work as well.
        done = sorted(positions.items()), app.outbox.dead_letters.cap.tried, log_reader.reads
        return Course(next(turns), done, takes_more=True, positions=positions)

    @app.task  # type: ignore[untyped-decorator]
    async def watching() -> None:
        await watch(kafka, course)


def run(kafka: KafkaSettings, objects: ObjectStoreSettings, streams: StreamsSettings) -> None:
    """Run the worker until SIGTERM or SIGINT; leaves by SystemExit."""
    log_reader, outbox = TraceLog(kafka, GROUP), Outbox(kafka, GROUP)
    app = make_app(kafka, Leases(log_reader, Memory(streams.max_open_bytes)), outbox)
    assembler = Assembler(log_reader, open_store(objects), outbox, streams.inline_document_bytes)
    add_agent(app, assembler)
    add_expiry(app, Patience(streams.trace_idle_s * 1_000_000, streams.trace_longest_s * 1_000_000))
    add_watch(app, kafka, log_reader)
    worker = faust.Worker(app, Connections(outbox), quiet=True, redirect_stdouts=False, override_logging=False)
    worker.spinner = None
    worker.execute_from_commandline()
