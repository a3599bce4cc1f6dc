"""When a progress mark is worth writing. Pure.

A mark that lags only makes a rebuild longer, and compaction leaves the newest segment alone, so marks are spaced.
"""

from collections.abc import Iterable

from schemas.records import AssemblyProgress

SPACING = 500
"""Offsets by which the start of a rebuild must have moved."""


class Marks:
    """Remembers what was written last, by partition."""

    def __init__(self) -> None:
        self._written: dict[int, int] = {}

    def due(self, covered: Iterable[AssemblyProgress]) -> list[AssemblyProgress]:
        """Those of the covered marks that are to be written now."""
        return [mark for mark in covered if mark.rebuild_from - self._written.get(mark.partition, 0) >= SPACING]

    def written(self, mark: AssemblyProgress) -> None:
        """The log has this mark."""
        self._written[mark.partition] = mark.rebuild_from
