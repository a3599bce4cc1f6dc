"""Claude Code: who said what, what ran, what was edited, in which order and because of what."""

import json
from typing import Any

import pytest

from clients.importers import import_session, sessions
from clients.importers.content import Content
from clients.importers.formats import Imported, NotThisFormat

SESSION = {
    "sessionId": "11111111-2222-4333-8444-555555555555",
    "cwd": "/w/repo",
    "version": "2.1.3",
    "gitBranch": "main",
}


def record(number: int, kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    parent = fields.pop("parent", number - 1)
    about = {**SESSION, "uuid": f"u{number}", "parentUuid": f"u{parent}" if parent else None, "isSidechain": False}
    message = {"role": kind, "content": content, **({"model": "claude-x"} if kind == "assistant" else {})}
    return {**about, "type": kind, "timestamp": f"2026-01-02T03:04:{number:02}.250Z", "message": message, **fields}


def use(name: str, call: str = "t1", **arguments: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_use", "id": call, "name": name, "input": arguments}]


def result(text: Any, call: str = "t1", **fields: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": call, "content": text, **fields}]


def read(*records: Any, tail: str = "") -> Imported:
    text = "\n".join(json.dumps(each) for each in (record(1, "user", "fix the sum\nplease"), *records)) + tail
    [imported] = sessions("claude-code", Content(text.encode(), "/x/session.jsonl"))
    return imported


def events_of(*records: Any) -> list[Any]:
    return list(read(*records).session.events)


def test_what_the_session_says_of_itself_is_in_the_trace() -> None:
    title = {"type": "summary", "summary": "Sum of coupons", "leafUuid": "u9"}
    trace = read(record(2, "assistant", [{"type": "text", "text": "yes"}]), title).session.trace
    assert (trace.task_id, trace.task_title) == (SESSION["sessionId"], "Sum of coupons")
    assert (trace.task_description, trace.participant_id) == ("fix the sum\nplease", "claude-code:claude-x")
    assert trace.environment["agent_version"] == "2.1.3"
    assert trace.environment["branch"] == "main"
    assert read(record(2, "assistant", "yes")).session.trace.task_title == "fix the sum"


def test_thoughts_commands_and_their_causes() -> None:
    thinking = [{"type": "thinking", "thinking": "where is it", "signature": "c2ln"}]
    output = {"stdout": "a.py", "stderr": "", "interrupted": False}
    thought, text, ran = events_of(
        record(2, "assistant", thinking),
        record(3, "assistant", [{"type": "text", "text": "I look."}]),
        record(4, "assistant", use("Bash", command="ls", description="list")),
        record(6, "user", result("a.py"), parent=4, toolUseResult=output),
    )
    assert (thought["text"], text["text"], ran["command"], ran["output"]) == ("where is it", "I look.", "ls", "a.py")
    assert (text["caused_by"], ran["caused_by"]) == ([thought["id"]], [text["id"]])
    assert (ran["exit_code"], ran["cwd"], ran["duration_us"]) == (0, "/w/repo", 2_000_000)
    assert ran["ts_client_us"] - text["ts_client_us"] == 3_000_000


def test_a_failed_command_has_the_exit_code_that_its_result_names() -> None:
    failed = record(3, "user", result("Exit code 2\nno such file", is_error=True), toolUseResult="Error: Exit code 2")
    [ran] = events_of(record(2, "assistant", use("Bash", command="cat x")), failed)
    assert (ran["exit_code"], ran["output"]) == (2, "Exit code 2\nno such file")


@pytest.mark.parametrize("said", [{"interrupted": True}, {"returnCodeInterpretation": "No matches found"}])
def test_an_exit_code_that_the_source_leaves_open_is_left_open(said: dict[str, Any]) -> None:
    output = {"stdout": "x", "stderr": "", **said}
    asked = record(2, "assistant", use("Bash", command="grep x"))
    [ran] = events_of(asked, record(3, "user", result("x"), toolUseResult=output))
    assert "exit_code" not in ran


def test_both_streams_and_what_was_shown_of_them_are_kept() -> None:
    output = {"stdout": "long " * 10, "stderr": "careful"}
    asked = record(2, "assistant", use("Bash", command="x"))
    [ran] = events_of(asked, record(3, "user", result("long ... cut"), toolUseResult=output))
    assert ran["output"] == f"{'long ' * 10}\ncareful\n[shown]\nlong ... cut"


def test_a_test_run_is_recognised() -> None:
    done = record(3, "user", result("== 2 failed, 3 passed in 0.5s =="))
    [run] = events_of(record(2, "assistant", use("Bash", command="python -m pytest")), done)
    assert (run["type"], run["passed"], run["failed"]) == ("test_run", 3, 2)


def test_an_edit_is_exact_where_the_file_before_it_is_recorded() -> None:
    before = "".join(f"line {n}\n" for n in range(1, 9)) + "\tsum\n"
    shown = [{"oldStart": 9, "oldLines": 1, "newStart": 9, "newLines": 1, "lines": ["-    sum", "+    total"]}]
    told = {"filePath": "/w/repo/a.py", "originalFile": before, "structuredPatch": shown, "userModified": False}
    asked = record(2, "assistant", use("Edit", file_path="/w/repo/a.py", old_string="sum", new_string="total"))
    edit, note = events_of(asked, record(3, "user", result("updated"), toolUseResult=told))
    context = " line 6\n line 7\n line 8\n"
    assert edit["diff_unified"] == f"--- a/a.py\n+++ b/a.py\n@@ -6,4 +6,4 @@\n{context}-\tsum\n+\ttotal\n"
    assert (edit["file_path"], edit["author"], note["observation"]) == ("a.py", "ai", "[Edit answered]\nupdated")


def test_an_edit_that_a_person_changed_is_not_said_to_be_of_the_model() -> None:
    told = {"filePath": "/w/repo/a.py", "originalFile": "a\n", "userModified": True}
    asked = record(2, "assistant", use("Edit", file_path="/w/repo/a.py", old_string="a", new_string="b"))
    edit, *_ = events_of(asked, record(3, "user", result("updated"), toolUseResult=told))
    assert "author" not in edit


def test_the_hunks_that_were_shown_do_where_the_file_is_not_recorded() -> None:
    shown = [{"oldStart": 3, "oldLines": 1, "newStart": 3, "newLines": 2, "lines": [" a", "+b"]}]
    told = {"filePath": "/w/repo/a.py", "originalFile": None, "structuredPatch": shown}
    asked = record(2, "assistant", use("Edit", file_path="/w/repo/a.py", old_string="a", new_string="a\nb"))
    edit, *_ = events_of(asked, record(3, "user", result("updated"), toolUseResult=told))
    assert edit["diff_unified"].endswith("@@ -3,1 +3,2 @@\n a\n+b\n")


def test_an_edit_of_which_only_the_snippet_is_known_says_so() -> None:
    asked = record(2, "assistant", use("Edit", file_path="/w/repo/a.py", old_string="a", new_string="b"))
    imported = read(asked, record(3, "user", result("updated")))
    assert "where in the file is not known" in imported.session.events[0]["diff_unified"]
    assert ("diff_unified", 1) in [(name, count) for (name, _), count in imported.loss.estimated.items()]


def test_several_edits_of_one_call_are_one_change() -> None:
    edits = [{"old_string": "a", "new_string": "b"}, {"old_string": "b", "new_string": "c", "replace_all": True}]
    told = {"filePath": "/w/repo/a.py", "originalFile": "a\nb\n"}
    asked = record(2, "assistant", use("MultiEdit", file_path="/w/repo/a.py", edits=edits))
    edit, *_ = events_of(asked, record(3, "user", result("updated"), toolUseResult=told))
    assert edit["diff_unified"].endswith("@@ -1,2 +1,2 @@\n-a\n-b\n+c\n+c\n")


def test_a_new_file_and_a_rewritten_one() -> None:
    asked = record(2, "assistant", use("Write", file_path="/w/repo/n.py", content="x\n"))
    told: dict[str, Any] = {
        "type": "create",
        "filePath": "/w/repo/n.py",
        "content": "x\n",
        "structuredPatch": [],
        "originalFile": None,
    }
    edit, *_ = events_of(asked, record(3, "user", result("created"), toolUseResult=told))
    assert edit["diff_unified"] == "--- /dev/null\n+++ b/n.py\n@@ -0,0 +1,1 @@\n+x\n"
    edit, *_ = events_of(asked, record(3, "user", result("updated"), toolUseResult={**told, "originalFile": "y\n"}))
    assert edit["diff_unified"] == "--- a/n.py\n+++ b/n.py\n@@ -1,1 +1,1 @@\n-y\n+x\n"


def test_a_refused_edit_is_told_and_is_no_edit() -> None:
    asked = record(2, "assistant", use("Edit", file_path="/w/repo/a.py", old_string="a", new_string="b"))
    refused = record(3, "user", result("<tool_use_error>String to replace not found</tool_use_error>", is_error=True))
    [note] = events_of(asked, refused)
    assert note["type"] == "rationale_note"
    assert "not found" in note["observation"]
    assert '"old_string":"a"' in note["observation"]


def test_later_prompts_context_and_subagents_are_told_as_what_they_are() -> None:
    notes = events_of(
        record(2, "user", "<system>be quick</system>", isMeta=True),
        record(3, "user", [{"type": "text", "text": "now the docs"}]),
        record(4, "user", "look into it", isSidechain=True),
        record(5, "assistant", [{"type": "text", "text": "I did"}], isSidechain=True),
        {**record(6, "system", ""), "subtype": "compact_boundary", "content": "Conversation compacted"},
    )
    assert [note.get("observation") or note["text"] for note in notes] == [
        "[context]\n<system>be quick</system>",
        "[user message]\nnow the docs",
        "[subagent user message]\nlook into it",
        "[subagent assistant]\nI did",
        "[system: compact_boundary]\nConversation compacted",
    ]


def test_records_that_only_the_tool_needs_are_counted_and_do_not_break_the_chain() -> None:
    progress = {"type": "progress", "uuid": "u3", "parentUuid": "u2", **SESSION}
    imported = read(
        record(2, "assistant", [{"type": "text", "text": "one"}]),
        progress,
        {"type": "file-history-snapshot", "snapshot": {"files": 7}},
        record(4, "assistant", [{"type": "text", "text": "two"}, {"type": "image", "source": {"data": "eA=="}}]),
    )
    one, two = imported.session.events
    assert two["caused_by"] == [one["id"]]
    assert imported.loss.dropped == {"progress record": 1, "file-history-snapshot record": 1, "image block": 1}
    assert "[].message.content[].source.data" in imported.loss.fields


def test_a_last_line_that_was_cut_off_is_said() -> None:
    imported = read(record(2, "assistant", [{"type": "text", "text": "one"}]), tail='\n{"type": "assis')
    assert len(imported.session.events) == 1
    assert imported.loss.dropped == {"line that is no JSON": 1}


def test_calls_without_a_result_and_results_without_a_call_are_kept() -> None:
    ran, orphan = sorted(
        events_of(record(2, "assistant", use("Bash", command="sleep 9")), record(3, "user", result("lost", "t9"))),
        key=lambda event: event["type"],
    )
    assert (ran["command"], "output" in ran) == ("sleep 9", False)
    assert orphan["observation"] == "[tool result]\nlost"


def test_two_calls_of_one_id_are_both_kept() -> None:
    first, second = (record(n, "assistant", use("Bash", command=f"c{n}")) for n in (2, 3))
    events = events_of(first, second, record(4, "user", result("x")))
    assert [event["command"] for event in events] == ["c2", "c3"]


@pytest.mark.parametrize("content", [b"{}", b'{"type": "summary", "leafUuid": "x"}', b"\x00\x01", b""])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(NotThisFormat):
        import_session("claude-code", content)
