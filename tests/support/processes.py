"""Starts the real servers of a test as child processes and ends them by their own process id.

A child dies with the test process, however that ends, so that an aborted run leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02
_LIBC = ctypes.CDLL(None)


class Process:
    """A running child with its output in `log`. Start it with `start` or, with a sure end, with `running`."""

    def __init__(self, child: subprocess.Popen[bytes], log: Path) -> None:
        self._child = child
        self.log = log

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._child.poll()

    def wait_until(self, ready: Callable[[], bool], timeout_s: float = 30) -> None:
        """Returns once `ready()` is true; AssertionError with the log's end when the child ends or time runs out."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self.returncode is not None or time.monotonic() > deadline:
                state = "is not ready" if self.returncode is None else f"ended with status {self.returncode}"
                raise AssertionError(f"{self._child.args!r} {state}:\n{self.log_tail()}")
            time.sleep(_POLL_S)

    def stop(self, timeout_s: float = 15) -> int:
        """Asks it to end (SIGTERM), kills it after `timeout_s`; returns the exit status."""
        if self.returncode is None:
            self._child.terminate()
            try:
                return self._child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._child.kill()
        return self._child.wait()

    def wait(self, timeout_s: float = 60) -> int:
        """Waits until it ends by itself; returns the exit status."""
        return self._child.wait(timeout_s)

    def kill(self) -> None:
        """kill -9, and waits until it is gone."""
        self._child.kill()
        self._child.wait()

    def log_tail(self, characters: int = 4000) -> str:
        """The end of what it has written so far."""
        return self.log.read_text(errors="replace")[-characters:]


def start(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Starts `command` with `environment` added to ours; stdout and stderr are appended to `log`."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            preexec_fn=_die_with_parent,
        )
    return Process(child, log)


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 30,
) -> Iterator[Process]:
    """A child that is ready on entry and gone on exit."""
    process = start(command, log, environment)
    try:
        process.wait_until(ready, timeout_s)
        yield process
    finally:
        process.stop()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
