"""One supervised process: started, watched, restarted with growing pauses, stopped."""

import asyncio
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping

from pipeline.cli.home import Home
from pipeline.cli.plan import Process, Step
from pipeline.errors import EXIT_HELD

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
CALM_S = 30.0
GRACE_S = 12.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """For a child that has just begun: it is told to end when its parent dies, however that happens."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def spawn(part: Step, home: Home, environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start it with its output appended to its log file; it ends when the supervisor does."""
    path = home.log_file(part.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *part.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environ},
            preexec_fn=die_with_parent,
        )


class Child:
    """A process that is to run until `stop`, unless it holds itself back. `changed` hears of every change of state."""

    def __init__(self, part: Process, home: Home, environ: Mapping[str, str], changed: Callable[[], None]) -> None:
        self.part, self._home, self._environ, self._changed = part, home, environ, changed
        self.state, self.restarts = "starting", 0
        self.last_exit: int | None = None
        self.process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._keep_running())

    def report(self) -> dict[str, object]:
        """What `status` shows."""
        pid = self.process.pid if self.process and self.process.returncode is None else None
        return {"state": self.state, "pid": pid, "restarts": self.restarts, "last_exit": self.last_exit}

    def become(self, state: str) -> None:
        """Note a new state."""
        self.state = state
        self._changed()

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            self.process = await spawn(self.part, self._home, self._environ)
            self._changed()
            self.last_exit = await self.process.wait()
            if time.monotonic() - began > CALM_S:
                pause = FIRST_PAUSE_S
            if self.last_exit == EXIT_HELD:
                return self.become("held")
            self.restarts += 1
            self.become("restarting")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def stop(self) -> None:
        """End it for good: SIGTERM, and SIGKILL where that does not help."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.process and self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), GRACE_S)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        self.become("stopped")
