"""A trace cut down to a number of bytes, always in the same way, saying what was left out. Pure.

What says least about the way of working goes first: output that was there before, then the middle of long output, then
of commands, diffs and failing test runs, then of what people wrote. Where that is not enough, whole events go, from the
middle of the session outward: first commands and test runs that did not fail, then commands that did, and only then
notes, edits, commits and failing test runs. The first and the last event stay. What remains is exact and in order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.canonical import dumps

Kind = Literal["output", "work", "words"]
WHOLE = 1 << 60
STEPS: tuple[dict[Kind, int], ...] = tuple(
    {"output": output, "work": work, "words": words}
    for output, work, words in (
        (20_000, WHOLE, WHOLE), (8_000, 20_000, WHOLE), (4_000, 12_000, 20_000), (2_000, 8_000, 20_000),
        (1_000, 8_000, 12_000), (500, 4_000, 8_000), (250, 2_000, 4_000), (120, 1_000, 2_000), (120, 500, 1_000),
        (120, 250, 500), (120, 120, 250), (120, 120, 120),
    )
)  # fmt: skip
"""Characters that a text of each kind may keep, tried from the first."""
UNTOUCHED = frozenset({"type", "reported_by"})
REPEATED = 200
"""Characters from which on a text that was there before is left out rather than shown again."""
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Condensed:
    """Events within the budget. `characters` of texts are not in them, those of the `dropped` events included."""

    events: tuple[Event, ...]
    characters: int
    dropped: int


def condense(events: Sequence[Event], budget: int) -> Condensed:
    """The events in at most `budget` bytes of canonical JSON, as far as the first and the last event allow."""
    for cut in _ever_shorter(events):
        sizes = [len(dumps(event)) + 1 for event, _ in cut]
        if sum(sizes) <= budget:
            break
    kept = _within(events, sizes, budget)
    shown = sum(cut[place][1] for place in kept)
    return Condensed(
        tuple(cut[place][0] for place in kept), sum(map(_characters, events)) - shown, len(events) - len(kept)
    )


def _ever_shorter(events: Sequence[Event]) -> Iterator[list[tuple[Event, int]]]:
    """The events with less and less text, each with the characters of its own texts that are left in it."""
    yield [(event, _characters(event)) for event in events]
    firsts: dict[str, int] = {}
    once = [_without_repeats(event, firsts) for event in events]
    yield once
    for lengths in STEPS:
        yield [_shortened(event, shown, lengths) for event, shown in once]


def _within(events: Sequence[Event], sizes: Sequence[int], budget: int) -> list[int]:
    """The places of the events that stay."""
    last = len(events) - 1
    inner = sorted(range(1, last), key=lambda place: (_worth(events[place]), abs(2 * place - last), place))
    left = sum(sizes)
    gone: set[int] = set()
    for place in inner:
        if left <= budget:
            break
        gone.add(place)
        left -= sizes[place]
    return [place for place in range(len(events)) if place not in gone]


def _worth(event: Event) -> int:
    if event.get("type") not in {"cmd_run", "test_run"}:
        return 2
    if not _failed(event):
        return 0
    return 2 if event["type"] == "test_run" else 1


def _failed(event: Event) -> bool:
    return bool(event.get("exit_code") or event.get("failed") or event.get("errors"))


def _kind(event: Event, name: str) -> Kind:
    if event.get("type") == "rationale_note" or name == "message":
        return "words"
    if name in {"output", "results"} and not (event.get("type") == "test_run" and _failed(event)):
        return "output"
    return "work"


def _texts(event: Event) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in event.items() if isinstance(value, str) and name not in UNTOUCHED)


def _characters(event: Event) -> int:
    return sum(len(text) for _, text in _texts(event))


def _without_repeats(event: Event, firsts: dict[str, int]) -> tuple[Event, int]:
    """The event without long texts that an earlier one has (`firsts`: in which event each was first)."""
    kept, shown = dict(event), _characters(event)
    for name, text in _texts(event):
        if len(text) < REPEATED:
            continue
        first = firsts.setdefault(text, event["seq"])
        if first != event["seq"]:
            kept[name] = f"[... {len(text)} characters left out: the same as in event {first} ...]"
            shown -= len(text)
    return kept, shown


def _shortened(event: Event, shown: int, lengths: Mapping[Kind, int]) -> tuple[Event, int]:
    """The event with the middle of every long text left out."""
    kept = dict(event)
    for name, text in _texts(event):
        length = lengths[_kind(event, name)]
        if len(text) > length:
            half = length // 2
            gone = len(text) - 2 * half
            kept[name] = f"{text[:half]}[... {gone} characters left out ...]{text[len(text) - half :]}"
            shown -= gone
    return kept, shown
