"""Real trajectories become sessions in which nothing of the source is missing."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from clients.chunks import outputs_moved, split
from clients.importers import import_session
from clients.importers.formats import NotThisFormat
from clients.importers.loss import Loss
from clients.importers.mini_swe_agent import convert
from clients.recorded import Session
from schemas.events import EVENT_ADAPTER
from tests.support.data import REAL_SESSIONS, SHARED_DATA, shared_data

FOLDER = "trajectories/mini-swe-agent"
ALL_FILES = sorted((SHARED_DATA / FOLDER).glob("*.traj.json.gz")) or list(REAL_SESSIONS)
EACH_FILE = pytest.mark.parametrize("file", ALL_FILES, ids=lambda file: file.name.partition(".")[0])


def imported(file: Path) -> tuple[dict[str, Any], Session]:
    content = file.read_bytes()
    return json.loads(gzip.decompress(content)), import_session("mini-swe-agent", content)


def session_of(document: dict[str, Any]) -> Session:
    return convert(document, Loss())


def trajectory(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"trajectory_format": "mini-swe-agent-1.1", "messages": list(messages), **fields}


def call(command: str, at: float = 10.0, **fields: Any) -> dict[str, Any]:
    actions = [{"command": command, "tool_call_id": "c1"}]
    return {"role": "assistant", "content": "", "extra": {"actions": actions, "timestamp": at}, **fields}


def answer(output: str, at: float = 11.0, **extra: Any) -> dict[str, Any]:
    told = {"raw_output": output, "returncode": 0, "timestamp": at, **extra}
    return {"role": "tool", "tool_call_id": "c1", "content": f"<output>{output}</output>", "extra": told}


def test_all_23_shared_trajectories_are_there() -> None:
    assert len(list(shared_data(FOLDER).glob("*.traj.json.gz"))) == 23


@EACH_FILE
def test_every_event_is_valid_and_fits_into_a_chunk(file: Path) -> None:
    _, session = imported(file)
    for seq, event in enumerate(session.events):
        assert EVENT_ADAPTER.validate_python(event).seq == seq
        assert event["id"] == f"evt-{seq + 1:04d}"
    moved = list(outputs_moved(session.events, lambda *_: f"artifact:sha256:{0:064x}"))
    assert [event["id"] for chunk in split(moved) for event in chunk] == [event["id"] for event in session.events]


@EACH_FILE
def test_every_message_is_found_again(file: Path) -> None:
    source, session = imported(file)
    said = {event.get("text") for event in session.events}
    seen = [event["observation"] for event in session.events if "observation" in event]
    ran = [(event["command"], event["output"]) for event in session.events if "output" in event]
    patches = [event["diff_unified"] for event in session.events if event["type"] == "commit"]
    commands = [event["command"] for event in session.events if "command" in event]
    source_commands = []
    for message in source["messages"]:
        match message["role"]:
            case "system":
                assert any(text.endswith(message["content"]) for text in seen)
            case "user":
                assert session.trace.task_description == message["content"]
            case "assistant":
                assert message["content"] in said or not message["content"].strip()
                source_commands += [action["command"] for action in message["extra"]["actions"]]
            case "tool":
                command, output = ran.pop(0)
                assert command == source_commands[-1]
                assert output.endswith(message["extra"]["raw_output"])
                assert message["extra"]["exception_info"] in output
            case "exit":
                assert patches == [message["content"]]
    assert commands == source_commands


@EACH_FILE
def test_times_and_exit_codes_are_those_of_the_source(file: Path) -> None:
    source, session = imported(file)
    answers = [message["extra"] for message in source["messages"] if message["role"] == "tool"]
    ran = [event for event in session.events if "output" in event]
    times = [event["ts_client_us"] for event in session.events]
    assert [event["ts_client_us"] for event in ran] == [round(told["timestamp"] * 1e6) for told in answers]
    assert [event["exit_code"] for event in ran] == [told["returncode"] for told in answers]
    assert times == sorted(times)


@pytest.mark.parametrize("file", REAL_SESSIONS, ids=lambda file: file.name.partition(".")[0])
def test_what_the_trace_is_about(file: Path) -> None:
    source, session = imported(file)
    owner, _, rest = source["instance_id"].partition("__")
    assert session.trace.repo_origin == f"https://github.com/{owner}/{rest.rpartition('-')[0]}"
    assert session.trace.start_commit is None
    assert session.trace.environment["model"] == "deepseek/deepseek-chat"
    assert session.trace.environment["agent_version"] == "2.2.7"
    assert f"\n{session.trace.task_title}" in source["messages"][1]["content"]


def test_test_runs_of_a_real_session_are_recognised() -> None:
    file = next(file for file in REAL_SESSIONS if "astroid-1978" in file.name)
    _, session = imported(file)
    runs = [event for event in session.events if event["type"] == "test_run"]
    assert [(run["framework"], run["passed"], run["failed"]) for run in runs] == [("pytest", 12, 0)] * 2
    assert all("12 passed" in run["output"] for run in runs)


def test_a_command_is_caused_by_its_note_and_a_note_by_what_was_seen() -> None:
    thinking = call("ls") | {"content": "look", "reasoning_content": "first of all"}
    session = session_of(
        trajectory({"role": "user", "content": "task"}, thinking, answer("a.py"), call("cat a.py"), answer("x"))
    )
    note, listing, reading = session.events
    assert note["text"] == "first of all\n\nlook"
    assert listing["caused_by"] == [note["id"]]
    assert reading["caused_by"] == [listing["id"]]
    assert listing["duration_us"] == 1_000_000


def test_unstorable_characters_are_written_out() -> None:
    raw = json.dumps(trajectory({"role": "user", "content": "task"}, call("cat"), answer("a\x00b\ud800c"))).encode()
    (event,) = import_session("mini-swe-agent", raw).events
    assert event["output"] == "a\\u0000b\\ud800c"


def test_text_beyond_the_limits_is_cut_but_complete() -> None:
    task, thought, command = "t" * 70_000, "m" * 70_000, "echo " + "c" * 70_000
    patch = "diff --git a/x b/x\n" + "+p" * 40_000
    session = session_of(
        trajectory(
            {"role": "user", "content": task},
            call(command) | {"content": thought},
            {"role": "exit", "content": patch, "extra": {"exit_status": "Submitted"}},
        )
    )
    notes = "".join(event.get("text", "") + event.get("observation", "") for event in session.events)
    assert session.trace.task_description == task[:65_536]
    assert all(text in notes for text in (task, thought, command, patch))
    assert session.events[-1]["type"] == "commit"
    assert len(list(split(session.events))) > 1


def test_other_messages_and_an_exit_without_patch_become_notes() -> None:
    messages = (
        {"role": "system", "content": "be good"},
        {"role": "user", "content": "task"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"arguments": "{bad"}}],
            "extra": {"timestamp": 5},
        },
        {"role": "user", "content": [{"type": "text", "text": "use the tool"}]},
        {"role": "exit", "content": "gave up", "extra": {"exit_status": "LimitsExceeded"}},
    )
    session = session_of(trajectory(*messages, info={"exit_status": "LimitsExceeded"}))
    texts = [event.get("observation") or event["text"] for event in session.events]
    assert [texts[0], *texts[2:]] == [
        "[system message]\nbe good",
        "[user message]\nuse the tool",
        "[exit message]\ngave up",
    ]
    assert "{bad" in texts[1]
    assert session.trace.environment["exit_status"] == "LimitsExceeded"


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\x1f\x8bbroken", b'{"trajectory_format": "mini-swe-agent-1.1", "messages": []}'],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(NotThisFormat):
        import_session("mini-swe-agent", content)
