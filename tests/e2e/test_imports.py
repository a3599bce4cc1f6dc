"""What others recorded comes through the whole pipeline as it was read; an import that is killed goes on."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stack import Stack
from clients.chunks import MAX_OUTPUT_BYTES
from clients.importers import import_session
from clients.recorded import ClientEvent
from clients.session import wait_for
from pipeline.redacted import PLACEHOLDER
from schemas.events import EVENT_ADAPTER
from tests.support.trajectories import FILES, read

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
COMMANDS = 2_000
OUTPUTS = ("output", "output_ref", "report_ref")


def imported(stack: Stack, *args: str) -> list[dict[str, Any]]:
    done = stack.cli("import", "--json", *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def differing(read: ClientEvent, stored: Mapping[str, Any]) -> list[str]:
    """The fields of an event that are stored otherwise than they were read, but for secrets and outputs that moved."""
    wanted = EVENT_ADAPTER.validate_python({**read, "output": None} if "output" in read else read).stored()
    moved = len((read.get("output") or "").encode()) > MAX_OUTPUT_BYTES
    if "output" in read and not moved:
        wanted["output"] = read["output"]
    assert moved == any(name in stored for name in OUTPUTS[1:])
    return [name for name, value in wanted.items() if stored.get(name) != value and not _redacted(stored.get(name))]


def _redacted(value: Any) -> bool:
    return isinstance(value, str) and PLACEHOLDER.search(value) is not None


def test_every_trajectory_comes_back_as_it_was_read(stack: Stack) -> None:
    lines = imported(stack, *map(str, FILES))
    sessions = [one.session for file in FILES for one in read(file)]
    assert len(lines) == len(sessions)
    with stack.client() as client:
        for line, session in zip(lines, sessions, strict=True):
            trace = wait_for(client, line["trace_id"], {"assembled"}, timeout_s=120)
            assert trace["integrity"]["complete"] is True
            assert trace["integrity"]["findings"] == []
            assert trace["task"]["id"] == session.trace.task_id
            pairs = zip(session.events, trace["events"], strict=True)
            assert {event["id"]: found for event, stored in pairs if (found := differing(event, stored))} == {}
    assert imported(stack, *map(str, FILES)) == lines


@pytest.fixture
def long_session(tmp_path: Path) -> Path:
    """An event stream that takes many chunks."""
    stamp = {"timestamp": "2026-01-02T03:04:05Z", "source": "agent"}
    task = {**stamp, "id": 0, "source": "user", "action": "message", "args": {"content": "a long task"}}
    events: list[dict[str, Any]] = [task]
    for n in range(1, COMMANDS + 1):
        events.append({**stamp, "id": 2 * n, "action": "run", "args": {"command": f"echo {n}"}})
        events.append({**stamp, "id": 2 * n + 1, "cause": 2 * n, "observation": "run", "content": "x" * 2_000})
    file = tmp_path / "trajectory.json"
    file.write_text(json.dumps(events))
    return file


def confirmed(stack: Stack) -> int:
    """How many chunks the journal that is written last has receipts of."""
    journals = sorted((stack.home.root / "imports").glob("*.jsonl"), key=lambda file: file.stat().st_mtime)
    return journals[-1].read_bytes().count(b'{"receipt"') if journals else 0


def test_an_import_that_is_killed_goes_on_where_it_was(stack: Stack, long_session: Path) -> None:
    args = ("import", "--json", "--task-id", "killed-import", str(long_session))
    before = len(list((stack.home.root / "imports").glob("*.jsonl")))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *args], env=dict(stack.environ), stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(list((stack.home.root / "imports").glob("*.jsonl"))) == before or confirmed(stack) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.communicate()[0] == b""
    assert 3 <= confirmed(stack) < 20
    [line] = imported(stack, *args[2:])
    with stack.client() as client:
        trace = wait_for(client, line["trace_id"], {"assembled"}, timeout_s=120)
        listed = client.list_traces(limit=500)["traces"]
    assert [one["trace_id"] for one in listed if one["task_id"] == "killed-import"] == [line["trace_id"]]
    assert trace["integrity"]["complete"] is True
    session = import_session("openhands", long_session.read_bytes())
    assert [event["command"] for event in trace["events"]] == [event["command"] for event in session.events]
    assert {finding["kind"] for finding in trace["integrity"]["findings"]} <= {"duplicate"}
