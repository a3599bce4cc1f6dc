"""Trace ids are UUIDv7: they sort by time and say when they were minted."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ids import PREFIX, minted_at_us, new_trace_id

MOMENTS = st.integers(0, (2**48 - 1) * 1000)


@given(MOMENTS, st.integers(0, 2**74 - 1))
def test_an_id_is_a_uuid_of_version_7_with_its_time(now_us: int, entropy: int) -> None:
    trace_id = new_trace_id(now_us, entropy)
    value = uuid.UUID(trace_id.removeprefix(PREFIX))
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert minted_at_us(trace_id) == now_us // 1000 * 1000


@given(st.integers(0, 2**74 - 1), st.integers(0, 2**74 - 1))
def test_all_entropy_is_kept(one: int, other: int) -> None:
    assert (new_trace_id(0, one) == new_trace_id(0, other)) == (one == other)


@given(MOMENTS, MOMENTS)
def test_ids_sort_by_time(one: int, other: int) -> None:
    if one // 1000 < other // 1000:
        assert new_trace_id(one) < new_trace_id(other)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_trace_id(0) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text", ["", "trace-", "trace-1", "span-" + "0" * 33, "trace-" + "0" * 31 + "G", "trace- +" + "0" * 30]
)
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a trace id"):
        minted_at_us(text)
