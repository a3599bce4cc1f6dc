"""Files that are none of ours, or broken, or made to break: one clear error each, or a loss that is said."""

import gzip
import json
from typing import Any

import orjson
import pytest

from clients.chunks import split
from clients.importers import IMPORTERS, detected, import_session, sessions
from clients.importers import content as contents
from clients.importers.content import Content
from clients.importers.formats import NotThisFormat
from clients.importers.loss import MOST_FIELDS, OTHERS, Loss
from schemas.events import EVENT_ADAPTER

RUN = {"id": 2, "timestamp": "2026-01-02T03:04:05", "source": "agent", "action": "run", "args": {"command": "ls"}}
TASK = {"id": 1, "timestamp": "2026-01-02T03:04:04", "source": "user", "action": "message", "args": {"content": "fix"}}
VALID = {
    "mini-swe-agent": {"trajectory_format": "mini-swe-agent-1.1", "messages": [{"role": "user", "content": "fix"}]},
    "swe-agent": {"trajectory": [{"action": "ls", "observation": "a", "thought": "t"}], "history": []},
    "openhands": [TASK, RUN],
    "claude-code": {"type": "user", "sessionId": "s", "uuid": "u", "message": {"role": "user", "content": "fix"}},
    "atif": {"schema_version": "ATIF-v1.7", "agent": {"name": "a"}, "steps": [{"source": "agent", "message": "m"}]},
}
JUNK: tuple[Any, ...] = (None, True, -1, 1e300, "x", [], {}, [None], {"x": None}, [[]], [{"type": 7}])


def nested(depth: int) -> bytes:
    return b'{"schema_version": "ATIF-v1.7", "steps": ' + b"[" * depth + b"]" * depth + b"}"


def test_the_examples_of_all_formats_are_told_apart() -> None:
    assert VALID.keys() == IMPORTERS.keys()
    for name, document in VALID.items():
        content = Content(json.dumps(document).encode())
        assert detected(content) == [name]
        assert sessions(name, content)


@pytest.mark.parametrize("name", IMPORTERS)
@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 99, b"\xff\xfe{", b"nul", b"7", b'"x"', nested(99_999), b"\x1f\x8b\x08"]
)
def test_what_is_no_such_file_is_refused_by_every_importer(name: str, data: bytes) -> None:
    with pytest.raises(NotThisFormat):
        import_session(name, data)


@pytest.mark.parametrize("data", [b"", b"\x00" * 99, b"nul", b"7", b'"x"', b"{}", b"[{}]", nested(99_999)])
def test_what_is_of_no_format_is_not_taken_for_one(data: bytes) -> None:
    assert detected(Content(data)) == [] or b"ATIF" in data


def mutated(document: Any) -> list[Any]:
    """The document with each of its values, in turn, replaced by junk."""
    found: list[Any] = []
    if isinstance(document, dict):
        for name, value in document.items():
            found += [{**document, name: each} for each in (*JUNK, *mutated(value))]
    elif isinstance(document, list):
        for at, value in enumerate(document):
            found += [[*document[:at], each, *document[at + 1 :]] for each in (*JUNK, *mutated(value))]
    return found


def at(second: int, **fields: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-01-02T03:04:{second:02}Z", **fields}


def hands(id: int, **fields: Any) -> dict[str, Any]:
    return at(id, id=id, source="agent", **fields)


def code(id: str, kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    return at(
        5, type=kind, sessionId="s", uuid=id, parentUuid="a", message={"model": "m", "content": content}, **fields
    )


EDIT = {"file_path": "/a", "old_string": "a", "new_string": "b"}
HUNK = {"oldStart": 1, "newStart": 1, "lines": ["-a", "+b"]}
DIFF = "@@ -1 +1 @@\n-a\n+b"
RICH: dict[str, Any] = {
    "mini-swe-agent": {
        "trajectory_format": "mini-swe-agent-1.1",
        "instance_id": "o__r-1",
        "info": {"config": {"environment": {"cwd": "/w"}, "model": {"model_name": "m"}}, "exit_status": "Submitted"},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "fix"}]},
            {"role": "assistant", "content": "", "extra": {"actions": [{"command": "ls", "tool_call_id": "c"}]}},
            {"role": "tool", "tool_call_id": "c", "content": "x", "extra": {"returncode": 0, "timestamp": 6}},
            {"role": "exit", "content": "diff --git a/x b/x", "extra": {"exit_status": "Submitted"}},
        ],
    },
    "swe-agent": {
        "trajectory": [
            {
                "action": "edit 1:1\nx\nend_of_edit",
                "observation": "[File: a (1 lines total)]\n1:x",
                "thought": "t",
                "response": "r",
                "state": {"open_file": "a", "working_dir": "/r"},
                "execution_time": 0.5,
            }
        ],
        "history": [{"role": "user", "content": "fix"}, {"role": "assistant", "content": "c", "thought": "t"}],
        "info": {"submission": "diff", "exit_status": "s"},
        "replay_config": {"env": {"repo": {"base_commit": "abcdef1"}}, "problem_statement": {"id": "i"}},
    },
    "openhands": {
        "instance_id": "i",
        "history": [
            TASK,
            hands(2, action="run", args={"command": "ls", "thought": "t"}),
            hands(
                3, cause=2, observation="run", content="x", extras={"metadata": {"exit_code": 0, "working_dir": "/r"}}
            ),
            hands(4, action="edit", args={"path": "/r/a", "command": "str_replace", "old_str": "a", "new_str": "b"}),
            hands(5, cause=4, observation="edit", content="ok", extras={"path": "/r/a", "diff": DIFF}),
            hands(6, action="edit", args={"path": "/r/a", "content": "b"}),
            hands(
                7,
                cause=6,
                observation="edit",
                content="ok",
                extras={"old_content": "a", "new_content": "b", "impl_source": "llm_based_edit"},
            ),
        ],
        "test_result": {"git_patch": "diff"},
    },
    "claude-code": [
        code("a", "user", "fix"),
        code("b", "assistant", [{"type": "tool_use", "id": "t", "name": "Edit", "input": EDIT}]),
        code(
            "c",
            "user",
            [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "ok"}]}],
            toolUseResult={"filePath": "/a", "originalFile": None, "structuredPatch": [HUNK]},
        ),
    ],
    "atif": {
        "schema_version": "ATIF-v1.7",
        "session_id": "s",
        "agent": {"name": "a", "version": "1", "model_name": "m"},
        "steps": [
            at(1, step_id=1, source="user", message="fix"),
            {
                "step_id": 2,
                "source": "agent",
                "message": [{"type": "text", "text": "t"}],
                "tool_calls": [
                    {"tool_call_id": "c", "function_name": "write", "arguments": {"path": "/a", "content": "x"}}
                ],
                "observation": {"results": [{"source_call_id": "c", "content": "ok", "extra": {"exit_code": 1}}]},
                "extra": {"pr_telemetry": {"type": "cmd_run", "id": "e"}},
            },
        ],
        "subagent_trajectories": [
            {"trajectory_id": "x", "agent": {"name": "y"}, "steps": [{"source": "agent", "message": "m"}]}
        ],
        "extra": {"pr_telemetry": {"trace": {"task_id": "t"}}},
    },
}


SDK = [
    at(1, id="a", kind="MessageEvent", source="user", llm_message={"role": "user", "content": [{"text": "fix"}]}),
    at(2, id="b", kind="ActionEvent", source="agent", thought=[{"text": "t"}], tool_name="terminal", tool_call_id="c",
       action={"kind": "TerminalAction", "command": "ls"}),
    at(3, id="d", kind="ObservationEvent", source="environment", tool_call_id="c", observation={
        "content": [{"type": "text", "text": "x"}], "exit_code": 0, "metadata": {"working_dir": "/r"}}),
    at(4, id="e", kind="ActionEvent", source="agent", tool_name="file_editor", tool_call_id="f",
       tool_call={"arguments": '{"command": "create", "path": "/r/a", "file_text": "x"}'}),
    at(5, id="g", kind="ObservationEvent", source="environment", tool_call_id="f", observation={
        "content": [{"type": "text", "text": "ok"}], "path": "/r/a", "old_content": "a", "new_content": "b"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rich"), [*RICH.items(), ("openhands", SDK)])
def test_no_value_anywhere_breaks_an_importer_or_makes_an_invalid_event(name: str, rich: Any) -> None:
    for document in [rich, *mutated(rich)]:
        try:
            found = sessions(name, Content(json.dumps(document).encode()))
        except NotThisFormat:
            continue
        for one in found:
            for event in one.session.events:
                EVENT_ADAPTER.validate_python(event)
            list(split(one.session.events))
            orjson.dumps(one.loss.document())


def test_what_is_larger_than_is_read_at_once_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_BYTES", 1000)
    for data in (b"x" * 1001, gzip.compress(b"0" * 1_000_000)):
        with pytest.raises(NotThisFormat, match="larger than"):
            import_session("openhands", data)


def test_bytes_that_are_no_utf8_and_unstorable_characters_are_said() -> None:
    data = json.dumps([TASK, {**RUN, "args": {"command": "cat \x00\ud800 X"}}]).encode().replace(b"X", b"\xff\xfe")
    [one] = sessions("openhands", Content(data))
    assert one.session.events[0]["command"] == "cat \\u0000\\ud800 \ufffd\ufffd"
    assert one.loss.document()["altered"] == {
        "NUL and lone surrogates, which cannot be stored, are written as escapes": 1,
        "bytes that are not UTF-8 became U+FFFD": 2,
    }


def test_broken_lines_are_counted_and_the_others_read() -> None:
    lines = [json.dumps(TASK), '{"id": 9', json.dumps(RUN), "\x00", '{"cut of']
    [one] = sessions("openhands", Content("\n".join(lines).encode()))
    assert [event["type"] for event in one.session.events] == ["cmd_run"]
    assert one.loss.dropped == {"line that is no JSON": 3}


def test_an_edit_too_long_for_an_event_is_told_in_notes() -> None:
    call = {"tool_call_id": "c", "function_name": "write", "arguments": {"path": "/a", "content": "x" * 300_000}}
    step: dict[str, Any] = {"source": "agent", "message": "", "tool_calls": [call]}
    step["observation"] = {"results": [{"source_call_id": "c", "content": "File created"}]}
    document = {"schema_version": "ATIF-v1.7", "agent": {"name": "a"}, "steps": [step]}
    [one] = sessions("atif", Content(json.dumps(document).encode()))
    assert {event["type"] for event in one.session.events} == {"rationale_note"}
    assert "x" * 300_000 in "".join(event["observation"] for event in one.session.events)
    assert any(field == "file_edit" for field, _ in one.loss.estimated)
    assert list(split(one.session.events))


def test_a_source_with_any_number_of_fields_has_a_bounded_report() -> None:
    loss = Loss()
    loss.rest({f"field{number}": {"/etc/x y": number} for number in range(MOST_FIELDS + 50)}, "at")
    assert len(loss.fields) == MOST_FIELDS + 1
    assert loss.fields[OTHERS].count == 50
    assert "at.field0.*" in loss.fields


def test_what_is_left_of_a_record_is_its_loss_and_repeats_are_told_apart() -> None:
    loss, record = Loss(), {"said": "hello", "copy": "hello", "cost": 5, "none": None, "deep": [{"x": "yz"}]}
    assert loss.text(record, "said") == "hello"
    assert loss.take(record, "absent", "deeper") is None
    loss.rest(record, "")
    fields = loss.document()["fields"]
    assert fields == {
        "copy": {"count": 1, "bytes": 7, "repeated_bytes": 7},
        "cost": {"count": 1, "bytes": 1, "repeated_bytes": 0},
        "deep[].x": {"count": 1, "bytes": 4, "repeated_bytes": 0},
    }
