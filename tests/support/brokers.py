"""A broker of a test's own, to be killed, frozen and started again, since others share the one of the session."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.settings import KafkaSettings
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, start
from tests.support.stack import kafka_command, require_kafka

FOLDER_NAME = "kafka"


class Broker:
    """A broker that is not started yet. What it holds outlives its process."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: Process | None = None
        self.kafka = KafkaSettings(kafka_bootstrap=f"127.0.0.1:{self._port}")

    async def start(self) -> None:
        """Returns once it accepts connections."""
        command = kafka_command(self._port, self._folder / FOLDER_NAME)
        self._process = start(command, self._folder / "kafka.log")
        await asyncio.to_thread(self._process.wait_until, lambda: accepts_connections(self._port), 60)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers nothing for as long as this is open."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, where it runs."""
        if self._process is not None:
            self._process.kill()


@contextmanager
def own_broker(folder: Path) -> Iterator[Broker]:
    """A broker that is gone afterwards; skips the test where none can run."""
    require_kafka()
    made = Broker(folder)
    try:
        yield made
    finally:
        made.kill()
