"""A judge against people, people against one another, and which way the judge is off."""

from __future__ import annotations

import pytest

from pipeline.agreement import Units, alpha, kappa
from pipeline.label_agreement import agreement, calibration, human_pairs, judge_pairs

UNITS: Units = {(5, 4, None): 4, (3, 3, 3): 5, (2, 0, 1): 3, (None, 2, 2): 2, (4, None, None): 9, (1, None, 2): 1}


def test_pairs() -> None:
    assert judge_pairs(UNITS) == {(5, 4): 4, (3, 3): 10, (2, 0): 3, (2, 1): 3, (1, 2): 1}
    assert human_pairs(UNITS) == {(3, 3): 5, (0, 1): 3, (2, 2): 2}


def test_figures_are_those_of_the_pairs() -> None:
    found = agreement(UNITS, ["anna", "ben"], resamples=100)
    assert (found.traces, found.pairs, found.human_pairs) == (13, 21, 10)
    assert found.kappa.value == kappa(judge_pairs(UNITS))
    assert found.alpha.value == alpha(judge_pairs(UNITS))
    assert found.human_kappa.value == kappa(human_pairs(UNITS))
    assert found.human_alpha.value == alpha({(4, None): 4, (3, 3): 5, (0, 1): 3, (2, 2): 2})
    assert found.by_labeller == {
        "anna": kappa({(5, 4): 4, (3, 3): 5, (2, 0): 3}),
        "ben": kappa({(3, 3): 5, (2, 1): 3, (1, 2): 1}),
    }
    assert found.kappa.interval
    assert found.kappa.interval.low <= (found.kappa.value or 0) <= found.kappa.interval.high


def test_one_person_alone_agrees_with_nobody() -> None:
    found = agreement({(3, 4): 2, (1, 1): 2}, ["anna"], resamples=20)
    assert (found.human_pairs, found.human_kappa.value, found.human_alpha.interval) == (0, None, None)
    assert found.kappa.value is not None


def test_more_labels_of_the_same_traces_do_not_narrow_the_interval_as_more_traces_do() -> None:
    """Ten people who copy from one another tell as much as one of them."""
    once: Units = {(5, 4): 6, (3, 3): 6, (2, 0): 6, (1, 2): 6}
    copied = {(unit[0], *unit[1:] * 10): count for unit, count in once.items()}
    one = agreement(once, ["x"], seed=5, resamples=400).kappa.interval
    ten = agreement(copied, [str(n) for n in range(10)], seed=5, resamples=400).kappa.interval
    assert one
    assert ten
    assert ten.high - ten.low == pytest.approx(one.high - one.low)


def test_calibration_counts_what_people_gave() -> None:
    found = calibration(UNITS)
    assert found.pairs == 21
    assert found.matrix[2] == (3, 3, 0, 0, 0, 0)
    assert (found.human_mean(2), found.human_mean(3), found.human_mean(0)) == (0.5, 3.0, None)
    assert found.bias == pytest.approx((4 * 1 + 3 * 2 + 3 * 1 - 1) / 21)
    assert found.mean_distance == pytest.approx((4 * 1 + 3 * 2 + 3 * 1 + 1) / 21)
    assert found.exact == pytest.approx(10 / 21)
    assert found.within_one == pytest.approx(18 / 21)


def test_calibration_of_nothing() -> None:
    found = calibration({(4, None): 3})
    assert (found.pairs, found.bias, found.exact) == (0, None, None)
