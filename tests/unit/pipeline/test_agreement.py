"""Agreement against published worked examples, against other implementations, and in the limits."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.agreement import Level, Unit, Weights, alpha, compared, kappa, tally

NO = None
KRIPPENDORFF = tally(
    zip(
        (1, 2, 3, 3, 2, 1, 4, 1, 2, NO, NO, NO),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NO, 3),
        (NO, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NO),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NO),
        strict=True,
    )
)
"""Four coders, twelve units: K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011, section C."""
ANXIETY = tally(
    zip(
        (3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3),
        (3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4),
        strict=True,
    )
)
"""Two raters of twenty subjects: the `anxiety` data of the R package irr, with the kappas of its manual."""
grades = st.one_of(st.none(), st.integers(0, 5))
tallies = st.dictionaries(st.tuples(grades, grades), st.integers(1, 30), min_size=1, max_size=12)


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_krippendorffs_own_example(level: Level, published: float) -> None:
    found = alpha(KRIPPENDORFF, level)
    assert found == pytest.approx(published, abs=5e-4)
    assert compared(KRIPPENDORFF) == 11


def test_alpha_of_two_binary_coders() -> None:
    """The example of section A of the same paper: ten items, alpha .095."""
    coders = ((0, 1, 0, 0, 0, 0, 0, 0, 1, 0), (1, 1, 1, 0, 0, 1, 0, 0, 0, 0))
    assert alpha(tally(zip(*coders, strict=True)), "nominal") == pytest.approx(0.095, abs=5e-4)


def test_kappa_of_cohens_two_by_two() -> None:
    """Fifty proposals read twice, 35 alike: kappa .4."""
    assert kappa({(1, 1): 20, (1, 0): 5, (0, 1): 10, (0, 0): 15}, "none") == pytest.approx(0.4)


@pytest.mark.parametrize(("weights", "published"), [("none", 0.119), ("quadratic", 0.297)])
def test_kappa_of_twenty_subjects(weights: Weights, published: float) -> None:
    assert kappa(ANXIETY, weights) == pytest.approx(published, abs=5e-4)


def test_what_cannot_be_told_is_none() -> None:
    assert alpha({}) is kappa({}) is None
    assert alpha({(3, None): 5}) is kappa({(3, None): 5}) is None
    assert alpha({(3, 3): 5}) is kappa({(3, 3): 5}) is None


def test_to_disagree_always_is_worse_than_chance() -> None:
    opposite: dict[Unit, int] = {(0, 5): 10, (5, 0): 10}
    assert kappa(opposite) == -1
    assert (alpha(opposite) or 0) < -0.9


@given(tallies)
def test_who_agrees_with_himself_agrees_wholly(units: dict[Unit, int]) -> None:
    twice = tally(unit[:1] * 2 for unit in units)
    assert kappa(twice) in (None, 1.0)
    assert alpha(twice) in (None, 1.0)


@given(tallies)
def test_graders_may_be_swapped_and_counts_split(units: dict[Unit, int]) -> None:
    swapped = tally(unit[::-1] for unit, count in units.items() for _ in range(count))
    for level in ("nominal", "ordinal", "interval"):
        assert alpha(swapped, level) == pytest.approx(alpha(units, level))
    for weights in ("none", "linear", "quadratic"):
        assert kappa(swapped, weights) == pytest.approx(kappa(units, weights))


def _ratings(graders: int, missing: float) -> list[tuple[int | None, ...]]:
    dice = random.Random(7)
    true = [dice.randint(0, 5) for _ in range(200)]
    return [
        tuple(
            None if dice.random() < missing else min(5, max(0, grade + dice.choice((-1, 0, 0, 1))))
            for _ in range(graders)
        )
        for grade in true
    ]


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_alpha_is_that_of_the_krippendorff_package(level: Level) -> None:
    other: Any = pytest.importorskip("krippendorff", reason="krippendorff is not installed", exc_type=ImportError)
    ratings = _ratings(graders=4, missing=0.3)
    by_grader = [[float("nan") if grade is None else grade for grade in row] for row in zip(*ratings, strict=True)]
    assert alpha(tally(ratings), level) == pytest.approx(other.alpha(by_grader, level_of_measurement=level))


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_is_that_of_scikit_learn(weights: Weights) -> None:
    other: Any = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed", exc_type=ImportError)
    ratings = _ratings(graders=2, missing=0)
    expected = other.cohen_kappa_score(*zip(*ratings, strict=True), weights=None if weights == "none" else weights)
    assert kappa(tally(ratings), weights) == pytest.approx(expected)
