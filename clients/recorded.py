"""A recorded session as a value: what a client has in hand before anything is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.api import CreateTrace

ClientEvent = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """A whole bug-fixing session, ready to be sent. `workspace` is a git bundle that holds `trace.start_commit`."""

    trace: CreateTrace
    chunks: tuple[Sequence[ClientEvent], ...]
    workspace: bytes | None = None

    @property
    def events(self) -> tuple[ClientEvent, ...]:
        """All events in order."""
        return tuple(event for chunk in self.chunks for event in chunk)


def session_of(document: bytes) -> Session:
    """The session in a JSON file `{"trace": {create body}, "events": [...]}`.

    Raises pydantic.ValidationError for a wrong create body, ValueError for anything else that is not such a file; the
    events are judged by the server, which points at each fault.
    """
    fields = orjson.loads(document)
    if not isinstance(fields, dict) or not isinstance(fields.get("events"), list):
        raise ValueError("expected an object with the members trace and events")
    return Session(CreateTrace.model_validate(fields.get("trace")), (fields["events"],))
