"""Rank correlation against known values, against a count of all pairs, and against scipy where it is installed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, starmap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ranks import pairs, rank_pairs, ranks, spearman

scores = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25)


def test_ranks_share_ties() -> None:
    assert ranks({30: 1, 20: 2, 10: 1}) == {30: 1.0, 20: 2.5, 10: 4.0}
    assert rank_pairs({(30, 1): 1, (20, 2): 1}) == {(30, 1): (1.0, 2.0), (20, 2): (2.0, 1.0)}


def test_known_values() -> None:
    """Those of the manual of scipy.stats: kendalltau and spearmanr."""
    tied = Counter(zip((12, 2, 1, 12, 2), (1, 4, 7, 1, 0), strict=True))
    assert pairs(tied).tau_b == pytest.approx(-0.4714045)
    nearly = Counter(zip((1, 2, 3, 4, 5), (5, 6, 7, 8, 7), strict=True))
    assert spearman(nearly) == pytest.approx(0.8207827)


def test_an_order_of_ties_alone_correlates_with_nothing() -> None:
    assert pairs({(1, 1): 3, (1, 2): 3}).tau_b is None
    assert spearman({(1, 1): 3, (1, 2): 3}) is None


def _signs(one: tuple[int, int], other: tuple[int, int]) -> int:
    return (one[0] - other[0]) * (one[1] - other[1])


@given(scores)
def test_pairs_are_those_of_a_count_of_all(things: list[tuple[int, int]]) -> None:
    found = pairs(Counter(things))
    products = list(starmap(_signs, combinations(things, 2)))
    assert found.concordant == sum(product > 0 for product in products)
    assert found.discordant == sum(product < 0 for product in products)
    assert found.total == len(products)


@given(scores)
def test_correlations_are_those_of_scipy(things: list[tuple[int, int]]) -> None:
    stats: Any = pytest.importorskip("scipy.stats", reason="scipy is not installed", exc_type=ImportError)
    one, other = zip(*things, strict=True)
    if min(len(set(one)), len(set(other))) > 1:
        assert pairs(Counter(things)).tau_b == pytest.approx(stats.kendalltau(one, other).statistic)
        assert spearman(Counter(things)) == pytest.approx(stats.spearmanr(one, other).statistic)
