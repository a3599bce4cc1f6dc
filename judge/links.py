"""Who caused what: the `caused_by` ids of a trace as a graph of seqs, and the chains of reasoning in it. Pure.

Only links from an earlier event to a later one count, so every question is one pass over the events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chains:
    """For each note: the action it led to, and the observation that answered that action; seqs.

    `reasoned` holds the actions that go back to a note, `informed` has that action for each note with one.
    """

    tested: Mapping[int, int]
    closed: Mapping[int, int]
    reasoned: frozenset[int]
    informed: Mapping[int, int]


def effects(events: Iterable[Mapping[str, Any]]) -> dict[int, list[int]]:
    """Seq -> seqs of the later events that name it as a cause."""
    seq_of: dict[str, int] = {}
    found: dict[int, list[int]] = {}
    for event in events:
        for cause in dict.fromkeys(event.get("caused_by", ())):
            if cause in seq_of:
                found.setdefault(seq_of[cause], []).append(event["seq"])
        seq_of[event["id"]] = event["seq"]
    return found


def chains(
    seqs: Sequence[int], led_to: Mapping[int, list[int]], notes: Collection[int], answers: Collection[int]
) -> Chains:
    """The chains note -> action -> answering note. `seqs` in order; every seq that is no note is an action."""
    tested: dict[int, int] = {}
    answered: dict[int, int] = {}
    closed: dict[int, int] = {}
    reasoned: set[int] = set()
    informed: dict[int, int] = {}
    for seq in reversed(seqs):
        for effect in led_to.get(seq, ()):
            if seq not in notes:
                _keep(
                    answered,
                    seq,
                    answered.get(effect) if effect not in notes else effect if effect in answers else None,
                )
            elif effect in notes:
                _keep(tested, seq, tested.get(effect))
                _keep(closed, seq, closed.get(effect))
            else:
                _keep(tested, seq, effect)
                _keep(closed, seq, answered.get(effect))
    for seq in seqs:
        if seq in notes or seq in reasoned:
            reasoned.update(effect for effect in led_to.get(seq, ()) if effect not in notes)
        if seq not in notes or seq in informed:
            for effect in led_to.get(seq, ()):
                if effect in notes:
                    informed.setdefault(effect, informed.get(seq, seq))
    return Chains(tested, closed, frozenset(reasoned), informed)


def _keep(first: dict[int, int], seq: int, witness: int | None) -> None:
    if witness is not None:
        first.setdefault(seq, witness)
