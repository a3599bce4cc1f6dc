"""Re-score runs as they stand on the `control` topic: manifests, what became of them, which one is promoted. Pure.

A run's manifest never changes. Its state is the last one that was appended, a promotion the last one of its project:
each is one record, so that nobody ever sees half of a change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from schemas.codec import UndecodableRecord, decode
from schemas.records import RunManifest, RunPromoted, RunStateChanged

LIVE = "live"
"""Stands where a run's id could: the scores that the judge gives to each trace as it ends."""
HUMAN = "human-"
"""What the labels of people begin with, where a run's id could stand."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
NAMES = f"letters, digits, _ . and -, at most 64, not {LIVE}, not {HUMAN}..."
PLANNED, RUNNING, PAUSED, CANCELLED, FAILED, DONE, ARCHIVED = (
    *("planned", "running", "paused", "cancelled", "failed", "done", "archived"),
)
GOES_ON = frozenset({PLANNED, RUNNING, PAUSED, FAILED})
"""States from which a run may go on; from the others nothing is left to do, or nobody wants it."""
_RUN, _STATE, _PROMOTION = "run/", "run-state/", "promotion/"


def is_name(name: str) -> bool:
    """Whether a run may be called so; NAMES says it in words."""
    return bool(NAME.fullmatch(name)) and name != LIVE and not name.startswith(HUMAN)


def run_key(run_id: str) -> bytes:
    """Key of a run's manifest."""
    return f"{_RUN}{run_id}".encode()


def state_key(run_id: str) -> bytes:
    """Key of a run's state."""
    return f"{_STATE}{run_id}".encode()


def promotion_key(project: str) -> bytes:
    """Key of a project's promotion."""
    return f"{_PROMOTION}{project}".encode()


def plan_ref(run_id: str) -> str:
    """Where the object store keeps a run's frozen plan. Runs are kept for ever; of traces they have offsets only."""
    return f"runs/{run_id}/plan"


def checkpoint_ref(run_id: str) -> str:
    """Where it keeps how far a run is: JSON {position, tally, after}."""
    return f"runs/{run_id}/checkpoint"


@dataclass
class Runs:
    """The fold: manifests and last states by run, last promotions by project. What cannot be read changes nothing."""

    manifests: dict[str, RunManifest] = field(default_factory=dict)
    states: dict[str, RunStateChanged] = field(default_factory=dict)
    promotions: dict[str, RunPromoted] = field(default_factory=dict)

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Fold one record of `control`; other kinds change nothing."""
        name = (key or b"").decode(errors="replace")
        if not name.startswith((_RUN, _STATE, _PROMOTION)):
            return
        try:
            record = decode(value)
        except UndecodableRecord:
            return
        if isinstance(record, RunManifest) and key == run_key(record.run_id):
            self.manifests[record.run_id] = record
        elif isinstance(record, RunStateChanged) and key == state_key(record.run_id):
            self.states[record.run_id] = record
        elif isinstance(record, RunPromoted) and key == promotion_key(record.project):
            self.promotions[record.project] = record

    def state(self, run_id: str) -> str:
        """What became of a run; `planned` where nobody has begun it."""
        held = self.states.get(run_id)
        return held.state if held else PLANNED

    def promoted(self, project: str) -> str:
        """The run that a project's current scores follow."""
        held = self.promotions.get(project)
        return held.run_id if held else LIVE

    def followers(self, run_id: str) -> list[str]:
        """The projects of which the last promotion names this run."""
        return sorted(project for project, promotion in self.promotions.items() if promotion.run_id == run_id)
