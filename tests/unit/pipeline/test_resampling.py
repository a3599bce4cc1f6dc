"""The bootstrap draws what it says, in the right proportions, and gives intervals of the right width."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb, sqrt
from random import Random
from statistics import fmean, pvariance

import pytest

from pipeline.resampling import binomial, bootstrap, resampled


def _mean(units: Mapping[int, int]) -> float | None:
    return sum(value * count for value, count in units.items()) / sum(units.values())


@pytest.mark.parametrize(("n", "p"), [(5, 0.3), (40, 0.02), (40, 0.5), (300, 0.07), (1_000, 0.9), (100_000, 0.35)])
def test_binomial_draws_have_their_mean_and_variance(n: int, p: float) -> None:
    dice = Random(11)
    drawn = [binomial(dice, n, p) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(n * p, abs=5 * sqrt(n * p * (1 - p) / len(drawn)))
    assert pvariance(drawn) == pytest.approx(n * p * (1 - p), rel=0.05)
    assert min(drawn) >= 0
    assert max(drawn) <= n


@pytest.mark.parametrize(("n", "p"), [(12, 0.2), (40, 0.3), (60, 0.45)])
def test_binomial_draws_have_their_distribution(n: int, p: float) -> None:
    """Chi-square over the outcomes expected 20 times or more; the bound is far above its mean, one per outcome."""
    dice, trials = Random(5), 20_000
    drawn = [binomial(dice, n, p) for _ in range(trials)]
    expected = {k: trials * comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)}
    usual = {k: often for k, often in expected.items() if often >= 20}
    distance = sum((drawn.count(k) - often) ** 2 / often for k, often in usual.items())
    assert distance < len(usual) + 4 * sqrt(2 * len(usual))


def test_certain_and_impossible() -> None:
    assert binomial(Random(1), 7, 1.0) == 7
    assert binomial(Random(1), 7, 0.0) == 0


def test_a_resample_has_as_many_units_and_only_known_ones() -> None:
    units = {"a": 3, "b": 50, "c": 1}
    for seed in range(200):
        drawn = resampled(units, Random(seed))
        assert sum(drawn.values()) == 54
        assert set(drawn) <= set(units)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    units = {0: 400, 1: 600}
    found = bootstrap(units, _mean, seed=3, resamples=2_000)
    assert found is not None
    half = 1.96 * sqrt(0.6 * 0.4 / 1_000)
    assert found.low == pytest.approx(0.6 - half, abs=0.004)
    assert found.high == pytest.approx(0.6 + half, abs=0.004)
    assert found.resamples == 2_000


def test_the_same_seed_gives_the_same_interval() -> None:
    units = {0: 400, 1: 613, 7: 508}
    assert bootstrap(units, _mean, seed=3) == bootstrap(units, _mean, seed=3) != bootstrap(units, _mean, seed=4)


def test_a_statistic_that_is_mostly_undefined_has_no_interval() -> None:
    assert bootstrap({1: 10}, lambda _: None, seed=1) is None
    assert bootstrap({}, lambda _: None, seed=1) is None
