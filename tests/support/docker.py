"""A Docker engine for the session: the one that answers already, or one of our own that ends with the session."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import docker
import pytest

from deploy.embedded import gvisor
from deploy.embedded.docker_engine import (
    EngineUnavailable,
    answering_daemon,
    answers,
    free_data_root,
    obstacle,
    short_runtime_folder,
)
from deploy.embedded.sandbox_image import ImageUnavailable, ensure_image
from tests.support.processes import running
from tests.support.stack import absent


@pytest.fixture(scope="session")
def docker_host() -> Iterator[str]:
    """URL of an engine that has the sandbox's image."""
    with ExitStack() as stack:
        try:
            host = stack.enter_context(docker_engine())
        except (EngineUnavailable, ImageUnavailable) as problem:
            absent(str(problem))
        yield host


@contextmanager
def docker_engine() -> Iterator[str]:
    """URL of an engine with the sandbox's image; ours ends here. Raises EngineUnavailable and ImageUnavailable."""
    if host := answering_daemon():
        ensure_image(host)
        yield host
        return
    if reason := obstacle():
        raise EngineUnavailable(reason)
    folder = short_runtime_folder()
    host = f"unix://{folder / 'd.sock'}"
    data_root = str(free_data_root(os.environ))
    engine = [sys.executable, "-m", "deploy.embedded.docker_engine", "run", "--data-root", data_root]
    try:
        with running([*engine, "--socket", str(folder / "d.sock")], folder / "log", lambda: answers(host)):
            ensure_image(host)
            yield host
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_gvisor(docker_host: str) -> None:
    """Skips where the engine does not offer gVisor: it is built once, in minutes. Fails with REQUIRE_GVISOR=1."""
    with closing(docker.DockerClient(docker_host)) as client:
        if gvisor.RUNTIME in client.info()["Runtimes"]:
            return
    why = "the engine does not offer gVisor: `python -m deploy.embedded.gvisor ensure` builds it"
    if os.environ.get("REQUIRE_GVISOR") == "1":
        pytest.fail(why)
    pytest.skip(why)
