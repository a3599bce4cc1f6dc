"""How the cookbook's sessions become records: told step by step, assembled as the streams worker assembles them.

So measures, findings and revisions are real. Times and ids are fixed, so that the same answers come out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from examples.stories import STORIES
from pipeline.canonical import digest, dumps, loads
from pipeline.chain import chunk_digest
from pipeline.ids import new_trace_id
from schemas.events import EVENT_ADAPTER
from schemas.records import EventsAppended, Record, TraceAssembled, TraceCreated, TraceExpired
from streams.assembly import Trace, begin
from streams.revision import assemble
from tests.support.judging import Step
from tests.support.traces import SECOND_US, chunk, completed, created

MONDAY_US = 1_772_442_000_000_000
"""2026-03-02 09:00 UTC."""
HOUR_US = 3_600 * SECOND_US
UPLOAD_US = 400_000
LINUX = {"os": "linux", "python_version": "3.11", "editor": "vscode"}
Timed = tuple[float, Step]


@dataclass(frozen=True, kw_only=True)
class Told:
    """A session that began `hour` hours after Monday; `chunks` in the portions in which they were sent.

    `late`: chunks that came `late_s` seconds after completion. `lost`: chunk numbers that never arrived, `repeated`:
    those that were stored twice. `end`: completed, expired, open, or erased (completed, then withdrawn).
    """

    name: str
    hour: float
    project: str
    participant: str
    title: str
    chunks: tuple[tuple[Timed, ...], ...]
    consent: str = "research"
    repo: str = "https://git.example.com/pager.git"
    environment: Mapping[str, str] = field(default_factory=lambda: LINUX)
    task: str = ""
    late: tuple[tuple[Timed, ...], ...] = ()
    late_s: int = 90
    lost: frozenset[int] = frozenset()
    repeated: frozenset[int] = frozenset()
    redactions: Mapping[str, int] = field(default_factory=dict)
    end: str = "completed"

    @property
    def began_us(self) -> int:
        """Server time of its beginning."""
        return MONDAY_US + round(self.hour * HOUR_US)

    @property
    def trace_id(self) -> str:
        """Its id, the same each time."""
        return new_trace_id(self.began_us, int(digest(self.name.encode())[7:25], 16))


@dataclass(frozen=True)
class Assembled:
    """What became of a session: what the log has of it, and its revisions with their documents."""

    told: Told
    log: tuple[Record, ...]
    revisions: tuple[tuple[TraceAssembled, dict[str, Any]], ...]

    @property
    def latest(self) -> TraceAssembled:
        """The latest revision."""
        return self.revisions[-1][0]

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its events."""
        events: list[dict[str, Any]] = self.revisions[-1][1]["events"]
        return events


def assembled(told: Told) -> Assembled:
    """The session through the log and the assembler; one that is still open has no revision."""
    first, *uploads = _log(told)
    assert isinstance(first, TraceCreated)
    trace: Trace = begin(first, 0)
    revisions = []
    for offset, record in enumerate(uploads, 1):
        if trace.apply(offset, record):
            revision, document = assemble(trace, 0)
            revisions.append((revision, loads(document)))
    return Assembled(told, (first, *uploads), tuple(revisions))


def _log(told: Told) -> list[Record]:
    common: dict[str, Any] = {"trace_id": told.trace_id, "project": told.project}
    begun = created(
        **common,
        participant_id=told.participant,
        consent=told.consent,
        task_id=told.task or told.name,
        task_title=told.title,
        repo_origin=told.repo,
        environment=dict(told.environment),
        created_at_us=told.began_us,
    )
    parts = _chunks(told)
    sent, late = parts[: len(told.chunks)], parts[len(told.chunks) :]
    arrived = [part for part in sent if part.chunk_seq not in told.lost]
    again = [part for part in sent if part.chunk_seq in told.repeated]
    return [begun, *arrived, *again, *_end(told, sent), *late]


def _end(told: Told, sent: list[EventsAppended]) -> list[Record]:
    ended_us = sent[-1].received_at_us + SECOND_US
    common: dict[str, Any] = {"trace_id": told.trace_id, "project": told.project}
    match told.end:
        case "completed" | "erased":
            return [completed(sent, **common, completed_at_us=ended_us)]
        case "expired":
            day_us = 24 * HOUR_US
            return [TraceExpired(**common, created_offset=0, expired_at_us=ended_us + day_us, idle_us=day_us)]
    return []


def _chunks(told: Told) -> list[EventsAppended]:
    seq = 0
    made: list[EventsAppended] = []
    for number, part in enumerate((*told.chunks, *told.late)):
        events = []
        for at, step in part:
            sent = {"id": f"e{seq}", **step, "seq": seq, "ts_client_us": told.began_us + round(at * SECOND_US)}
            events.append(EVENT_ADAPTER.validate_json(dumps(sent)).stored())
            seq += 1
        # What comes late was recorded in time, but waited for a network.
        wait_us = told.late_s * SECOND_US if number >= len(told.chunks) else 0
        received_us = events[-1]["ts_client_us"] + UPLOAD_US + wait_us
        redactions = dict(told.redactions) if number == 0 else {}
        before, name = made[-1].chunk_digest if made else None, f"c{number}"
        said = chunk_digest(told.trace_id, number, name, before, tuple(map(dumps, events)))
        links: dict[str, Any] = {"chunk_id": name, "chunk_digest": said, "prev_chunk_digest": before}
        common: dict[str, Any] = {"trace_id": told.trace_id, "project": told.project, "redactions": redactions}
        made.append(chunk(number, events, received_at_us=received_us, **links, **common))
    return made


def story(name: str, hour: float, project: str) -> Told:
    """An example story as a session that began `hour` hours after Monday."""
    told = STORIES[name]
    session = told.session(0.0)
    chunks = tuple(tuple((event["ts_client_s"], _stepped(event)) for event in part) for part in session.chunks)
    return Told(
        name=session.trace.task_id,
        hour=hour,
        project=project,
        participant=told.participant,
        consent=str(told.consent),
        title=told.title,
        repo=told.repo_origin,
        environment=session.trace.environment,
        chunks=chunks,
    )


def _stepped(event: Mapping[str, Any]) -> Step:
    return {name: value for name, value in event.items() if name not in ("seq", "ts_client_s")}
