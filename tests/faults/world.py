"""A whole stack with an object store of its own process, and the hand that does harm to its processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.stack import Stack, own_stack
from tests.faults.schedule import Fault
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, start

STORE = "object_store"
SPARED = ("docker",)
S3 = {"S3_ACCESS_KEY": "faults", "S3_SECRET_KEY": "secret-of-the-fault-runner"}
RESTART_S = 0.5


@dataclass
class World:
    """The processes that a fault may meet, by name."""

    stack: Stack
    store_command: Sequence[str]
    store: Process
    done: list[Fault] = field(default_factory=list)

    @property
    def victims(self) -> list[str]:
        """Every process of the stack but the Docker engine, and the object store."""
        return [STORE, *(name for name in self.stack.home.status()["children"] if name not in SPARED)]

    def suffer(self, fault: Fault) -> None:
        """Let it happen; a victim that is down already is passed over, and does not count."""
        pid = self.store.pid if fault.victim == STORE else self.stack.pid(fault.victim)
        if pid is None:
            return
        try:
            self._strike(pid, fault)
        except ProcessLookupError:
            return
        self.done.append(fault)
        if fault.victim == STORE and fault.kind != "pause":
            self._restart_store()

    def _strike(self, pid: int, fault: Fault) -> None:
        if fault.kind == "pause":
            os.kill(pid, signal.SIGSTOP)
            time.sleep(fault.lasts_s)
            os.kill(pid, signal.SIGCONT)
        else:
            os.kill(pid, signal.SIGKILL if fault.kind == "kill" else signal.SIGTERM)

    def _restart_store(self) -> None:
        self.store.stop()
        time.sleep(RESTART_S)
        self.store = start(self.store_command, self.store.log, S3)

    def run(self, faults: Sequence[Fault]) -> None:
        """All faults at their times, pauses beside the others; returns when the last is over."""
        began, pauses = time.monotonic(), []
        for fault in faults:
            time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
            if fault.kind == "pause":
                pauses.append(threading.Thread(target=self.suffer, args=(fault,)))
                pauses[-1].start()
            else:
                self.suffer(fault)
        for pause in pauses:
            pause.join()


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A stack whose documents all go through the object store, S3Proxy; everything is ended afterwards."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "deploy.embedded.s3proxy",
        "--port",
        str(port),
        "--data-dir",
        str(folder / "s3"),
    ]
    store = start(command, folder / "s3proxy.log", S3)
    settings = {"OBJECT_STORE": "s3", "S3_ENDPOINT": f"http://127.0.0.1:{port}", "INLINE_DOCUMENT_BYTES": "64", **S3}
    held: World | None = None
    try:
        store.wait_until(lambda: accepts_connections(port))
        with own_stack(settings) as stack:
            held = World(stack, command, store)
            yield held
    finally:
        (held.store if held else store).stop()
