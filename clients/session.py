"""A session's way to the server: create, artifacts, chunks in order, complete; then waiting for the results.

`TraceUpload` numbers the chunks and sends each receipt's digest back with the next chunk, so that a chunk lost, doubled
or reordered between here and the log is found when the trace is assembled.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from clients.chunks import outputs_moved, split
from clients.http import Artifact, Created, Receipt, TelemetryClient
from clients.problems import NotReady
from clients.recorded import ClientEvent, Session
from schemas.api import ArtifactKind, CreateTrace

Stage = Literal["assembled", "validated", "judged"]
ALL_STAGES: frozenset[Stage] = frozenset({"assembled", "validated", "judged"})
# Before these a trace is received, completed or expired: known, but not yet put together.
ASSEMBLED = frozenset({"assembled", "validated", "judged", "done"})
WORKSPACE = "workspace.bundle"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the server confirmed of a session."""

    trace_id: str
    receipts: tuple[Receipt, ...]
    artifacts: tuple[Artifact, ...]


@dataclass
class TraceUpload:
    """An open trace at the client: remembers the receipts, the artifacts and how many events were sent.

    `keep` hears of each receipt, and how many events it is for, before anything else is sent.
    """

    client: TelemetryClient
    created: Created
    receipts: list[Receipt] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    events_sent: int = 0
    keep: Callable[[Receipt, int], None] = lambda _receipt, _events: None

    @property
    def trace_id(self) -> str:
        """The trace's id."""
        return self.created.trace_id

    def attach(
        self, name: str, content: bytes, kind: ArtifactKind = "other", content_type: str = "application/octet-stream"
    ) -> Artifact:
        """Upload a file of the session and return where it is."""
        artifact = self.client.upload(self.created, name, content, kind=kind, content_type=content_type)
        self.artifacts.append(artifact)
        return artifact

    def send(self, events: Iterable[ClientEvent]) -> list[Receipt]:
        """Send `events` as one chunk, or as several where they are too many or too big; long outputs become artifacts.

        Sent again after an error, `events` may be sent in part already: what `receipts` holds was accepted.
        """
        return [self._send_chunk(chunk) for chunk in split(outputs_moved(events, self._attach_output))]

    def complete(self) -> None:
        """Declare the session finished, naming what was sent so that a lost tail is found."""
        last = self.receipts[-1].chunk_digest if self.receipts else None
        self.client.complete(self.created, event_count=self.events_sent, last_digest=last)

    def _attach_output(self, event_id: str, output: str) -> str:
        return self.attach(f"{event_id}.log", output.encode(), "log", "text/plain; charset=utf-8").uri

    def _send_chunk(self, events: Sequence[ClientEvent]) -> Receipt:
        chunk_seq = len(self.receipts)
        chunk: dict[str, Any] = {"chunk_id": f"chunk-{chunk_seq:06d}", "chunk_seq": chunk_seq, "events": events}
        if self.receipts:
            chunk["prev_chunk_digest"] = self.receipts[-1].chunk_digest
        receipt = self.client.ingest(self.created, chunk)
        self.receipts.append(receipt)
        self.events_sent += len(events)
        self.keep(receipt, len(events))
        return receipt


def open_trace(client: TelemetryClient, trace: CreateTrace) -> TraceUpload:
    """Begin a trace at the server."""
    return TraceUpload(client, client.create(trace))


def submit(client: TelemetryClient, session: Session) -> Submitted:
    """Send a whole session and complete it.

    Raises ApiProblem, ConnectionLost or EventTooLarge; the trace then stays open and expires at the server.
    """
    upload = open_trace(client, session.trace)
    if session.workspace is not None:
        upload.attach(WORKSPACE, session.workspace, "workspace")
    for chunk in session.chunks:
        upload.send(chunk)
    upload.complete()
    return Submitted(upload.trace_id, tuple(upload.receipts), tuple(upload.artifacts))


def stages_reached(document: dict[str, Any] | None) -> frozenset[Stage]:
    """Which stages the answer of `TelemetryClient.get` shows as done."""
    if document is None:
        return frozenset()
    qa = document.get("qa") or {}
    done: dict[Stage, bool] = {
        "assembled": document.get("stage") in ASSEMBLED,
        "validated": bool(qa.get("validation")),
        "judged": bool(qa.get("judge")),
    }
    return frozenset(stage for stage, reached in done.items() if reached)


def wait_for(
    client: TelemetryClient,
    trace_id: str,
    stages: Collection[Stage] = ALL_STAGES,
    timeout_s: float = 300.0,
    *,
    progress: Callable[[frozenset[Stage]], None] = lambda _: None,
    poll_s: float = 0.5,
) -> dict[str, Any]:
    """The trace as soon as all of `stages` are done; `progress` hears of the stages done after each look.

    Raises NotReady after `timeout_s` seconds; what ApiProblem the server answers meanwhile is raised at once.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        document = client.get(trace_id)
        done = stages_reached(document)
        progress(done)
        missing = frozenset(stages) - done
        if document is not None and not missing:
            return document
        if time.monotonic() >= deadline:
            raise NotReady(trace_id, missing, timeout_s)
        time.sleep(poll_s)
