"""What goes wrong, and when: drawn from a seed alone, so that a failing run is run again by its seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "terminate", "pause"]
# Most faults are the worst kind. A paused process comes back and must not believe that it still owns anything.
KINDS: tuple[Kind, ...] = ("kill", "kill", "kill", "kill", "terminate", "pause")
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 6.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to a process `at_s` seconds after the beginning; a pause lasts `lasts_s`."""

    at_s: float
    victim: str
    kind: Kind
    lasts_s: float = 0.0


def draw(seed: int, count: int, every_s: float, victims: Sequence[str]) -> list[Fault]:
    """So many faults, one in `every_s` seconds on average. Each victim gets its turn before any has a second one."""
    chance, at_s = random.Random(seed), 0.0
    faults: list[Fault] = []
    turn: list[str] = []
    for _ in range(count):
        turn = turn or chance.sample(sorted(victims), len(victims))
        kind = chance.choice(KINDS)
        lasts_s = chance.uniform(SHORTEST_PAUSE_S, LONGEST_PAUSE_S) if kind == "pause" else 0.0
        at_s += chance.uniform(0.3, 1.7) * every_s
        faults.append(Fault(at_s, turn.pop(), kind, lasts_s))
    return faults
