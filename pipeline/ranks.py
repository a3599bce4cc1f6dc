"""Two orders of the same things compared: Kendall's tau-b, Spearman's rho, pairs that changed places. Pure.

Scores come as a tally of (score here, score there) pairs, so that ties cost nothing; n distinct pairs take n log n.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

Scores = Mapping[tuple[int, int], int]
"""(score here, score there) -> how many things have just these."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of two things: in the same order in both, in the other order, tied here, there, in both."""

    concordant: int
    discordant: int
    tied_first: int
    tied_second: int
    tied_both: int

    @property
    def total(self) -> int:
        return self.concordant + self.discordant + self.tied_first + self.tied_second + self.tied_both

    @property
    def tau_b(self) -> float | None:
        """Kendall's tau-b, -1 to 1; None where one order has only ties. M. G. Kendall, Biometrika 33, 1945."""
        untied = self.concordant + self.discordant
        scale = (untied + self.tied_second) * (untied + self.tied_first)
        return (self.concordant - self.discordant) / sqrt(scale) if scale else None


def pairs(scores: Scores) -> Pairs:
    """How every pair of things stands in the two orders."""
    count = sum(scores.values())
    first, second = _marginals(scores)
    tied_both = sum(map(_choose_two, scores.values()))
    tied_first = sum(map(_choose_two, first.values())) - tied_both
    tied_second = sum(map(_choose_two, second.values())) - tied_both
    discordant = _discordant(scores)
    concordant = _choose_two(count) - discordant - tied_first - tied_second - tied_both
    return Pairs(concordant, discordant, tied_first, tied_second, tied_both)


def ranks(counts: Mapping[int, int]) -> dict[int, float]:
    """The rank of each score, the highest score first and 1; things of the same score share the mean of their ranks."""
    found, above = {}, 0
    for score in sorted(counts, reverse=True):
        found[score] = above + (counts[score] + 1) / 2
        above += counts[score]
    return found


def rank_pairs(scores: Scores) -> dict[tuple[int, int], tuple[float, float]]:
    """The rank here and the rank there of each pair of scores."""
    first, second = map(ranks, _marginals(scores))
    return {(one, other): (first[one], second[other]) for one, other in scores}


def spearman(scores: Scores) -> float | None:
    """Spearman's rho, the correlation of the ranks, ties sharing theirs; None where one order has only ties."""
    count = sum(scores.values())
    middle = (count + 1) / 2
    both = [(one - middle, other - middle, scores[pair]) for pair, (one, other) in rank_pairs(scores).items()]
    across = sum(one * other * many for one, other, many in both)
    spread = sum(one * one * many for one, _, many in both) * sum(other * other * many for _, other, many in both)
    return across / sqrt(spread) if spread else None


def _marginals(scores: Scores) -> tuple[Counter[int], Counter[int]]:
    first, second = Counter[int](), Counter[int]()
    for (one, other), many in scores.items():
        first[one] += many
        second[other] += many
    return first, second


def _choose_two(count: int) -> int:
    return count * (count - 1) // 2


def _discordant(scores: Scores) -> int:
    """Pairs in opposite orders: for each thing, those with a lower first and a higher second score (Fenwick tree)."""
    places = {score: place for place, score in enumerate(sorted({other for _, other in scores}, reverse=True), 1)}
    tree = [0] * (len(places) + 1)
    found, waiting, current = 0, list[tuple[int, int]](), None
    for (one, other), many in sorted(scores.items()):
        if one != current:
            for place, more in waiting:
                _add(tree, place, more)
            waiting, current = [], one
        found += many * _sum(tree, places[other] - 1)
        waiting.append((places[other], many))
    return found


def _add(tree: list[int], place: int, many: int) -> None:
    while place < len(tree):
        tree[place] += many
        place += place & -place


def _sum(tree: list[int], place: int) -> int:
    total = 0
    while place:
        total += tree[place]
        place &= place - 1
    return total
