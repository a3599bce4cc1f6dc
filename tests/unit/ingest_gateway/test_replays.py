"""Retries get the first answer; other content under the same key is refused; memory is bounded."""

import pytest

from ingest_gateway.problems import IDEMPOTENCY_CONFLICT, IN_FLIGHT, Kind, Problem
from ingest_gateway.replays import Recent, Replays

ONE, TWO = b"mac-1", b"mac-2"


def refused(replays: Replays, keys: list[object], mac: bytes, kind: Kind) -> None:
    with pytest.raises(Problem) as problem:
        replays.begin(keys, mac)
    assert problem.value.kind is kind


def test_the_same_again_gets_the_first_answer_by_any_of_its_keys() -> None:
    replays = Replays(100_000)
    assert replays.begin([("t", 0), ("t", "key")], ONE) is None
    replays.finish([("t", 0), ("t", "key")], ONE, b"answer")
    assert replays.begin([("t", 0)], ONE) == b"answer"
    assert replays.begin([("t", 0), ("t", "another key")], ONE) == b"answer"
    refused(replays, [("t", 0)], TWO, IDEMPOTENCY_CONFLICT)
    refused(replays, [("t", 1), ("t", "key")], TWO, IDEMPOTENCY_CONFLICT)
    assert replays.begin([("other", 0)], TWO) is None


def test_in_flight() -> None:
    replays = Replays(100_000)
    replays.begin([("t", 0)], ONE)
    refused(replays, [("t", 0)], ONE, IN_FLIGHT)
    refused(replays, [("t", 0)], TWO, IDEMPOTENCY_CONFLICT)


def test_a_failed_request_may_be_tried_again() -> None:
    replays = Replays(100_000)
    replays.begin([("t", 0)], ONE)
    replays.drop([("t", 0)])
    assert replays.begin([("t", 0)], TWO) is None


def test_a_refused_request_leaves_the_one_in_flight_alone() -> None:
    replays = Replays(100_000)
    replays.begin([("t", 0)], ONE)
    refused(replays, [("t", 1), ("t", 0)], ONE, IN_FLIGHT)
    assert replays.begin([("t", 1)], TWO) is None


def test_the_oldest_is_forgotten_first() -> None:
    recent: Recent[int] = Recent(2)
    for key in "abac":
        recent.put(key, ord(key))
    assert (recent.get("a"), recent.get("b"), recent.get("c"), len(recent)) == (ord("a"), None, ord("c"), 2)


def test_heavy_values_push_out_more_of_the_old() -> None:
    recent: Recent[bytes] = Recent(10, len)
    for key, size in (("a", 4), ("b", 4), ("a", 2), ("c", 4)):
        recent.put(key, b"x" * size)
    assert [recent.get(key) is not None for key in "abc"] == [True, True, True]
    recent.put("d", b"x" * 5)
    assert [recent.get(key) is not None for key in "abcd"] == [False, False, True, True]


def test_answers_are_bounded_by_their_bytes() -> None:
    replays = Replays(50_000)
    for number in range(100):
        replays.begin([("t", number)], ONE)
        replays.finish([("t", number)], ONE, b"x" * 4_400)
    assert [number for number in range(100) if replays.begin([("t", number)], ONE) is not None] == list(range(90, 100))
