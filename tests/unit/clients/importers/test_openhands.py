"""OpenHands: every event is found again, and only edits that were made are edits."""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.importers import import_session, sessions
from clients.importers.content import Content
from clients.importers.formats import PIECE_CHARS, NotThisFormat
from sandbox.patching import patches_of
from tests.support.trajectories import FILES, read, said

SHARED = [file for file in FILES if file.suffix == ".jsonl"]
AT = "2025-04-30T16:33:0{}.5"


def action(id: int, name: str, source: str = "agent", **args: Any) -> dict[str, Any]:
    return {"id": id, "timestamp": AT.format(id), "source": source, "message": "", "action": name, "args": args}


def observation(id: int, name: str, content: str, cause: int, **extras: Any) -> dict[str, Any]:
    seen = {"id": id, "timestamp": AT.format(id), "source": "agent", "message": "", "cause": cause}
    return {**seen, "observation": name, "content": content, "extras": extras}


TASK = action(1, "message", "user", content="fix it\n<uploaded_files>\n/w/repo\n</uploaded_files>")


def events_of(*events: dict[str, Any]) -> list[Any]:
    return list(import_session("openhands", json.dumps([TASK, *events]).encode()).events)


@pytest.mark.parametrize("file", SHARED, ids=lambda file: file.name)
def test_every_event_is_found_again(file: Path) -> None:
    sources = [json.loads(line) for line in file.read_text().splitlines()]
    imported = read(file)
    assert len(imported) == len(sources) == 3
    for source, one in zip(sources, imported, strict=True):
        text = said(one.session)
        for event in source["history"]:
            arguments = event.get("args", {})
            texts = [arguments.get(name) or "" for name in ("thought", "final_thought", "content")]
            if event.get("action") == "run":
                texts.append(arguments["command"])
            for each in (*texts, event.get("content") or ""):
                assert each in text
        assert source["test_result"]["git_patch"] in text
        trace = one.session.trace
        assert source["instance"]["base_commit"] in (trace.start_commit, trace.environment.get("start_commit"))
        assert one.session.trace.repo_origin == f"https://github.com/{source['instance']['repo']}"
        assert one.loss.dropped == {"recall": 1}


@pytest.mark.parametrize("file", SHARED, ids=lambda file: file.name)
def test_only_confirmed_edits_are_edits_and_say_what_the_source_says(file: Path) -> None:
    for line, one in zip(file.read_text().splitlines(), read(file), strict=True):
        made = [
            e["extras"]["diff"]
            for e in json.loads(line)["history"]
            if e.get("observation") == "edit" and e["extras"]["diff"]
        ]
        edits = [event["diff_unified"] for event in one.session.events if event["type"] == "file_edit"]
        assert [signed(diff) for diff in edits] == [signed(diff) for diff in made]
        assert not [each for each in one.loss.document()["estimated"] if each["field"] == "diff_unified"]


def signed(diff: str) -> list[str]:
    return sorted(line for line in diff.split("\n")[2:] if line[:1] in "+-" and line)


def test_a_command_has_folder_exit_code_output_and_duration() -> None:
    metadata = {"exit_code": 2, "working_dir": "/w/repo"}
    thought, ran = events_of(
        action(2, "run", command="ls x", thought="look"), observation(4, "run", "no x", 2, metadata=metadata)
    )
    assert (thought["text"], ran["caused_by"]) == ("look", [thought["id"]])
    assert (ran["command"], ran["cwd"], ran["exit_code"], ran["output"], ran["duration_us"]) == (
        "ls x",
        "/w/repo",
        2,
        "no x",
        2_000_000,
    )


def test_a_command_whose_end_was_not_waited_for_has_no_exit_code() -> None:
    [ran] = events_of(action(2, "run", command="sleep 99"), observation(4, "run", "", 2, metadata={"exit_code": -1}))
    assert "exit_code" not in ran


def test_a_whole_file_that_was_rewritten_is_told_as_what_changed() -> None:
    extras = {
        "path": "/w/repo/a.py",
        "prev_exist": True,
        "old_content": "a\nb\n",
        "new_content": "a\nc\n",
        "impl_source": "llm_based_edit",
    }
    edit = events_of(
        action(2, "edit", path="/w/repo/a.py", content="..."), observation(3, "edit", "done", 2, **extras)
    )[0]
    assert (edit["file_path"], edit["diff_unified"]) == (
        "a.py",
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
    )
    assert edit["author"] == "ai"


@pytest.mark.parametrize("file", SHARED, ids=lambda file: file.name)
def test_a_rerun_is_of_the_final_patch_from_the_instance_s_commit(file: Path) -> None:
    for line, one in zip(file.read_bytes().splitlines(), read(file), strict=True):
        source = json.loads(line)
        assert one.session.trace.start_commit == source["instance"]["base_commit"]
        [patch] = patches_of(one.session.events)
        assert patch.diff.decode().strip() == source["test_result"]["git_patch"].strip()


def test_a_final_patch_too_long_for_an_event_needs_edits_that_make_it() -> None:
    edited = [
        action(2, "edit", path="/w/repo/a.py", command="str_replace", old_str="a", new_str="b"),
        observation(3, "edit", "ok", 2, path="/w/repo/a.py", diff="@@ -1 +1 @@\n-a\n+b"),
    ]
    head = f"diff --git a/a.py b/a.py\n# {'x' * PIECE_CHARS}\n"
    patch = head + "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n+{}\n"
    for added, kept in (("b", True), ("c", False)):
        line = {"history": [TASK, *edited], "test_result": {"git_patch": patch.format(added)}}
        document = {**line, "instance": {"base_commit": "abcdef1"}}
        trace = import_session("openhands", json.dumps(document).encode()).trace
        assert (trace.start_commit, "start_commit" in trace.environment) == (
            ("abcdef1", False) if kept else (None, True)
        )


def test_actions_that_no_event_is_for_are_told_whole() -> None:
    [browsed] = events_of(action(2, "browse", url="http://x/"), observation(3, "browse", "a page", 2))
    assert browsed["observation"] == '[tool call browse]\n{"url":"http://x/"}\n[answer]\na page'
    [unanswered] = events_of(action(2, "browse", url="http://x/"))
    assert "http://x/" in unanswered["observation"]
    [orphan] = events_of(observation(3, "browse", "a page", 99))
    assert orphan["observation"] == "[browse]\na page"


def test_what_changes_only_the_state_of_the_agent_is_counted() -> None:
    state = observation(3, "agent_state_changed", "", 2, agent_state="running")
    [one] = sessions("openhands", Content(json.dumps([TASK, action(2, "change_agent_state"), state]).encode()))
    assert one.loss.dropped == {"change_agent_state": 1, "agent_state_changed": 1}
    assert one.session.events == ()


def test_pairs_of_older_evaluations_and_events_a_line_are_read() -> None:
    pair = [action(2, "run", command="ls"), observation(3, "run", "x", 2)]
    line = json.dumps({"instance_id": "o__r-7", "history": [[TASK, observation(1, "null", "", 1)], pair]})
    assert [e["type"] for e in import_session("openhands", line.encode()).events] == ["cmd_run"]
    lines = "\n".join(json.dumps(event) for event in (TASK, *pair))
    assert [e["type"] for e in import_session("openhands", lines.encode()).events] == ["cmd_run"]


def test_two_actions_of_one_id_do_not_take_each_others_answers() -> None:
    events = events_of(action(2, "run", command="a"), action(2, "run", command="b"), observation(3, "run", "of b", 2))
    assert [(event["command"], event.get("output")) for event in events] == [("a", None), ("b", "of b")]


@pytest.mark.parametrize("content", [b"{}", b"[]", b'[{"action": "x"}]', b"{"])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(NotThisFormat):
        import_session("openhands", content)
