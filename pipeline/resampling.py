"""Percentile bootstrap: how much a statistic would vary had other units been drawn. Pure; same seed, same answer.

Units come as a tally (see pipeline/agreement.py). Drawing n units again with replacement is one multinomial draw over
the distinct ones, so that a resample costs the same for a hundred units and for a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, lgamma, log, sqrt
from random import Random
from typing import TypeVar

Key = TypeVar("Key")
RESAMPLES = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle `confidence` of the statistic over `resamples`; those where it was not defined are left out."""

    low: float
    high: float
    confidence: float
    resamples: int


def bootstrap(
    units: Mapping[Key, int],
    statistic: Callable[[Mapping[Key, int]], float | None],
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval | None:
    """The percentile interval of a statistic. None where it is defined in less than half of the resamples.

    B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    random = Random(seed)
    found = sorted(value for _ in range(resamples) if (value := statistic(resampled(units, random))) is not None)
    if len(found) * 2 < resamples or not found:
        return None
    tail = (1 - confidence) / 2
    return Interval(_quantile(found, tail), _quantile(found, 1 - tail), confidence, len(found))


def resampled(units: Mapping[Key, int], random: Random) -> dict[Key, int]:
    """As many units drawn with replacement from these."""
    left = total = sum(units.values())
    drawn = {}
    for key, count in units.items():
        if left and (many := binomial(random, left, count / total)):
            drawn[key] = many
            left -= many
        total -= count
    return drawn


def binomial(random: Random, n: int, p: float) -> int:
    """How often something of chance p happens in n trials; exact. Python has it from 3.12 on, we run from 3.11 on.

    Method: gaps between successes where few are expected, else transformed rejection with squeeze (BTRS): W. Hoermann,
    The generation of binomial random variates, Journal of Statistical Computation and Simulation 46, 1993.
    """
    if p >= 1:
        return n
    if p > 0.5:
        return n - binomial(random, n, 1 - p)
    if n * p < 10:
        return _by_gaps(random, n, p)
    return _by_rejection(random, n, p)


def _by_gaps(random: Random, n: int, p: float) -> int:
    if p <= 0:
        return 0
    successes, place, scale = 0, 0, log(1 - p)
    while True:
        place += ceil(log(1 - random.random()) / scale) or 1
        if place > n:
            return successes
        successes += 1


def _by_rejection(random: Random, n: int, p: float) -> int:
    deviation = sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c, limit, scale = n * p + 0.5, 0.92 - 4.2 / b, (2.83 + 5.1 / b) * deviation
    odds, mode = log(p / (1 - p)), floor((n + 1) * p)
    peak = lgamma(mode + 1) + lgamma(n - mode + 1)
    while True:
        u, v = random.random() - 0.5, 1 - random.random()
        inside = 0.5 - abs(u)
        k = floor((2 * a / inside + b) * u + c) if inside else -1
        if not 0 <= k <= n:
            continue
        if inside >= 0.07 and v <= limit:
            return k
        v = log(v * scale / (a / (inside * inside) + b))
        if v <= peak - lgamma(k + 1) - lgamma(n - k + 1) + (k - mode) * odds:
            return k


def _quantile(ordered: list[float], share: float) -> float:
    """Between the two nearest, in proportion."""
    place = share * (len(ordered) - 1)
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
