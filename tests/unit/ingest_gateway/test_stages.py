"""Stages add up in the order in which a trace goes through them, and events are in the form that browsers read."""

import pytest

from ingest_gateway.answers import Status
from ingest_gateway.stages import event, status_of


@pytest.mark.parametrize(
    ("stage", "reached"),
    [
        ("assembled", ["received", "assembled"]),
        ("judged", ["received", "assembled", "judged"]),
        ("done", ["received", "assembled", "validated", "judged"]),
    ],
)
def test_a_finished_trace_has_its_revision(stage: str, reached: list[str]) -> None:
    status = status_of("trace-" + "0" * 32, None, {"stage": stage, "revision": 2})
    assert status is not None
    assert Status.model_validate(status).revision == 2
    assert status["reached"] == reached


def test_an_open_trace_was_received_and_an_unknown_one_has_no_status() -> None:
    status = status_of("trace-" + "0" * 32, {"stage": "expired"}, None)
    assert status is not None
    assert Status.model_validate(status).reached == ["received"]
    assert status_of("x", None, None) is None


def test_an_event_is_named_and_on_one_line() -> None:
    assert event("stage", {"a": "b\nc"}) == b'event: stage\nretry: 2000\ndata: {"a":"b\\nc"}\n\n'
