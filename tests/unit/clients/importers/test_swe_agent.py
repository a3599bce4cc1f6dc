"""SWE-agent: every step is found again, and what its editors did is told exactly."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from clients.importers import import_session, sessions
from clients.importers.content import Content
from clients.importers.formats import NotThisFormat
from judge.diffs import changes
from tests.support.trajectories import FILES, name_of, read, said

SHARED = [file for file in FILES if file.suffix == ".traj"]
EACH_FILE = pytest.mark.parametrize("file", SHARED, ids=name_of)
WINDOW = "[File: /repo/a.py (4 lines total)]\n1:one\n2:two\n3:three\n4:four\n"


def step(action: str, observation: str, **fields: Any) -> dict[str, Any]:
    state = {"open_file": "/repo/a.py", "working_dir": "/repo"}
    return {
        "action": action,
        "observation": observation,
        "thought": f"I will {action.split()[0]}",
        "state": state,
        **fields,
    }


def trajectory(*steps: dict[str, Any], **fields: Any) -> bytes:
    history = [{"role": "system", "content": "be good"}, {"role": "user", "content": "fix it\nplease"}]
    return json.dumps({"environment": "main", "trajectory": steps, "history": history, "info": {}, **fields}).encode()


def edits_of(*steps: dict[str, Any]) -> list[str]:
    events = import_session("swe-agent", trajectory(*steps)).events
    return [event["diff_unified"] for event in events if event["type"] == "file_edit"]


def body(diff: str) -> str:
    return diff.partition("@@")[1] + diff.partition("@@")[2]


@EACH_FILE
def test_every_message_is_found_again(file: Path) -> None:
    source, [imported] = json.loads(file.read_text()), read(file)
    text = said(imported.session)
    assert source["history"]
    for message in source["history"]:
        if message["role"] in ("system", "user") and not message.get("thought") and "bash-$" not in message["content"]:
            assert message["content"] in text
        assert message.get("thought", "") in text
    for one in source.get("trajectory", []):
        assert one["thought"] in text
        assert one["observation"] in text
        assert one["action"] in text or one["action"].split()[0] in ("edit", "create", "insert")


@EACH_FILE
def test_the_edits_of_a_session_add_up_to_its_final_patch(file: Path) -> None:
    [imported] = read(file)
    final: dict[str, Counter[str]] = {}
    edited: dict[str, Counter[str]] = {}
    for event in imported.session.events:
        for change in changes(event.get("diff_unified", "")):
            lines = (final if event["type"] == "commit" else edited).setdefault(change.path, Counter())
            lines.update(line.rstrip("\r") for line in change.added)
            lines.subtract(line.rstrip("\r") for line in change.removed)
    for path, lines in final.items():
        assert {line: n for line, n in edited[path].items() if n} == {line: n for line, n in lines.items() if n}
    assert not [one for one in imported.loss.document()["estimated"] if one["field"] == "diff_unified"]


def test_lines_that_a_window_showed_become_an_exact_diff() -> None:
    made = edits_of(
        step("open a.py", WINDOW),
        step("edit 2:3\nTWO\nend_of_edit\n", "[File: /repo/a.py (3 lines total)]\n1:one\n2:TWO\n3:four"),
    )
    assert made == ["--- a/a.py\n+++ b/a.py\n@@ -1,4 +1,3 @@\n one\n-two\n-three\n+TWO\n four\n"]


def test_an_edit_after_an_edit_knows_the_moved_lines() -> None:
    first = step("edit 1:1\none\nmore\nend_of_edit", "[File: /repo/a.py (5 lines total)]\n1:one\n2:more")
    second = step("edit 5:5\nFOUR\nend_of_edit", "[File: /repo/a.py (5 lines total)]\n5:FOUR")
    assert (
        body(edits_of(step("open a.py", WINDOW), first, second)[1])
        == "@@ -2,4 +2,4 @@\n more\n two\n three\n-four\n+FOUR\n"
    )


def test_a_refused_edit_stays_a_command() -> None:
    refused = step("edit 2:2\n(\nend_of_edit", "Your proposed edit has introduced new syntax error(s).")
    events = import_session("swe-agent", trajectory(step("open a.py", WINDOW), refused)).events
    assert [event["type"] for event in events][-1] == "cmd_run"
    assert "syntax error" in events[-1]["output"]


def test_lines_that_were_never_shown_are_said_to_be_unknown() -> None:
    [one] = sessions(
        "swe-agent", Content(trajectory(step("edit 8:9\nnew\nend_of_edit", "[File: /repo/a.py (9 lines total)]")))
    )
    edit = next(event for event in one.session.events if event["type"] == "file_edit")
    assert "where in the file is not known" in edit["diff_unified"]
    assert any(field == "diff_unified" for field, _ in one.loss.estimated)


def test_cursors_say_which_lines_an_edit_without_numbers_replaces() -> None:
    shown = "[File: /repo/a.py (2 lines total)]\n1:one\n<<<<< START CURSOR >>>>>\n2:two\n<<<<< END CURSOR >>>>>\n"
    done = "[File: /repo/a.py (2 lines total)]\n1:one\n2:TWO\n"
    assert (
        body(edits_of(step("open a.py", shown), step("edit\nTWO\nend_of_edit", done))[0])
        == "@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"
    )


def test_searching_and_replacing_a_part_of_a_line_is_told_as_the_line() -> None:
    done = "Text replaced. Please review\r\n[File: /repo/a.py (4 lines total)]\r\n1:one\r\n2:tWo\r\n3:three\r\n4:four"
    made = edits_of(step("open a.py", WINDOW), step("edit 'w' 'W'", done))
    assert body(made[0]) == "@@ -1,4 +1,4 @@\n one\n-two\n+tWo\n three\n four\n"


def test_the_editor_of_anthropic_is_read_from_its_command_line() -> None:
    created = step(
        "str_replace_editor create /repo/b.py --file_text 'x = 1\n'", "File created successfully at: /repo/b.py"
    )
    shown = "The file has been edited. Here's the result of running `cat -n` on a snippet:\n     1\tx = 2\n"
    replaced = step("str_replace_editor str_replace /repo/b.py --old_str 'x = 1' --new_str 'x = 2'", shown)
    refused = step(
        "str_replace_editor str_replace /repo/b.py --old_str y --new_str z", "No replacement was performed, old_str"
    )
    assert list(map(body, edits_of(created, replaced, refused))) == [
        "@@ -0,0 +1,1 @@\n+x = 1\n",
        "@@ -1,1 +1,1 @@\n-x = 1\n+x = 2\n",
    ]


def test_times_are_counted_by_the_durations_and_said_to_be() -> None:
    [one] = sessions(
        "swe-agent",
        Content(trajectory(step("ls", "a.py", execution_time=1.5), step("pwd", "/repo", execution_time=0.5))),
    )
    commands = [event for event in one.session.events if event["type"] == "cmd_run"]
    assert [(event["ts_client_us"], event["duration_us"]) for event in commands] == [
        (1_500_000, 1_500_000),
        (2_000_000, 500_000),
    ]
    assert sum(count for (name, _), count in one.loss.estimated.items() if name == "ts_client_us") == len(
        one.session.events
    )


def test_an_answer_that_only_the_history_has_is_told_beside_its_step() -> None:
    history = [
        {"role": "user", "content": "fix it"},
        {"role": "assistant", "content": "no command", "thought": "no command", "action": ""},
        {"role": "user", "content": "Your output could not be parsed"},
        {"role": "assistant", "content": "I will ls", "thought": "I will ls", "action": "ls"},
        {"role": "user", "content": "a.py\nbash-$"},
    ]
    events = import_session("swe-agent", trajectory(step("ls", "a.py"), history=history)).events
    texts = [event.get("text") or event.get("observation") or event["command"] for event in events]
    assert texts == [
        "[assistant message in the history]\nno command",
        "[user message in the history]\nYour output could not be parsed",
        "I will ls",
        "ls",
    ]


def test_messages_in_parts_are_not_taken_for_others_than_those_of_the_steps() -> None:
    history = [
        {"role": "user", "content": [{"type": "text", "text": "fix it"}]},
        {"role": "assistant", "content": "I will ls", "thought": "I will ls", "action": "ls"},
        {"role": "tool", "content": [{"type": "text", "text": "OBSERVATION:\na.py\nb.py"}], "tool_call_ids": ["c"]},
    ]
    [one] = sessions("swe-agent", Content(trajectory(step("ls", "a.py\nb.py"), history=history)))
    assert one.session.trace.task_description == "fix it"
    assert [event["type"] for event in one.session.events] == ["rationale_note", "cmd_run"]
    assert one.loss.fields["history[].content[].text"].repeated_bytes > 0


def test_what_the_run_says_of_itself_is_in_the_trace() -> None:
    config = {
        "agent": {"model": {"name": "gpt-4o"}},
        "env": {"repo": {"github_url": "https://github.com/o/r", "base_commit": "ABCDEF1"}},
        "problem_statement": {"id": "o__r-1"},
    }
    content = trajectory(
        step("submit", "\ndiff --git a/a b/a\n"),
        info={"submission": "\ndiff --git a/a b/a\n", "exit_status": "submitted"},
        replay_config=config,
    )
    session = import_session("swe-agent", content)
    trace = session.trace
    assert (trace.task_id, trace.repo_origin, trace.start_commit) == ("o__r-1", "https://github.com/o/r", "abcdef1")
    assert trace.participant_id == "swe-agent:gpt-4o"
    assert session.events[-1]["type"] == "commit"
    assert "output" not in session.events[-2]


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b'{"trajectory": []}', b'{"history": [{"role": "poet", "content": ""}]}', b"not json"]
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(NotThisFormat):
        import_session("swe-agent", content)
