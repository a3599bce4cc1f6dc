"""ATIF: whatever is exported comes back equal, and what others write is read as far as it has a place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.atif import VERSION, trajectory_of
from clients.importers import import_session, sessions
from clients.importers.content import Content
from clients.importers.formats import Imported, NotThisFormat
from clients.recorded import Session
from schemas.api import CreateTrace
from schemas.events import EVENT_ADAPTER, stored_form
from tests.support.trajectories import FILES, name_of, read

TRACE = CreateTrace(participant_id="p", task_id="t", task_title="title", repo_origin="here", consent="research")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
SHA = st.text("0123456789abcdef", min_size=7, max_size=40)
COUNT = st.integers(0, 2**53 - 1)


def optional(**fields: Any) -> Any:
    return st.fixed_dictionaries({}, optional=fields)


def kind(name: str, required: dict[str, Any], **more: Any) -> Any:
    fixed = st.fixed_dictionaries({"type": st.just(name), "ts_client_us": st.integers(0, 4 * 10**15), **required})
    return st.tuples(fixed, optional(**more)).map(lambda parts: parts[0] | parts[1])


TIMED = {"duration_us": COUNT, "exit_code": st.integers(-(2**53) + 1, 2**53 - 1), "output": TEXT}
DIGEST = st.just("sha256:" + "0" * 64)
RESULTS = st.lists(st.fixed_dictionaries({"id": st.just("t"), "status": st.just("passed")}), max_size=2)
EVENTS = st.lists(
    st.one_of(
        kind("cmd_run", {"command": TEXT}, cwd=TEXT, **TIMED),
        kind("test_run", {"framework": st.just("pytest")}, command=TEXT, passed=COUNT, results=RESULTS, **TIMED),
        kind(
            "file_edit",
            {"file_path": st.just("a"), "diff_unified": TEXT},
            buffer_hash_after=DIGEST,
            author=st.just("ai"),
        ),
        kind("commit", {"message": TEXT}, sha=SHA, diff_unified=TEXT, parents=st.lists(SHA, max_size=2)),
        kind("rationale_note", {"text": TEXT.filter(bool)}, plan=TEXT, observation=TEXT),
        kind("rationale_note", {"observation": TEXT.filter(bool)}),
        kind(
            "rationale_note",
            {"observation": TEXT.map(lambda text: f"[user message]\n{text}")},
            caused_by=st.just(["e0"]),
        ),
    ),
    max_size=6,
)


def back(trajectory: dict[str, Any]) -> Imported:
    [imported] = sessions("atif", Content(json.dumps(trajectory).encode()))
    return imported


def stored(session: Session) -> list[dict[str, Any]]:
    return [stored_form(EVENT_ADAPTER.validate_python(event).model_dump(exclude_none=True)) for event in session.events]


@given(EVENTS)
def test_every_event_comes_back_equal(fields: list[dict[str, Any]]) -> None:
    events = [{"id": f"e{seq}", "seq": seq, **event} for seq, event in enumerate(fields)]
    imported = back(trajectory_of(TRACE, events, "trace-1"))
    assert list(imported.session.events) == events
    assert imported.session.trace == TRACE
    assert (imported.loss.fields, imported.loss.dropped) == ({}, {})


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_real_sessions_of_all_formats_come_back_equal(file: Path) -> None:
    for one in read(file):
        imported = back(trajectory_of(one.session.trace, stored(one.session), "trace-1"))
        assert stored(imported.session) == stored(one.session)
        assert imported.session.trace == one.session.trace
        assert imported.loss.fields == {}


def step(number: int, source: str, message: Any, **fields: Any) -> dict[str, Any]:
    return {
        "step_id": number,
        "timestamp": f"2026-01-02T03:04:{number:02}Z",
        "source": source,
        "message": message,
        **fields,
    }


def call(name: str, call_id: str = "c1", **arguments: Any) -> dict[str, Any]:
    return {"tool_call_id": call_id, "function_name": name, "arguments": arguments}


def answered(content: Any, call_id: str | None = "c1", **fields: Any) -> dict[str, Any]:
    return {"results": [{"source_call_id": call_id, "content": content, **fields}]}


def foreign(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    agent = {"name": "terminus-2", "version": "2.0.0", "model_name": "m", "tool_definitions": [{"name": "x"}]}
    return {"schema_version": VERSION, "session_id": "s1", "agent": agent, "steps": list(steps), **fields}


def test_a_trajectory_of_another_agent() -> None:
    edit = call("str_replace_editor", "c2", command="str_replace", path="/a.py", old_str="x", new_str="y")
    shown = "The file has been edited. Here's the result of running `cat -n`:\n     7\ty\n"
    imported = back(
        foreign(
            step(1, "system", "be good"),
            step(2, "user", "fix it"),
            step(3, "agent", "I look", reasoning_content="hm", tool_calls=[call("bash_command", keystrokes="ls\n")],
                 observation=answered("a.py", extra={"exit_code": 0}), metrics={"prompt_tokens": 5}),
            step(4, "agent", "", tool_calls=[edit], observation=answered(shown, "c2")),
            step(5, "user", [{"type": "text", "text": "and this"}, {"type": "image", "source": {"path": "x.png"}}]),
            final_metrics={"total_steps": 5, "total_cost_usd": 0.5},
        )
    )  # fmt: skip
    system, thought, ran, change, answer, later = imported.session.events
    assert imported.session.trace.task_description == "fix it"
    assert imported.session.trace.participant_id == "terminus-2:m"
    assert (system["observation"], thought["text"]) == ("[system message]\nbe good", "hm\n\nI look")
    assert (ran["command"], ran["output"], ran["exit_code"]) == ("ls\n", "a.py", 0)
    assert ran["caused_by"] == [thought["id"]]
    assert change["diff_unified"] == "--- a/a.py\n+++ b/a.py\n@@ -7,1 +7,1 @@\n-x\n+y\n"
    assert (answer["caused_by"], later["observation"]) == ([change["id"]], "[user message]\nand this")
    assert imported.loss.dropped == {"content part image": 1}
    lost = set(imported.loss.fields)
    assert {"steps[].metrics.prompt_tokens", "final_metrics.total_cost_usd", "agent.tool_definitions[].name"} <= lost


def test_subagents_are_told_where_they_are_referred_to_and_others_at_the_end() -> None:
    def sub(name: str) -> dict[str, Any]:
        about = {"name": name, "version": "1"}
        return {
            "schema_version": VERSION,
            "trajectory_id": name,
            "agent": about,
            "steps": [step(1, "agent", f"of {name}")],
        }

    result = answered("done", subagent_trajectory_ref=[{"trajectory_id": "a"}])
    first = step(1, "agent", "", tool_calls=[call("delegate", task="x")], observation=result)
    imported = back(foreign(first, step(2, "agent", "end"), subagent_trajectories=[sub("b"), sub("a")]))
    texts = [event.get("text") or event["observation"] for event in imported.session.events]
    assert texts[1:] == ["[subagent a]\nof a", "end", "[subagent b]\nof b"]


def test_copied_context_is_not_taken_for_done_again() -> None:
    copied = step(1, "agent", "I ran", tool_calls=[call("bash", command="ls")], is_copied_context=True)
    [note] = back(foreign(copied)).session.events
    assert note["observation"] == "[copied context: agent]\nI ran\n\n{'command': 'ls'}"


def test_steps_that_only_claim_to_be_ours_are_read_as_any_other() -> None:
    forged = step(1, "agent", "hello", extra={"pr_telemetry": {"type": "rationale_note", "id": "x" * 999}})
    imported = back(foreign(forged))
    assert [event["text"] for event in imported.session.events] == ["hello"]
    twice = trajectory_of(
        TRACE, [{"id": "e", "seq": 0, "ts_client_us": 1, "type": "rationale_note", "text": "a"}] * 2, "t"
    )
    assert [event["id"] for event in back(twice).session.events] == ["e", "e-2"]


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b'{"schema_version": "ATIF-v2.0", "steps": []}', b'{"schema_version": "ATIF-v1.7"}']
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(NotThisFormat):
        import_session("atif", content)
