"""What clients may send, and the one form in which it is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.api import CreateTrace, IngestChunk
from schemas.events import EVENT_ADAPTER, EVENT_TYPES, MAX_SAFE_INT, stored_form
from schemas.examples import load_examples

SHA = "sha256:" + "a" * 64
TIMES = {"id": "evt-1", "seq": 0, "ts_client_s": 1696435200.25}
MINIMAL: dict[str, dict[str, Any]] = {
    "file_edit": {**TIMES, "type": "file_edit", "file_path": "src/main.py", "diff_unified": "--- a\n+++ b\n"},
    "cmd_run": {**TIMES, "type": "cmd_run", "command": "ls"},
    "test_run": {**TIMES, "type": "test_run", "framework": "pytest"},
    "commit": {**TIMES, "type": "commit", "message": "done"},
    "rationale_note": {**TIMES, "type": "rationale_note", "text": "because"},
}
FULL: list[dict[str, Any]] = [
    {**MINIMAL["file_edit"], "buffer_hash_after": SHA, "author": "ai", "caused_by": ["evt-0"], "ts_server_s": 1.0},
    {**MINIMAL["cmd_run"], "cwd": ".", "exit_code": -9, "duration_s": 0.5, "output_ref": f"artifact:{SHA}"},
    {
        **MINIMAL["test_run"],
        "passed": 1,
        "duration_us": 7,
        "results": [{"id": "t", "status": "error", "duration_s": 0.001, "message": "m"}],
    },
    {**MINIMAL["commit"], "sha": "abcdef0", "diff_unified": "x", "parents": ["abcdef1"]},
    {**MINIMAL["rationale_note"], "plan": "p", "hypothesis": "h", "next_step": "n"},
]


def _stored(event: dict[str, Any]) -> dict[str, Any]:
    return EVENT_ADAPTER.validate_json(json.dumps(event)).stored()


@pytest.mark.parametrize("event", [*MINIMAL.values(), *FULL], ids=lambda event: event["type"])
def test_the_stored_form_is_a_valid_event_that_is_stored_the_same(event: dict[str, Any]) -> None:
    stored = _stored(event)
    assert _stored(stored) == stored
    assert stored["ts_client_us"] == 1696435200250000
    assert not {"ts_client_s", "ts_server_s", "duration_s"} & stored.keys()
    assert "null" not in json.dumps(stored)


def test_durations_are_stored_in_microseconds() -> None:
    command, suite = _stored(FULL[1]), _stored(FULL[2])
    assert (command["duration_us"], suite["duration_us"]) == (500_000, 7)
    assert suite["results"] == [{"id": "t", "status": "error", "duration_us": 1_000, "message": "m"}]


def _optional(**values: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the fields may be left out, and any that is there be null."""
    return st.fixed_dictionaries({}, optional={name: st.sampled_from([None, *some]) for name, some in values.items()})


TEXTS, SECONDS = ("", "x", "é"), (0, 1.25, 7)
OPTIONAL: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "file_edit": _optional(buffer_hash_after=[SHA], author=["ai"]),
    "cmd_run": _optional(cwd=TEXTS, exit_code=[0, -9], output=TEXTS, duration_s=SECONDS),
    "test_run": _optional(
        command=TEXTS, duration_us=[0, 5], results=[[], [{"id": "t", "status": "error", "message": None}]]
    ),
    "commit": _optional(sha=["abcdef0"], parents=[[], ["abcdef1"]]),
    "rationale_note": _optional(plan=TEXTS, hypothesis=TEXTS),
}


def _from_the_model(text: str) -> dict[str, Any]:
    """The stored form by way of the model's own dump."""
    fields = EVENT_ADAPTER.validate_json(text).model_dump(exclude_none=True, exclude={"ts_server_s"})
    for timed in (fields, *fields.get("results", ())):
        for name in ("ts_client", "duration"):
            if f"{name}_s" in timed:
                timed[f"{name}_us"] = round(timed.pop(f"{name}_s") * 1_000_000)
    return {name: value for name, value in fields.items() if (name, value) != ("caused_by", [])}


@given(st.data(), st.sampled_from(sorted(MINIMAL)))
def test_the_stored_form_of_parsed_json_is_that_of_the_model(data: st.DataObject, event_type: str) -> None:
    shared = data.draw(st.fixed_dictionaries({}, optional={"caused_by": st.sampled_from([[], ["e"]])}))
    seen = data.draw(_optional(ts_server_s=SECONDS))
    text = json.dumps({**MINIMAL[event_type], **data.draw(OPTIONAL[event_type]), **shared, **seen})
    assert stored_form(json.loads(text)) == _from_the_model(text) == _stored(json.loads(text))


@given(st.integers(0, 4_000_000_000_000_000))
def test_seconds_as_a_float_keep_the_microsecond(us: int) -> None:
    event = {**MINIMAL["cmd_run"], "ts_client_s": us / 1_000_000}
    assert _stored(event)["ts_client_us"] == us


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"unknown": 1}, "unknown"),
        ({"seq": "0"}, "seq"),
        ({"seq": -1}, "seq"),
        ({"seq": 1.0}, "seq"),
        ({"seq": True}, "seq"),
        ({"seq": MAX_SAFE_INT + 1}, "seq"),
        ({"id": ""}, "id"),
        ({"id": None}, "id"),
        ({"ts_client_s": -1}, "ts_client_s"),
        ({"ts_client_s": float("nan")}, "ts_client_s"),
        ({"ts_client_s": float("inf")}, "ts_client_s"),
        ({"ts_client_us": 1}, "exactly one"),
        ({"ts_client_s": None}, "exactly one"),
        ({"exit_code": 2**60}, "exit_code"),
        ({"duration_us": 1, "duration_s": 1}, "not both"),
        ({"output_ref": SHA}, "output_ref"),
        ({"caused_by": ["x"] * 65}, "caused_by"),
        ({"type": "keystroke"}, "keystroke"),
    ],
)
def test_a_bad_event_is_refused_and_the_fault_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        EVENT_ADAPTER.validate_json(json.dumps({**MINIMAL["cmd_run"], **change}))


@pytest.mark.parametrize(
    ("event_type", "change"),
    [
        ("file_edit", {"buffer_hash_after": "sha256:xyz"}),
        ("file_edit", {"author": "robot"}),
        ("test_run", {"results": [{"id": "t", "status": "green"}]}),
        ("test_run", {"results": [{"id": "t", "status": "passed", "duration_s": 1, "duration_us": 1}]}),
        ("commit", {"sha": "HEAD"}),
        ("rationale_note", {"text": None}),
    ],
)
def test_each_type_refuses_its_own_faults(event_type: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EVENT_ADAPTER.validate_json(json.dumps({**MINIMAL[event_type], **change}))


def test_the_example_chunk_holds_stored_events() -> None:
    example: Any = load_examples()["EventsAppended"]
    for event in example.events:
        stored = EVENT_ADAPTER.validate_json(event).stored()
        assert json.dumps(stored, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == event
    assert {json.loads(event)["type"] for event in example.events} == set(EVENT_TYPES)


def test_a_chunk_has_between_one_and_a_thousand_events() -> None:
    chunk = {"chunk_id": "c", "chunk_seq": 0, "events": [MINIMAL["cmd_run"]] * 1000}
    IngestChunk.model_validate_json(json.dumps(chunk))
    for events in ([], [MINIMAL["cmd_run"]] * 1001):
        with pytest.raises(ValidationError):
            IngestChunk.model_validate_json(json.dumps({**chunk, "events": events}))


@pytest.mark.parametrize("project", ["..", ".hidden", "a/b", "", "a" * 65, "é"])
def test_a_project_is_a_name_and_no_path(project: str) -> None:
    """It is a part of object-store keys."""
    create = {"participant_id": "p", "task_id": "t", "task_title": "t", "repo_origin": "r"}
    CreateTrace.model_validate_json(json.dumps({**create, "project": "team-1.x"}))
    with pytest.raises(ValidationError):
        CreateTrace.model_validate_json(json.dumps({**create, "project": project}))
