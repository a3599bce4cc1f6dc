"""How far graders agree: Krippendorff's alpha and weighted kappa. Pure, without any numeric library.

Ratings come as a tally: each distinct unit (one grade, or None, for every grader, always in the same order) with how
often it occurs. A hundred thousand traces graded twice from 0 to 5 are at most 49 entries, whatever is computed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Literal

Unit = tuple[int | None, ...]
Units = Mapping[Unit, int]
Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]
_POWER: dict[Weights, int] = {"none": 0, "linear": 1, "quadratic": 2}


def tally(units: Iterable[Unit]) -> Counter[Unit]:
    """Each distinct unit with how often it occurs."""
    return Counter(units)


def compared(units: Units) -> int:
    """How many units have two grades or more: only these say anything about agreement."""
    return sum(count for unit, count in units.items() if len(_given(unit)) > 1)


def alpha(units: Units, level: Level = "ordinal") -> float | None:
    """Krippendorff's alpha, for any number of graders and with grades missing; 1 is agreement, 0 is chance.

    None where it is not defined: nothing was graded twice, or every grade is the same. Formulas: K. Krippendorff,
    Computing Krippendorff's Alpha-Reliability, 2011.
    """
    pairs = _coincidences(units)
    totals: dict[int, float] = defaultdict(float)
    for (one, _), share in pairs.items():
        totals[one] += share
    distances = _distances(totals, level)
    expected = sum(totals[one] * totals[other] * apart for (one, other), apart in distances.items())
    if not expected:
        return None
    observed = sum(share * distances[pair] for pair, share in pairs.items())
    return 1 - (sum(totals.values()) - 1) * observed / expected


def kappa(units: Units, weights: Weights = "quadratic") -> float | None:
    """Cohen's kappa of two graders; a disagreement weighs as the grades' distance, its square, or 1.

    Units with a grade missing do not count. None where it is not defined: no unit has both grades, or both graders
    gave everything one and the same grade. Formulas: J. Cohen, Psychological Bulletin 70, 1968.
    """
    both = [(unit[0], unit[1], n) for unit, n in units.items() if unit[0] is not None and unit[1] is not None]
    first, second, power = Counter[int](), Counter[int](), _POWER[weights]
    for one, other, count in both:
        first[one] += count
        second[other] += count
    observed = sum(count * _apart(one, other, power) for one, other, count in both)
    expected = sum(
        many * more * _apart(one, other, power) for one, many in first.items() for other, more in second.items()
    )
    return 1 - first.total() * observed / expected if expected else None


def _apart(one: int, other: int, power: int) -> int:
    # 0 ** 0 is 1, and equal grades are never apart
    return 0 if one == other else abs(one - other) ** power


def _given(unit: Unit) -> list[int]:
    return [grade for grade in unit if grade is not None]


def _coincidences(units: Units) -> dict[tuple[int, int], float]:
    """(grade, grade) -> pairs within units, each unit counting as much as it has grades."""
    found: dict[tuple[int, int], float] = defaultdict(float)
    for unit, count in units.items():
        grades = Counter(_given(unit))
        if (size := grades.total()) > 1:
            for one, many in grades.items():
                for other, more in grades.items():
                    found[one, other] += many * (more - (one == other)) * count / (size - 1)
    return found


def _distances(totals: Mapping[int, float], level: Level) -> dict[tuple[int, int], float]:
    """Squared distance of every two grades; of ranks it depends on how often the grades between them occur."""
    grades = sorted(totals)
    if level == "ordinal":
        ends = accumulate(totals[grade] for grade in grades)
        place = {grade: end - totals[grade] / 2 for grade, end in zip(grades, ends, strict=True)}
    else:
        place = {grade: float(grade) for grade in grades}
    if level == "nominal":
        return {(one, other): float(one != other) for one in grades for other in grades}
    return {(one, other): (place[one] - place[other]) ** 2 for one in grades for other in grades}
