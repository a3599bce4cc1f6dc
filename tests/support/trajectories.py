"""The sessions of the shared data, read by the importers that recognise them; and their texts, to find messages in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clients.importers import detected, sessions
from clients.importers.content import Content
from clients.importers.formats import Imported
from clients.recorded import ClientEvent, Session
from tests.support.data import REAL_SESSIONS, SHARED_DATA

FOLDER = SHARED_DATA / "trajectories"
PATTERNS = ("mini-swe-agent/*.traj.json.gz", "swe-agent/*.traj", "openhands/*.jsonl")
FILES = tuple(file for pattern in PATTERNS for file in sorted(FOLDER.glob(pattern))) or REAL_SESSIONS
COUNTS = {"mini-swe-agent": 23, "swe-agent": 13, "openhands": 1}
TEXTS = ("text", "observation", "command", "output", "diff_unified", "message")


def name_of(file: Path) -> str:
    """A short name of a file for the ids of tests."""
    return file.name.partition(".traj")[0][-40:]


def read(file: Path) -> list[Imported]:
    """The sessions of a file, of the one format that it is recognised as."""
    content = Content(file.read_bytes(), file.name)
    [name] = detected(content)
    return sessions(name, content)


def said(session: Session) -> str:
    """Everything that the events and the task say, notes that were cut put together again."""
    return (session.trace.task_description or "") + said_by(session.events)


def said_by(events: Iterable[ClientEvent]) -> str:
    """Everything that events say, in order; `""` between the pieces of a note that was cut, lines between the rest."""
    found: list[str] = []
    before: Any = None
    for event in events:
        texts = [str(event[name]) for name in TEXTS if event.get(name)]
        goes_on = event["type"] == "rationale_note" == before
        found.append(("" if goes_on and len(found[-1]) >= 30_000 else "\n") + "\n".join(texts))
        before = event["type"]
    return "".join(found)
