"""Small sessions for load and fault runs: ten events in two chunks, no workspace, so that no container is started."""

from typing import Any

from clients.recorded import Session
from schemas.api import CreateTrace

EVENTS = 10
CHUNKS = 2
BEGAN_US = 1_700_000_000_000_000
STEP_US = 5_000_000


def _event(seq: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": f"evt-{seq:03d}", "seq": seq, "ts_client_us": BEGAN_US + seq * STEP_US, "type": kind, **fields}


def _edit(seq: int, number: int) -> dict[str, Any]:
    diff = f"--- a/src/a{number}.py\n+++ b/src/a{number}.py\n@@ -1 +1 @@\n-x = {seq}\n+x = {seq + 1}\n"
    return _event(seq, "file_edit", file_path=f"src/a{number}.py", diff_unified=diff)


def small_events(number: int) -> list[dict[str, Any]]:
    """Ten events that tell a plausible little story; `number` makes them differ between traces."""
    return [
        _event(0, "rationale_note", hypothesis=f"the counter of part {number} is off by one"),
        _event(1, "cmd_run", command=f"grep -rn counter part{number}", exit_code=0, output="src: counter = 1\n"),
        _event(2, "test_run", framework="pytest", command="pytest -q", exit_code=1, passed=3, failed=1),
        _edit(3, number),
        _event(4, "test_run", framework="pytest", command="pytest -q", exit_code=1, passed=3, failed=1),
        _event(5, "rationale_note", observation="still red: the other branch counts too", caused_by=["evt-004"]),
        _edit(6, number),
        _event(7, "test_run", framework="pytest", command="pytest -q", exit_code=0, passed=4),
        _event(8, "rationale_note", decision="both branches start at zero", caused_by=["evt-007"]),
        _event(9, "cmd_run", command="git status --short", exit_code=0, output=f" M src/a{number}.py\n"),
    ]


def small_session(number: int) -> Session:
    """A whole session of `small_events`."""
    trace = CreateTrace(
        participant_id=f"participant-{number % 7}",
        consent="research",
        task_id=f"load-{number}",
        task_title=f"Off by one in part {number}",
        repo_origin="local:load",
        environment={"os": "linux", "python_version": "3.11"},
    )
    events = small_events(number)
    half = EVENTS // CHUNKS
    return Session(trace, (events[:half], events[half:]))
