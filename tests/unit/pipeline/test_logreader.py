"""Which stretches of a partition are read for scattered offsets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.logreader import NEAR, stretches


@pytest.mark.parametrize(
    ("offsets", "wanted"),
    [
        ([], []),
        ([7], [(7, 8)]),
        ([0, 1, NEAR], [(0, NEAR + 1)]),
        ([3, 4 + NEAR], [(3, 4), (4 + NEAR, 5 + NEAR)]),
    ],
)
def test_near_offsets_are_read_in_one_stretch(offsets: list[int], wanted: list[tuple[int, int]]) -> None:
    assert stretches(offsets) == wanted


@given(st.sets(st.integers(0, 10_000)))
def test_every_offset_is_in_one_stretch_and_stretches_are_apart(offsets: set[int]) -> None:
    found = stretches(sorted(offsets))
    assert all(sum(first <= offset < end for first, end in found) == 1 for offset in offsets)
    assert all(later - end >= NEAR for (_, end), (later, _) in pairwise(found))
