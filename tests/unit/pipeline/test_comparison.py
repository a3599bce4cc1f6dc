"""Shifts, flips, moves and histograms of two runs, and what a missing grade does to them: nothing."""

from __future__ import annotations

import pytest

from pipeline.comparison import distribution, furthest, measured_criterion, measured_overall


def test_a_missing_grade_is_no_zero() -> None:
    found = measured_criterion("x", {(5, 5): 2, (4, None): 3, (None, 1): 1, (None, None): 4}, seed=1, resamples=20)
    assert (found.compared, found.mean_a, found.mean_b, found.shift) == (2, 5.0, 5.0, 0.0)
    assert (found.missing_a, found.missing_b) == (5, 7)
    assert found.histogram(0) == found.histogram(1) == [0, 0, 0, 0, 0, 2]


def test_flips_are_counted_by_direction() -> None:
    found = measured_criterion("x", {(1, 4): 2, (4, 1): 3, (2, 2): 5}, seed=1, resamples=20)
    assert (found.up, found.down, found.same) == (2, 3, 5)
    assert found.shift == pytest.approx(-0.3)


def test_nothing_in_common_gives_no_figures() -> None:
    found = measured_criterion("x", {(None, 3): 2}, seed=1, resamples=20)
    assert (found.mean_a, found.shift, found.alpha.value, found.kappa.interval) == (None, None, None, None)
    empty = measured_overall({})
    assert (empty.compared, empty.mean_a, empty.tau_b, empty.spearman) == (0, None, None, None)


def test_the_furthest_moves_hold_as_many_traces_as_are_wanted() -> None:
    scores = {(5000, 5000): 1, (4000, 1000): 1, (3000, 4000): 1, (2000, 2000): 1, (1000, 3000): 1}
    assert furthest(scores, 1) == {(4000, 1000): (2.0, 5.0)}
    assert list(furthest(scores, 2)) == [(4000, 1000), (1000, 3000)]
    assert len(furthest(scores, 99)) == 3
    assert furthest({(1, 2): 3}, 5) == {}


def test_order_is_told_in_pairs() -> None:
    found = measured_overall({(5000, 1000): 1, (4000, 2000): 1, (3000, 3000): 1})
    assert (found.pairs.discordant, found.pairs.total, found.tau_b, found.spearman) == (3, 3, -1.0, -1.0)


def test_the_highest_score_is_in_the_last_class() -> None:
    assert distribution({(0, 5000): 2, (5000, 1249): 1}, 0, 4, 5000) == [2, 0, 0, 1]
    assert distribution({(0, 5000): 2, (5000, 1249): 1}, 1, 4, 5000) == [1, 0, 0, 2]
