"""Retries get the first answer; other content under the same key is refused; memory is bounded."""

from pathlib import Path

import orjson
import pytest

from ingest_gateway.problems import IDEMPOTENCY_CONFLICT, IN_FLIGHT, Kind, Problem
from ingest_gateway.receipts import Signer
from ingest_gateway.replays import Recent, Replays
from pipeline.settings import GatewaySettings
from schemas.examples import load_examples
from schemas.records import EventsAppended

ONE, TWO = b"mac-1", b"mac-2"
TRACE_ID = "trace-" + "0" * 32
ERRORS = Path(__file__).parents[3] / "docs" / "api-errors.md"


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


@pytest.mark.parametrize(("keyed", "promised"), [(True, 30_000), (False, 60_000)])
def test_so_many_chunks_are_remembered_as_the_documentation_says(keyed: bool, promised: int) -> None:
    """Each key costs the same, so a hundredth of the memory shows it."""
    share = 100
    bound = GatewaySettings.model_fields["max_replay_bytes"].default
    assert f"about {promised:,} chunks" in ERRORS.read_text()
    replays, receipt = Replays(bound // share), answer_to_a_chunk()
    for number in range(promised // share):
        keys = [(TRACE_ID, number), *([(TRACE_ID, f"{TRACE_ID}:{number}")] if keyed else [])]
        replays.begin(keys, ONE)
        replays.finish(keys, ONE, receipt)
    assert replays.begin([(TRACE_ID, 0)], ONE) == receipt


def answer_to_a_chunk() -> bytes:
    """As long as they are with a long topic position and three kinds of secrets removed."""
    chunk = load_examples()["EventsAppended"]
    assert isinstance(chunk, EventsAppended)
    receipt = Signer(b"s" * 32).receipt(chunk, 23, 10**9)
    return orjson.dumps(
        {**receipt, "events": 50, "redactions": {"github-token": 1, "jwt": 2, "email": 3}, "late": False}
    )


def test_answers_are_bounded_by_their_bytes() -> None:
    replays = Replays(50_000)
    for number in range(100):
        replays.begin([("t", number)], ONE)
        replays.finish([("t", number)], ONE, b"x" * 4_400)
    assert [number for number in range(100) if replays.begin([("t", number)], ONE) is not None] == list(range(90, 100))
