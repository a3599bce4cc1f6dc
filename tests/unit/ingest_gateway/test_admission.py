"""Rates hold over any stretch of time, one caller never spends another's share, and few uploads are open at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.admission import Admission, refuse
from ingest_gateway.problems import RATE_LIMITED, TOO_MANY_UPLOADS, Problem
from ingest_gateway.ratelimits import WINDOW_S, Buckets, rate_limit_headers
from pipeline.settings import GatewaySettings


def admission(**fields: int) -> Admission:
    return Admission(GatewaySettings(**fields))  # type: ignore[arg-type]


def test_a_full_bucket_empties_and_fills_again() -> None:
    buckets = Buckets("caller", 5)
    left = [quota.remaining for _ in range(10) if (quota := buckets.take("a", 100.0))]
    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    refused = buckets.take("a", 100.0)
    assert refused is not None
    assert refused.wait_s == pytest.approx(0.2)
    later = buckets.take("a", 100.0 + refused.wait_s)
    assert later is not None
    assert (later.wait_s, later.remaining, later.full_in_s) == (0, 0, 2)
    rested = buckets.take("a", 1_000.0)
    assert rested is not None
    assert (rested.remaining, rested.quota) == (9, 10)


@given(st.integers(1, 50), st.lists(st.floats(0, 3), max_size=200))
def test_no_stretch_of_time_gets_more_than_rate_and_burst(per_s: int, pauses: list[float]) -> None:
    buckets, now_s, taken = Buckets("caller", per_s), 0.0, []
    for pause in pauses:
        now_s += pause
        quota = buckets.take("a", now_s)
        if quota and not quota.wait_s:
            taken.append(now_s)
    for first, began in enumerate(taken):
        for count, ended in enumerate(taken[first:], 1):
            assert count <= per_s * (WINDOW_S + ended - began) + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = Buckets("caller", 1)
    for now_s in (10.0, 10.0, 5.0):
        quota = buckets.take("a", now_s)
    assert quota is not None
    assert quota.wait_s > 0


def test_keys_are_bounded_and_apart() -> None:
    buckets = Buckets("caller", 1, most=2)
    for key in "aabb":
        quota = buckets.take(key, 0.0)
        assert quota is not None
        assert not quota.wait_s
    buckets.take("c", 0.0)
    assert len(buckets._levels) == 2


def test_zero_is_no_limit() -> None:
    assert Buckets("caller", 0).take("a", 0.0) is None
    assert admission(rate_limit_caller_per_s=0).admit("a", "p", 0.0) == ()


def test_caller_and_project_are_both_counted_and_said() -> None:
    limits = admission(rate_limit_caller_per_s=1, rate_limit_project_per_s=2)
    assert rate_limit_headers(limits.admit("a", "p", 0.0)) == [
        (b"ratelimit-policy", b'"caller";q=2;w=2, "project";q=4;w=2'),
        (b"ratelimit", b'"caller";r=1;t=1, "project";r=3;t=1'),
    ]
    limits.admit("a", "p", 0.0)
    for _ in range(5):
        with pytest.raises(Problem) as problem:
            refuse(limits.admit("a", "p", 0.0))
        assert (problem.value.kind, problem.value.retry_after_s) == (RATE_LIMITED, 1)
    # What "a" was refused cost the project nothing.
    for _ in range(2):
        refuse(limits.admit("b", "p", 0.0))
    with pytest.raises(Problem, match="project"):
        refuse(limits.admit("c", "p", 0.0))
    refuse(limits.admit("a", "another project", 0.0))


def test_uploads_of_one_trace_are_few_and_given_back() -> None:
    limits = admission(max_open_uploads=2)
    with limits.uploading("t"), limits.uploading("t"):
        with pytest.raises(Problem) as problem, limits.uploading("t"):
            raise AssertionError("it was let in")
        assert problem.value.kind is TOO_MANY_UPLOADS
        with limits.uploading("another"):
            pass
    with pytest.raises(ZeroDivisionError), limits.uploading("t"):
        raise ZeroDivisionError
    assert not limits._uploads
