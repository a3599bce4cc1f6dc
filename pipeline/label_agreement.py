"""Judges held against people, and people against one another. Pure.

Units are (the judge's grade, a grade of each labeller), None where there is none. Intervals come from resampling whole
traces, so that several labels of one trace are not taken for independent ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from pipeline.agreement import Unit, Units, alpha, kappa
from pipeline.comparison import GRADES, Measured
from pipeline.resampling import RESAMPLES, bootstrap


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One criterion: `pairs` of a judge's and a person's grade, and `human_pairs` of two people's."""

    traces: int
    pairs: int
    kappa: Measured
    alpha: Measured
    human_pairs: int
    human_kappa: Measured
    human_alpha: Measured
    by_labeller: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What people gave where the judge gave a grade. `matrix[j][h]` counts judge grade j and human grade h.

    `bias` is the judge's mean less the people's: above 0 the judge is too kind.
    """

    pairs: int
    matrix: tuple[tuple[int, ...], ...]
    bias: float | None
    mean_distance: float | None
    exact: float | None
    within_one: float | None

    def human_mean(self, judge_grade: int) -> float | None:
        """The mean of what people gave where the judge gave this grade."""
        row = self.matrix[judge_grade]
        return sum(grade * n for grade, n in enumerate(row)) / sum(row) if sum(row) else None


def agreement(units: Units, labellers: list[str], seed: int = 0, resamples: int = RESAMPLES) -> Agreement:
    """The figures of one criterion; alphas are ordinal, kappas quadratic."""
    graded = {unit: n for unit, n in units.items() if unit[0] is not None and any(g is not None for g in unit[1:])}

    def measured(statistic: Callable[[Units], float | None]) -> Measured:
        return Measured(statistic(units), bootstrap(units, statistic, seed, resamples))

    return Agreement(
        traces=sum(graded.values()),
        pairs=judge_pairs(units).total(),
        kappa=measured(lambda some: kappa(judge_pairs(some))),
        alpha=measured(lambda some: alpha(judge_pairs(some))),
        human_pairs=human_pairs(units).total(),
        human_kappa=measured(lambda some: kappa(human_pairs(some))),
        human_alpha=measured(lambda some: alpha(_people(some))),
        by_labeller={name: kappa(_pairs_with(units, place)) for place, name in enumerate(labellers, 1)},
    )


def calibration(units: Units) -> Calibration:
    """The judge's grades against the people's, every pair alike."""
    pairs = judge_pairs(units)
    count = pairs.total()
    found = [(int(unit[0] or 0), int(unit[1] or 0), n) for unit, n in pairs.items()]

    def share(of: int) -> float | None:
        return of / count if count else None

    return Calibration(
        pairs=count,
        matrix=tuple(tuple(pairs[judge, human] for human in GRADES) for judge in GRADES),
        bias=share(sum((judge - human) * n for judge, human, n in found)),
        mean_distance=share(sum(abs(judge - human) * n for judge, human, n in found)),
        exact=share(sum(n for judge, human, n in found if judge == human)),
        within_one=share(sum(n for judge, human, n in found if abs(judge - human) <= 1)),
    )


def judge_pairs(units: Units) -> Counter[Unit]:
    """(judge, person) for each person who graded what the judge graded."""
    found = Counter[Unit]()
    for (judge, *people), count in units.items():
        for grade in people:
            if judge is not None and grade is not None:
                found[judge, grade] += count
    return found


def human_pairs(units: Units) -> Counter[Unit]:
    """Every two people's grades of the same thing, in the order of the labellers."""
    found = Counter[Unit]()
    for (_, *people), count in units.items():
        for one, other in combinations((grade for grade in people if grade is not None), 2):
            found[one, other] += count
    return found


def _people(units: Units) -> Counter[Unit]:
    found = Counter[Unit]()
    for (_, *people), count in units.items():
        found[tuple(people)] += count
    return found


def _pairs_with(units: Units, place: int) -> Counter[Unit]:
    found = Counter[Unit]()
    for unit, count in units.items():
        found[unit[0], unit[place]] += count
    return found
