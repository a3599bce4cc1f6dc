"""A trace cut down to a number of bytes, always in the same way, saying what was left out. Pure.

Texts lose their middle first, all to the same length; where that is not enough, whole events lose theirs in the middle
of the session. What remains is exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.canonical import dumps

LENGTHS = (20_000, 8_000, 4_000, 2_000, 1_000, 500, 250, 120)
"""Characters that a text may keep, tried from the longest."""
UNTOUCHED = frozenset({"seq", "type", "at_s", "caused_by", "exit_code", "passed", "failed", "skipped", "errors"})


@dataclass(frozen=True, slots=True)
class Condensed:
    """Events within the budget; `characters` were cut out of texts, `events` were dropped as a whole."""

    events: tuple[Mapping[str, Any], ...]
    characters: int
    dropped: int


def condense(events: Sequence[Mapping[str, Any]], budget: int) -> Condensed:
    """The events in at most `budget` bytes of canonical JSON, as far as the first and the last event allow."""
    for length in LENGTHS:
        cut = [_shortened(event, length) for event in events]
        sizes = [len(dumps(event)) + 1 for event, _ in cut]
        if sum(sizes) <= budget:
            return Condensed(tuple(event for event, _ in cut), sum(left for _, left in cut), 0)
    return _without_middle(cut, sizes, budget)


def _without_middle(cut: Sequence[tuple[dict[str, Any], int]], sizes: Sequence[int], budget: int) -> Condensed:
    """The same number of events from both ends, as many as fit."""
    ends = 1
    used = sizes[0] + sizes[-1]
    while 2 * (ends + 1) <= len(cut) and used + sizes[ends] + sizes[-1 - ends] <= budget:
        used += sizes[ends] + sizes[-1 - ends]
        ends += 1
    kept = [*cut[:ends], *cut[len(cut) - ends :]] if len(cut) > 1 else list(cut)
    return Condensed(tuple(event for event, _ in kept), sum(left for _, left in kept), len(cut) - len(kept))


def _shortened(event: Mapping[str, Any], length: int) -> tuple[dict[str, Any], int]:
    """The event with every text cut to `length` characters, and how many characters were cut out."""
    kept: dict[str, Any] = {}
    left_out = 0
    for name, value in event.items():
        if isinstance(value, str) and name not in UNTOUCHED and len(value) > length:
            half = length // 2
            gone = len(value) - 2 * half
            left_out += gone
            value = f"{value[:half]}[... {gone} characters left out ...]{value[len(value) - half :]}"
        kept[name] = value
    return kept, left_out
