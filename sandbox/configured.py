"""What validates, made from the settings: for the consumer of the log and for the commands beside it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from pipeline.clock import now_us
from pipeline.errors import EXIT_HELD, Explained
from pipeline.objectstore import ObjectStore
from pipeline.settings import SandboxSettings
from sandbox.container import Containers
from sandbox.dependencies import Patient, build_by_process
from sandbox.environment import Environments
from sandbox.examiner import Examiner
from sandbox.fetching import FetchByProcess
from sandbox.hardening import GVISOR
from sandbox.spec import MIB, Limits
from sandbox.worker import Validator
from schemas.records import TraceValidated

Publish = Callable[[TraceValidated], Awaitable[None]]


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
        build=Patient(build_by_process) if settings.sandbox_build_images else None,
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


def refuse_weak_isolation(settings: SandboxSettings) -> None:
    """Raises NotIsolated where code that nobody trusts would share the machine's own kernel."""
    if settings.sandbox_untrusted and settings.sandbox_runtime != GVISOR:
        raise NotIsolated(
            f"SANDBOX_UNTRUSTED is set and SANDBOX_RUNTIME is {settings.sandbox_runtime}, which shares the machine's"
            f" kernel: set SANDBOX_RUNTIME={GVISOR}, or unset SANDBOX_UNTRUSTED"
        )
