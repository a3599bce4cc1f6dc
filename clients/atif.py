"""Events as steps of ATIF 1.7 (Harbor's Agent Trajectory Interchange Format), and back without loss.

| event | step |
|---|---|
| (the task) | the first step, source `user` |
| `rationale_note` | source `agent`, its texts as `message`; `system` where it only observes, `user` what users said |
| `cmd_run`, `test_run` | source `agent`, a call of `bash` with `command` and `cwd`; the output is its observation |
| `file_edit` | source `agent`, a call of `apply_diff` with `path` and `diff` |
| `commit` | source `agent`, a call of `commit` with `message` and `diff` |

Each step has the event's time in `timestamp`, to the microsecond. What ATIF has no field for (ids, causes, exit codes,
durations, digests, totals, the parts of a note) is in the step's `extra.pr_telemetry`; what the trace says of itself in
that of the root. `event_of` and `trace_in` are the inverse: with them, what went out comes back equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.api import CreateTrace

VERSION = "ATIF-v1.7"
OURS = "pr_telemetry"
USER = "[user message]\n"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS = ("plan", "hypothesis", "observation", "decision", "next_step", "text")
# Event type -> the tool that its step calls, and which argument of the tool holds which field.
_CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "cmd_run": ("bash", {"command": "command", "cwd": "cwd"}),
    "test_run": ("bash", {"command": "command"}),
    "file_edit": ("apply_diff", {"path": "file_path", "diff": "diff_unified"}),
    "commit": ("commit", {"message": "message", "diff": "diff_unified"}),
}
_NAMED = frozenset({"id", "seq", "type", "ts_client_us"})

Event = Mapping[str, Any]


def trajectory_of(trace: CreateTrace, events: Iterable[Event], trace_id: str) -> dict[str, Any]:
    """The trajectory of a whole trace. Events as they are stored: times in `ts_client_us`."""
    labels = trace.environment
    agent = {
        "name": labels.get("agent", "unknown"),
        "version": labels.get("agent_version", "unknown"),
        "model_name": labels.get("model"),
    }
    task = {"source": "user", "message": trace.task_description or trace.task_title, "extra": {OURS: {"type": "task"}}}
    steps = [task, *map(step_of, events)]
    return {
        "schema_version": VERSION,
        "session_id": trace_id,
        "trajectory_id": trace_id,
        "agent": {name: value for name, value in agent.items() if value is not None},
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, 1)],
        "final_metrics": {"total_steps": len(steps)},
        "extra": {OURS: {"trace": trace.model_dump(exclude_none=True)}},
    }


def step_of(event: Event) -> dict[str, Any]:
    """One event as a step, but for its number."""
    own: dict[str, Any] = {"type": event["type"], "id": event["id"]}
    step: dict[str, Any] = {"timestamp": _written(event["ts_client_us"]), "source": "agent", "message": ""}
    placed = set(_NAMED)
    if event["type"] == "rationale_note":
        step["source"], step["message"] = _spoken(event)
        placed |= {"text"} if set(_PARTS) & event.keys() == {"text"} else set()
    else:
        name, arguments = _CALLS[event["type"]]
        given = {argument: event[field] for argument, field in arguments.items() if field in event}
        step["tool_calls"] = [{"tool_call_id": event["id"], "function_name": name, "arguments": given}]
        placed |= set(arguments.values())
        if "output" in event:
            step["observation"] = {"results": [{"source_call_id": event["id"], "content": event["output"]}]}
            placed.add("output")
    own |= {name: value for name, value in event.items() if name not in placed}
    return {**step, "extra": {OURS: own}}


def event_of(step: Mapping[str, Any], time_us: int | None) -> dict[str, Any] | None:
    """The event that `step_of` made the step of, but for its seq, not validated; None where it made none."""
    own = (step.get("extra") or {}).get(OURS) if isinstance(step.get("extra"), Mapping) else None
    if not isinstance(own, Mapping) or time_us is None or own.get("type") not in (*_CALLS, "rationale_note"):
        return None
    event: dict[str, Any] = {**own, "ts_client_us": time_us}
    if own["type"] == "rationale_note":
        return event if set(_PARTS) & own.keys() else {**event, "text": step.get("message")}
    try:
        arguments = step["tool_calls"][0]["arguments"]
        event |= {field: arguments[name] for name, field in _CALLS[own["type"]][1].items() if name in arguments}
        if "observation" in step:
            event["output"] = step["observation"]["results"][0]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    return event


def is_task(step: Mapping[str, Any]) -> bool:
    """Whether the step is the task that `trajectory_of` puts first."""
    own = (step.get("extra") or {}).get(OURS) if isinstance(step.get("extra"), Mapping) else None
    return isinstance(own, Mapping) and own.get("type") == "task"


def trace_in(trajectory: Mapping[str, Any]) -> Any:
    """What `trajectory_of` wrote of the trace; None where there is nothing."""
    own = (trajectory.get("extra") or {}).get(OURS) if isinstance(trajectory.get("extra"), Mapping) else None
    return own.get("trace") if isinstance(own, Mapping) else None


def _spoken(note: Event) -> tuple[str, str]:
    parts = [name for name in _PARTS if note.get(name)]
    if parts == ["observation"]:
        text = str(note["observation"])
        return ("user", text.removeprefix(USER)) if text.startswith(USER) else ("system", text)
    return "agent", "\n\n".join(str(note[name]) for name in parts)


def _written(time_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
