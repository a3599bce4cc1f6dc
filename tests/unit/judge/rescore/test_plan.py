"""A plan is the same when it is read again, small, and in one order."""

from __future__ import annotations

import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from judge.rescore.plan import MAGIC, Plan, pack, plan_of, unpack
from pipeline.canonical import digest
from pipeline.errors import Invalid

PLACES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2**45)), max_size=60)


def listed(plan: Plan) -> list[tuple[int, int]]:
    return [(partition, offset) for partition, offsets in plan.offsets for offset in offsets]


@given(PLACES)
def test_it_comes_back_whole_whatever_the_order_and_however_often(places: list[tuple[int, int]]) -> None:
    plan = plan_of(places + places)
    assert listed(plan) == sorted(set(places))
    assert len(plan) == len(set(places))
    packed = pack(plan)
    assert packed == pack(plan_of(reversed(places)))
    assert listed(unpack(packed, digest(packed))) == listed(plan)


@given(PLACES, st.integers(0, 70))
def test_what_is_left_after_a_position_is_the_rest_of_the_same_order(
    places: list[tuple[int, int]], position: int
) -> None:
    plan = plan_of(places)
    rest = [(partition, offset) for partition, offsets in plan.rest(position) for offset in offsets]
    assert rest == listed(plan)[position:]


@given(PLACES, st.randoms(use_true_random=False))
def test_places_are_found_by_their_numbers(places: list[tuple[int, int]], chance: random.Random) -> None:
    plan = plan_of(places)
    numbers = chance.sample(range(len(plan)), len(plan) // 2)
    found = [(partition, offset) for partition, offsets in plan.at(numbers) for offset in offsets]
    assert found == [listed(plan)[number] for number in sorted(numbers)]


def test_a_million_traces_by_chance_fit() -> None:
    chance = random.Random(1)
    plan = plan_of((offset % 4, offset) for offset in chance.sample(range(5_000_000), 1_000_000))
    assert len(pack(plan)) < 1_500_000
    dense = plan_of((offset % 4, offset // 4) for offset in range(1_000_000))
    assert len(pack(dense)) < 3_000


def test_another_plan_and_a_damaged_one_are_refused() -> None:
    packed = pack(plan_of([(0, 1), (0, 9)]))
    with pytest.raises(Invalid, match="not the one"):
        unpack(packed, digest(b"another"))
    cut = zstandard.compress(MAGIC + b"\x00\x05\x01")
    with pytest.raises(Invalid, match="damaged"):
        unpack(cut, digest(cut))
