"""Runs the sandbox's consumer: `python -m sandbox`. Settings: SandboxSettings and the shared groups."""

from __future__ import annotations

import asyncio

from pipeline.consumer import consume, stop_on_signals
from pipeline.deadletter import DeadLetters
from pipeline.each import Each, Handler
from pipeline.kafka import make_consumer, make_producer, start
from pipeline.s3store import open_store
from pipeline.settings import KafkaSettings, LogSettings, ObjectStoreSettings, SandboxSettings, load
from pipeline.telemetry import configure_logs, logger
from sandbox.configured import NotIsolated, containers_of, validator_of
from sandbox.container import Containers
from sandbox.environment import EngineAbsent, EngineLost, RuntimeMissing
from sandbox.fetched import sweep_fetched
from sandbox.spec import MIB
from sandbox.turns import Turns
from schemas.codec import encode
from schemas.records import Record, TraceValidated
from schemas.topics import TRACE_ASSEMBLED, TRACE_VALIDATED

GROUP = "sandbox"
# Records that are read ahead, so that a project behind a busy one is seen; Each bounds their bytes.
LOOK_AHEAD = 1_000
HOW_TO_GET_GVISOR = "`python -m deploy.embedded.gvisor ensure` builds gVisor and says how an engine gets to offer it"
log = logger(__name__)


async def run(settings: SandboxSettings, kafka: KafkaSettings, objects: ObjectStoreSettings) -> None:
    """Consume until SIGTERM or SIGINT. Raises NotIsolated before anything is read."""
    stop, containers = stop_on_signals(), containers_of(settings)
    await _ready(containers)
    room = settings.sandbox_fetched_mb * MIB
    swept = await asyncio.to_thread(sweep_fetched, settings.sandbox_fetched_dir, room)
    log.info("fetched repositories removed that had no room", count=swept)
    producer = make_producer(kafka)

    async def publish(validation: TraceValidated) -> None:
        await producer.send_and_wait(TRACE_VALIDATED.name, encode(validation), key=validation.trace_id.encode())

    validator = validator_of(settings, containers, open_store(objects), publish)
    try:
        await start(producer)
        handle = in_turn(Turns(settings.sandbox_parallel), validator.handle)
        step = Each(handle, DeadLetters(producer, GROUP, GROUP), LOOK_AHEAD)
        await consume(make_consumer(kafka, group=GROUP), [TRACE_ASSEMBLED.name], step, stop)
    finally:
        await producer.stop()
        containers.close()


def in_turn(turns: Turns, handle: Handler) -> Handler:
    """The handler, called when it is the turn of the record's project."""

    async def handle_in_turn(record: Record) -> None:
        async with turns.turn(str(getattr(record, "project", ""))):
            await handle(record)

    return handle_in_turn


async def _ready(containers: Containers) -> None:
    try:
        log.info("leftover containers removed", count=await containers.sweep())
    except RuntimeMissing as error:
        raise NotIsolated(f"SANDBOX_RUNTIME cannot be had: {error}; {HOW_TO_GET_GVISOR}") from error
    except (EngineAbsent, EngineLost) as error:
        log.warning("no Docker engine: traces get the verdict unverifiable(no_docker)", reason=str(error))


def main() -> None:
    """Read the settings, then run."""
    logs, kafka = load(LogSettings), load(KafkaSettings)
    configure_logs("sandbox", logs.log_level)
    asyncio.run(run(load(SandboxSettings), kafka, load(ObjectStoreSettings)))


if __name__ == "__main__":
    main()
