"""Runs the sandbox's consumer: `python -m sandbox`. Settings: SandboxSettings and the shared groups."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from pipeline.clock import now_us
from pipeline.consumer import consume, stop_on_signals
from pipeline.deadletter import DeadLetters
from pipeline.each import Each, Handler
from pipeline.errors import EXIT_HELD, Explained
from pipeline.kafka import make_consumer, make_producer, start
from pipeline.objectstore import ObjectStore
from pipeline.s3store import open_store
from pipeline.settings import KafkaSettings, LogSettings, ObjectStoreSettings, SandboxSettings, load
from pipeline.telemetry import configure_logs, logger
from sandbox.container import Containers
from sandbox.dependencies import build_by_process
from sandbox.environment import EngineAbsent, EngineLost, Environments, RuntimeMissing
from sandbox.examiner import Examiner
from sandbox.fetching import FetchByProcess
from sandbox.hardening import GVISOR
from sandbox.spec import MIB, Limits
from sandbox.turns import Turns
from sandbox.worker import Validator
from schemas.codec import encode
from schemas.records import Record, TraceValidated
from schemas.topics import TRACE_ASSEMBLED, TRACE_VALIDATED

Publish = Callable[[TraceValidated], Awaitable[None]]
GROUP = "sandbox"
# Records that are read ahead, so that a project behind a busy one is seen; Each bounds their bytes.
LOOK_AHEAD = 1_000
HOW_TO_GET_GVISOR = "`python -m deploy.embedded.gvisor ensure` builds gVisor and says how an engine gets to offer it"
log = logger(__name__)


class NotIsolated(Explained):
    """Code would not run as the settings ask for; the text says what to change."""

    exit_status = EXIT_HELD


def limits_of(settings: SandboxSettings) -> Limits:
    """Memory file systems count as the container's memory: both full must leave room for the tests themselves."""
    memory_bytes = settings.sandbox_memory_mb * MIB
    return Limits(
        run_timeout_s=settings.sandbox_run_timeout_s,
        memory_bytes=memory_bytes,
        pids=settings.sandbox_pids,
        repository_bytes=memory_bytes * 3 // 8,
        scratch_bytes=memory_bytes * 3 // 8,
        repeats=settings.sandbox_repeats,
    )


def images_of(settings: SandboxSettings) -> dict[str, str]:
    """Names of images, by the key that runners have."""
    return {"python": settings.sandbox_image, "node": settings.sandbox_node_image}


def containers_of(settings: SandboxSettings, *, live: bool = True) -> Containers:
    """The containers that the settings ask for; the caller closes them. Raises NotIsolated."""
    refuse_weak_isolation(settings)
    images, limits = images_of(settings), limits_of(settings)
    return Containers(settings.docker_host, images, settings.sandbox_runtime, limits, live=live)


def examiner_of(settings: SandboxSettings, environments: Environments) -> Examiner:
    """What validates a job in these environments, as the settings ask for."""
    return Examiner(
        environments=environments,
        nonce=lambda: secrets.token_hex(16),
        limits=limits_of(settings),
        build=build_by_process if settings.sandbox_build_images else None,
    )


def validator_of(
    settings: SandboxSettings, environments: Environments, store: ObjectStore, publish: Publish
) -> Validator:
    """What validates revisions in these environments, as the settings ask for."""
    return Validator(
        examiner=examiner_of(settings, environments),
        store=store,
        publish=publish,
        clock=now_us,
        repos=settings.sandbox_repos_dir,
        fetch=FetchByProcess(settings.sandbox_fetch_timeout_s) if settings.sandbox_origins else None,
        tasks=settings.sandbox_tasks_dir,
    )


async def run(settings: SandboxSettings, kafka: KafkaSettings, objects: ObjectStoreSettings) -> None:
    """Consume until SIGTERM or SIGINT. Raises NotIsolated before anything is read."""
    stop, containers = stop_on_signals(), containers_of(settings)
    await _ready(containers)
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


def refuse_weak_isolation(settings: SandboxSettings) -> None:
    """Raises NotIsolated where code that nobody trusts would share the machine's own kernel."""
    if settings.sandbox_untrusted and settings.sandbox_runtime != GVISOR:
        raise NotIsolated(
            f"SANDBOX_UNTRUSTED is set and SANDBOX_RUNTIME is {settings.sandbox_runtime}, which shares the machine's"
            f" kernel: set SANDBOX_RUNTIME={GVISOR}, or unset SANDBOX_UNTRUSTED"
        )


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
