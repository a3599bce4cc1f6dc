"""A Docker engine with the sandbox's image for one command: one that answers, that of the stack, or one of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.docker_engine import answering_daemon, answers, obstacle, short_runtime_folder
from pipeline.cli.control import this_home
from pipeline.cli.plan import SANDBOX_IMAGE, Step, docker_process

START_S = 120.0
LOOK_S = 0.1
GRACE_S = 15.0


class NoEngine(Exception):
    """No engine can be had, or none with the image; the text says why, in one line."""


@contextmanager
def docker_engine() -> Iterator[str]:
    """The URL of an engine that is ready. Raises NoEngine."""
    if running := answering_daemon() or _of_the_stack():
        _ensure_image(running)
        yield running
        return
    if reason := obstacle():
        raise NoEngine(reason)
    folder = short_runtime_folder()
    try:
        with _own_engine(folder) as host:
            _ensure_image(host)
            yield host
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _of_the_stack() -> str | None:
    """The engine of the embedded stack that runs under this home."""
    home = this_home()
    host = home.status().get("docker_host") if home.supervisor_pid() else None
    return host if host and answers(host) else None


@contextmanager
def _own_engine(folder: Path) -> Iterator[str]:
    host = f"unix://{folder / 'd.sock'}"
    with (folder / "log").open("wb") as log:
        # of a group of its own, so that Ctrl-C at the terminal leaves it to the containers' end and then to us
        process = subprocess.Popen(
            docker_process(folder / "d.sock").argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, process_group=0
        )
    try:
        deadline = time.monotonic() + START_S
        while not answers(host):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoEngine(f"the Docker engine does not start: {_last_line(folder / 'log')}")
            time.sleep(LOOK_S)
        yield host
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ensure_image(host: str) -> None:
    command = Step("sandbox-image", *SANDBOX_IMAGE).argv
    done = subprocess.run(
        command, env={**os.environ, "DOCKER_HOST": host}, stdout=sys.stderr, stderr=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise NoEngine(f"the sandbox's image cannot be had: {lines[-1]}")


def _last_line(log: Path) -> str:
    return (log.read_text(errors="replace").strip().splitlines() or ["it says nothing"])[-1]
