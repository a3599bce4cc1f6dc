"""The numbered steps of the ClickHouse schema, and which of them to take. Pure but for reading the package's own files.

A step is `NNNN_name.up.sql` and its way back, `NNNN_name.down.sql`. A step that was taken must not change any more:
its checksum is kept, over the text as it stands in the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.canonical import digest

FOLDER = Path(__file__).parent / "migrations"


class BadMigration(Exception):
    """The files and what the database says of them do not fit together."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step up and back down."""

    number: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        """`sha256:<hex>` of the way up."""
        return digest(self.up.encode())


def read_steps(folder: Path = FOLDER) -> list[Step]:
    """All steps, in order. Raises BadMigration for a hole in the numbers or a step without a way back."""
    steps = [_read(path) for path in sorted(folder.glob("*.up.sql"))]
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise BadMigration(f"steps are not numbered from 1 without holes: {[step.number for step in steps]}")
    return steps


def _read(path: Path) -> Step:
    stem = path.name.removesuffix(".up.sql")
    back = path.with_name(f"{stem}.down.sql")
    if not back.is_file():
        raise BadMigration(f"{path.name} has no step back")
    number, _, name = stem.partition("_")
    return Step(int(number), name, path.read_text(), back.read_text())


def choose(steps: Sequence[Step], applied: Mapping[int, str], target: int | None) -> list[tuple[Step, bool]]:
    """(step, up?) to take in order to be at `target`; None is the newest. `applied`: number -> checksum.

    Raises BadMigration for an unknown target, for a step that changed since it was taken, and for a database that is
    ahead of these files.
    """
    goal = len(steps) if target is None else target
    if not 0 <= goal <= len(steps):
        raise BadMigration(f"there is no step {goal}; the newest is {len(steps)}")
    for number, checksum in sorted(applied.items()):
        if number > len(steps):
            raise BadMigration(
                f"the database is at step {number}, these files end at {len(steps)}: use a newer release"
            )
        if steps[number - 1].checksum != checksum:
            raise BadMigration(f"step {number} is not the one that was taken; a change needs a step of its own")
    ups = [(step, True) for step in steps if step.number <= goal and step.number not in applied]
    downs = [(step, False) for step in reversed(steps) if step.number > goal and step.number in applied]
    return downs + ups
