"""Which hypotheses of a session were followed by an experiment, and how soon.

An experiment is an edit, a command or a test run. It belongs to a hypothesis that it names in `caused_by`; where none
names it, to the first experiment among the next FOLLOWING events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EXPERIMENTS = frozenset({"file_edit", "cmd_run", "test_run"})
FOLLOWING = 3


@dataclass(frozen=True, slots=True)
class Link:
    """A hypothesis and its experiment, as positions in the trace; `named` where `caused_by` says so."""

    hypothesis: int
    experiment: int
    named: bool


def is_hypothesis(event: Mapping[str, Any]) -> bool:
    """Whether the event is a note that states a hypothesis."""
    return event["type"] == "rationale_note" and bool(event.get("hypothesis"))


def _first_naming(events: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Event id -> the first experiment that names it as a cause."""
    first: dict[str, int] = {}
    for index, event in enumerate(events):
        causes = event.get("caused_by")
        if event["type"] in EXPERIMENTS and isinstance(causes, list):
            for cause in causes:
                first.setdefault(str(cause), index)
    return first


def links(events: Sequence[Mapping[str, Any]]) -> list[Link]:
    """The experiment of each hypothesis that has one; events in order."""
    naming, found = _first_naming(events), []
    for index, event in enumerate(events):
        if not is_hypothesis(event):
            continue
        named = naming.get(event["id"], -1)
        near = range(index + 1, min(index + 1 + FOLLOWING, len(events)))
        following = next((i for i in near if events[i]["type"] in EXPERIMENTS), None)
        if named > index:
            found.append(Link(index, named, named=True))
        elif following is not None:
            found.append(Link(index, following, named=False))
    return found
