"""A session trace: the head, then thoughts, calls and answers as the format's page lists their fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.exports.formats import FORMATS
from pipeline.exports.view import Document, NotExportable, View
from tests.support.exports import EVENTS, START_US, view
from tests.support.real_views import real_views

NOW = START_US // 1000
FIELDS = {"role", "content", "reasoningContent", "toolCalls", "toolCallId", "timestamp", "model"}


def told(view: View) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    [document] = FORMATS["session-trace"].export(view)
    assert isinstance(document, Document)
    head, *lines = map(json.loads, document.content.splitlines())
    assert {line["type"] for line in lines} == {"message"}
    return head, [line["message"] for line in lines]


def called(call_id: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"id": call_id, "function": {"name": name, "arguments": json.dumps(arguments, separators=(",", ":"))}}


def test_thoughts_calls_and_answers_have_their_places() -> None:
    head, messages = told(view(environment={"model": "m-1"}))
    assert (head["type"], head["harness"], head["id"], head["name"]) == (
        "session",
        "pr-telemetry",
        view().id,
        "add() subtracts",
    )
    agent = {"role": "assistant", "timestamp": NOW, "model": "m-1"}
    diff = EVENTS[2]["diff_unified"]
    assert messages[0]["role"] == "user"
    assert messages[1:] == [
        {**agent, "content": "", "toolCalls": [called("e0", "bash", command="pytest -q")]},
        {"role": "tool", "toolCallId": "e0", "content": "1 failed\nexit status 1", "timestamp": NOW},
        {
            **agent,
            "content": "the sign is wrong\n\nturn it",
            "toolCalls": [called("e2", "apply_diff", path="calc.py", diff=diff)],
        },
        {**agent, "content": "", "toolCalls": [called("e3", "bash", command=EVENTS[3]["command"])]},
        {
            "role": "tool",
            "toolCallId": "e3",
            "content": "````\nok ``` jane.doe@mail.example.org\n````\nexit status 0",
            "timestamp": NOW,
        },
        {**agent, "content": "", "toolCalls": [called("e4", "commit", message="add() adds")]},
    ]


def test_nothing_done_is_nothing_to_show() -> None:
    with pytest.raises(NotExportable, match="nothing was done"):
        told(view(events=()))


def test_every_real_session_has_the_fields_of_the_format_and_answers_its_calls() -> None:
    for one in real_views():
        head, messages = told(one)
        assert {"type", "harness", "id"} <= head.keys()
        calls: list[str] = []
        for message in messages:
            assert FIELDS >= message.keys() >= {"role", "content"}
            assert isinstance(message["content"], str)
            if message["role"] == "tool":
                assert message["toolCallId"] == calls[-1]
            calls += [call["id"] for call in message.get("toolCalls", ())]
            assert all(json.loads(call["function"]["arguments"]) for call in message.get("toolCalls", ()))
        acts = [event["id"] for event in one.events if event["type"] != "rationale_note"]
        assert calls == acts
