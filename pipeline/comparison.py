"""Two runs of grades over the same traces, compared. Pure: tallies in, figures out.

What is compared is the same revision of a trace, graded in both. A grade that is missing is never 0: it is counted as
missing and left out of every mean and every measure of agreement. B is what A became: a shift is B less A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.agreement import Unit, Units, alpha, compared, kappa
from pipeline.ranks import Pairs, Scores, pairs, rank_pairs, spearman
from pipeline.resampling import RESAMPLES, Interval, bootstrap

GRADES = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One run as a whole: what it judged, with what, and what that took. Nano US dollars; None where none is known."""

    run_id: str
    traces: int
    scored: int
    unscored: Mapping[str, int]
    rubrics: tuple[str, ...]
    judges: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    calls: int
    duration_us: int
    cost_nano_usd: int | None
    cost_unknown: int
    cached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Traces that both runs judged, and those that only one did; some of their ids. `other_revision` were judged by
    both, but no revision by both."""

    compared: int
    other_revision: int
    only_a: int
    only_b: int
    ids_only_a: tuple[str, ...]
    ids_only_b: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A statistic with its percentile interval; both None where they are not defined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One criterion in both runs. `grades` counts each (grade in A, grade in B), None where there is none."""

    name: str
    grades: Units
    compared: int
    mean_a: float | None
    mean_b: float | None
    up: int
    down: int
    same: int
    missing_a: int
    missing_b: int
    alpha: Measured
    kappa: Measured
    kappa_linear: float | None

    @property
    def shift(self) -> float | None:
        return None if self.mean_a is None or self.mean_b is None else self.mean_b - self.mean_a

    def histogram(self, side: int) -> list[int]:
        """How often each grade from 0 to 5 was given: 0 is side A, 1 is side B; of traces with both grades."""
        return [sum(n for unit, n in self.grades.items() if _both(unit) and unit[side] == g) for g in GRADES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """The overall scores, in thousandths, of traces scored in both, and how their order changed."""

    scores: Scores
    compared: int
    mean_a: float | None
    mean_b: float | None
    up: int
    down: int
    same: int
    pairs: Pairs
    tau_b: float | None
    spearman: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A trace whose place changed: ranks count from 1, the highest score; equal scores share the mean of theirs."""

    trace_id: str
    task: str
    overall_a: int
    overall_b: int
    rank_a: float
    rank_b: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One trace on which the runs disagree about a criterion, with the words of both."""

    criterion: str
    trace_id: str
    revision: int
    task: str
    grade_a: int
    grade_b: int
    rationale_a: str
    rationale_b: str
    cited_a: tuple[int, ...]
    cited_b: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of it. `outcomes` counts compared traces by (outcome in A, outcome in B): scored, or why not."""

    a: Side
    b: Side
    project: str
    overlap: Overlap
    overall: Overall
    criteria: tuple[Criterion, ...]
    outcomes: Mapping[tuple[str, str], int]
    moves: tuple[Move, ...]
    examples: tuple[Example, ...]


def measured_overall(scores: Scores) -> Overall:
    """The figures of the overall scores."""
    found = pairs(scores)
    count = sum(scores.values())
    return Overall(
        scores=scores,
        compared=count,
        mean_a=sum(one * n for (one, _), n in scores.items()) / count if count else None,
        mean_b=sum(other * n for (_, other), n in scores.items()) / count if count else None,
        up=sum(n for (one, other), n in scores.items() if other > one),
        down=sum(n for (one, other), n in scores.items() if other < one),
        same=sum(n for (one, other), n in scores.items() if other == one),
        pairs=found,
        tau_b=found.tau_b,
        spearman=spearman(scores),
    )


def measured_criterion(name: str, grades: Units, seed: int, resamples: int = RESAMPLES) -> Criterion:
    """The figures of one criterion; `grades` has two grades a unit, A's and B's."""
    both = [(unit[0], unit[1], n) for unit, n in grades.items() if unit[0] is not None and unit[1] is not None]
    count = sum(n for _, _, n in both)
    return Criterion(
        name=name,
        grades=grades,
        compared=compared(grades),
        mean_a=sum(one * n for one, _, n in both) / count if count else None,
        mean_b=sum(other * n for _, other, n in both) / count if count else None,
        up=sum(n for one, other, n in both if other > one),
        down=sum(n for one, other, n in both if other < one),
        same=sum(n for one, other, n in both if other == one),
        missing_a=sum(n for unit, n in grades.items() if unit[0] is None),
        missing_b=sum(n for unit, n in grades.items() if unit[1] is None),
        alpha=Measured(alpha(grades), bootstrap(grades, alpha, seed, resamples)),
        kappa=Measured(kappa(grades), bootstrap(grades, kappa, seed, resamples)),
        kappa_linear=kappa(grades, "linear"),
    )


def furthest(scores: Scores, wanted: int) -> dict[tuple[int, int], tuple[float, float]]:
    """The pairs of scores whose rank changed most, as many as hold `wanted` traces, with their two ranks."""
    moved = {pair: both for pair, both in rank_pairs(scores).items() if both[0] != both[1]}
    found, held = dict[tuple[int, int], tuple[float, float]](), 0
    for pair, both in sorted(moved.items(), key=lambda item: (-abs(item[1][0] - item[1][1]), item[0])):
        if held >= wanted:
            break
        found[pair] = both
        held += scores[pair]
    return found


def distribution(scores: Scores, side: int, bins: int, highest: int) -> list[int]:
    """How many scores of one side (0: A, 1: B) are in each of so many equal parts of 0 to `highest`."""
    counts = [0] * bins
    for pair, many in scores.items():
        counts[min(bins - 1, pair[side] * bins // highest)] += many
    return counts


def _both(unit: Unit) -> bool:
    return unit[0] is not None and unit[1] is not None
