"""OpenHands 1.x: the same events under other names."""

import json
from typing import Any

from clients.importers import import_session, sessions
from clients.importers.content import Content

AT = "2026-01-02T03:04:{:02}.5"


def event(number: int, kind: str, source: str, **fields: Any) -> dict[str, Any]:
    return {"id": f"id-{number}", "timestamp": AT.format(number), "kind": kind, "source": source, **fields}


def text(said: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": said, "cache_prompt": False}]


def call(number: int, tool: str, thought: str = "", **action: Any) -> dict[str, Any]:
    named = {"tool_name": tool, "tool_call_id": f"call-{number}", "action": {"kind": "Action", **action}}
    return event(number, "ActionEvent", "agent", thought=text(thought) if thought else [], **named)


def answer(number: int, to: int, said: str, **observation: Any) -> dict[str, Any]:
    seen = {"content": text(said), "is_error": False, **observation}
    return event(number, "ObservationEvent", "environment", tool_call_id=f"call-{to}", observation=seen)


TASK = event(0, "MessageEvent", "user", llm_message={"role": "user", "content": text("fix it")})


def events_of(*events: dict[str, Any]) -> list[Any]:
    return list(import_session("openhands", json.dumps([TASK, *events]).encode()).events)


def test_a_session() -> None:
    prompt = event(1, "SystemPromptEvent", "agent", system_prompt=text("be good")[0], dynamic_context=text("host")[0])
    metadata = {"working_dir": "/w/repo", "exit_code": 1}
    system, thought, ran, done = events_of(
        prompt,
        call(2, "terminal", "look", command="ls x"),
        answer(4, 2, "no x", exit_code=1, metadata=metadata),
        call(5, "finish", message="that is all"),
    )
    assert system["observation"] == "[system message]\nbe good\n\nhost"
    assert (thought["text"], ran["command"], ran["output"]) == ("look", "ls x", "no x")
    assert (ran["exit_code"], ran["cwd"], ran["duration_us"]) == (1, "/w/repo", 2_000_000)
    assert (ran["caused_by"], done["text"]) == ([thought["id"]], "that is all")


def test_edits_have_the_file_before_and_after() -> None:
    change = {"path": "/w/a.py", "command": "str_replace", "old_content": "a\nb\n", "new_content": "a\nc\n"}
    replaced = call(1, "file_editor", command="str_replace", path="/w/a.py", old_str="b", new_str="c")
    created = call(3, "file_editor", command="create", path="/w/n.py", file_text="x\n")
    new = {"path": "/w/n.py", "command": "create", "old_content": None, "new_content": "x\n", "prev_exist": False}
    edit, note, made, _ = events_of(replaced, answer(2, 1, "edited", **change), created, answer(4, 3, "created", **new))
    assert edit["diff_unified"].endswith("@@ -1,2 +1,2 @@\n a\n-b\n+c\n")
    assert (edit["author"], note["observation"]) == ("ai", "[str_replace_editor answered]\nedited")
    assert made["diff_unified"].startswith("--- /dev/null\n")


def test_what_was_refused_or_went_wrong_is_no_edit() -> None:
    asked = call(1, "file_editor", command="create", path="/w/n.py", file_text="x")
    refused = event(2, "UserRejectObservation", "user", tool_call_id="call-1", rejection_reason="not that file")
    broken = event(2, "AgentErrorEvent", "agent", tool_call_id="call-1", error="no such tool")
    for answered, said in (
        (refused, "not that file"),
        (broken, "no such tool"),
        (answer(2, 1, "bad", is_error=True), "bad"),
    ):
        [note] = events_of(asked, answered)
        assert note["type"] == "rationale_note"
        assert said in note["observation"]
        assert '"file_text":"x"' in note["observation"]


def test_an_evaluation_and_what_has_no_place() -> None:
    image = {"type": "image", "image_urls": ["data:x"]}
    later = event(3, "MessageEvent", "user", llm_message={"role": "user", "content": [*text("see"), image]})
    state = event(4, "ConversationStateUpdateEvent", "environment", key="x", value={"y": 1})
    line = {"instance_id": "i-1", "history": [TASK, later, state], "test_result": {"git_patch": "diff --git a/x b/x"}}
    [one] = sessions("openhands", Content(json.dumps(line).encode()))
    assert [each["type"] for each in one.session.events] == ["rationale_note", "commit"]
    assert one.loss.dropped == {"content image": 1, "ConversationStateUpdateEvent": 1}
    assert one.session.trace.task_description == "fix it"
