"""What was confirmed of a session that is sent from a file, on disk: sent again after a cut, it goes on where it was.

One file a session, one JSON line a fact, each on the disk before the next step: a process that is killed leaves at most
half a line, which is passed over. A file is held by one process at a time. It has the upload token of its trace, which
opens that trace only and expires within hours: the files are for their owner alone.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from clients.http import Created, Receipt, TelemetryClient
from clients.recorded import Session
from clients.session import WORKSPACE, Submitted, TraceUpload


class Held(Exception):
    """Another process sends this very session now."""


class Differs(ValueError):
    """What was begun is not what would be sent now."""


@dataclass
class Journal:
    """The facts about one session; use it as a context, which takes the file and gives it back.

    Raises Held on entry.
    """

    file: Path
    created: Created | None = None
    digest: str = ""
    receipts: list[Receipt] = field(default_factory=list)
    events_sent: int = 0
    completed: bool = False
    _fd: int = -1

    def __enter__(self) -> Self:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise Held("another process is importing it at this moment: wait for its end") from None
        self._read()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._fd)

    def forget(self) -> None:
        """Begin anew: the next trace is another one."""
        os.ftruncate(self._fd, 0)
        self.created, self.digest, self.receipts, self.events_sent, self.completed = None, "", [], 0, False

    def begin(self, created: Created, digest: str) -> None:
        """The server made a trace for the events of this digest."""
        self._write({"created": created.model_dump(), "digest": digest})
        self.created, self.digest = created, digest

    def keep(self, receipt: Receipt, events: int) -> None:
        """The log has these events."""
        self._write({"receipt": receipt.model_dump(), "events": events})

    def end(self) -> None:
        """The trace is complete."""
        self._write({"completed": True})
        self.completed = True

    def _write(self, fact: dict[str, Any]) -> None:
        os.write(self._fd, orjson.dumps(fact) + b"\n")
        os.fsync(self._fd)

    def _read(self) -> None:
        whole = self.file.read_bytes()
        kept = whole.rfind(b"\n") + 1
        os.ftruncate(self._fd, kept)  # half a line of a process that was killed
        for line in whole[:kept].splitlines():
            fact = orjson.loads(line)
            if "created" in fact:
                self.created, self.digest = Created.model_validate(fact["created"]), str(fact["digest"])
            elif "receipt" in fact:
                self.receipts.append(Receipt.model_validate(fact["receipt"]))
                self.events_sent += int(fact["events"])
            self.completed = self.completed or "completed" in fact


def submit_once(client: TelemetryClient, session: Session, journal: Journal) -> Submitted:
    """Send what of the session is not sent yet, and complete it. What the journal says is believed, not asked again:
    a server whose tables lag behind would deny what it has.

    Raises Differs, and what `clients.session.submit` raises; the same call again goes on.
    """
    digest = sha256(orjson.dumps(session.events)).hexdigest()
    if journal.created and journal.completed:
        return Submitted(journal.created.trace_id, tuple(journal.receipts), ())
    if journal.created and journal.digest != digest:
        raise Differs(f"{journal.created.trace_id} was begun with other events; --again begins a new trace")
    created = client.refresh(journal.created) if journal.created else client.create(session.trace)
    if journal.created is None:
        journal.begin(created, digest)
    upload = TraceUpload(client, created, list(journal.receipts), [], journal.events_sent, journal.keep)
    return _go_on(upload, session, journal)


def _go_on(upload: TraceUpload, session: Session, journal: Journal) -> Submitted:
    if session.workspace is not None and not upload.receipts:
        upload.attach(WORKSPACE, session.workspace, "workspace")
    upload.send(session.events[upload.events_sent :])
    upload.complete()
    journal.end()
    return Submitted(upload.trace_id, tuple(upload.receipts), tuple(upload.artifacts))
