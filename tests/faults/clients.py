"""Clients that go on sending small sessions whatever happens, and remember exactly what was acknowledged to them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.stack import Stack
from benchmarks.traffic import small_session
from clients.http import Receipt
from clients.problems import ConnectionLost
from clients.recorded import ClientEvent
from clients.retries import Retries
from clients.session import TraceUpload, open_trace

PATIENT = Retries(attempts=400, longest_wait_s=1.0)
CALM_S = 0.2


@dataclass(frozen=True)
class Told:
    """A session that the server acknowledged in full."""

    trace_id: str
    receipts: tuple[Receipt, ...]
    events: int
    artifact: str


@dataclass
class Clients:
    """Several clients at once, until they are told to stop; each finishes the session that it is at."""

    stack: Stack
    count: int
    _stop: threading.Event = field(default_factory=threading.Event)
    _work: list[Future[list[Told]]] = field(default_factory=list)

    def start(self) -> None:
        """Begin to send."""
        pool = ThreadPoolExecutor(self.count)
        self._work = [pool.submit(self._send_on, number) for number in range(self.count)]
        pool.shutdown(wait=False)

    def finish(self) -> list[Told]:
        """What all of them were told."""
        self._stop.set()
        return [told for work in self._work for told in work.result()]

    def _send_on(self, number: int) -> list[Told]:
        told: list[Told] = []
        with self.stack.client(PATIENT) as client:
            while not self._stop.is_set():
                session = small_session(number + self.count * len(told))
                try:
                    upload = open_trace(client, session.trace)
                except ConnectionLost:
                    # The answer to `create` was lost; the trace may exist, and nobody will ever send to it.
                    continue
                told.append(self._send(upload, session.chunks))
                time.sleep(CALM_S)
        return told

    @staticmethod
    def _send(upload: TraceUpload, chunks: Iterable[Sequence[ClientEvent]]) -> Told:
        artifact = upload.attach("notes.txt", f"notes of {upload.trace_id}\n".encode() * 50, "log", "text/plain")
        for chunk in chunks:
            upload.send(chunk)
        upload.complete()
        return Told(upload.trace_id, tuple(upload.receipts), upload.events_sent, artifact.sha256)
