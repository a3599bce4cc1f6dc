"""Trajectories of mini-swe-agent 2 (`*.traj.json`, format mini-swe-agent-1.1) as sessions.

| message | becomes |
|---|---|
| the first `user` message | `task_description`, whole |
| `assistant` | `rationale_note` with its whole text (reasoning first); none where it only calls a tool |
| a tool call and its `tool` answer | `cmd_run` with output, or `test_run` where tests were run and counted |
| the last call, which has no answer | `cmd_run` without output and exit code |
| `exit` with a patch | `commit` without sha, the patch as its diff |
| any other (`system`, later `user`, ...) | `rationale_note` whose observation is the message, headed by its role |

An event has the time of its message; a message without one has that of the message before it. A command is caused by
the note that came with it, otherwise, as a note is, by what was seen last. No message is dropped.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from clients.importers.formats import NotThisFormat, acceptable, pieces
from clients.importers.summaries import totals_of
from clients.recorded import Session
from schemas.api import CreateTrace

Message = Mapping[str, Any]

MAX_DESCRIPTION_CHARS = 65_536
MAX_ENVIRONMENT_CHARS = 1024
_TITLE = re.compile(r"(?:<pr_description>\s*)?(?:Consider the following PR description:\s*)?(\S[^\n]*)")
_INSTANCE = re.compile(r"(?P<owner>.+?)__(?P<repo>.+)-\d+")


def convert(trajectory: Mapping[str, Any]) -> Session:
    """The session in a parsed trajectory. Its start commit is not in the source, so it stays absent."""
    if not str(trajectory.get("trajectory_format", "")).startswith("mini-swe-agent-1"):
        raise NotThisFormat(f"trajectory_format is {trajectory.get('trajectory_format')!r}, not mini-swe-agent-1.x")
    messages = trajectory.get("messages")
    if not isinstance(messages, list) or not messages:
        raise NotThisFormat("it has no messages")
    task: Message = next((message for message in messages if message.get("role") == "user"), {})
    fold = _Fold(str(_at(trajectory, "info", "config", "environment", "cwd") or ""), _first_time_us(messages))
    for message in messages:
        if message is not task or len(_text(message)) > MAX_DESCRIPTION_CHARS:
            fold.apply(message)
    return Session(_trace(trajectory, _text(task)), (fold.events,))


@dataclass
class _Fold:
    """The events so far; `calls` are the commands not answered yet, by call id; `seen` is the last observation's id."""

    cwd: str
    now_us: int
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def apply(self, message: Message) -> None:
        """Add what `message` becomes."""
        since_us, self.now_us = self.now_us, _time_us(message) or self.now_us
        role, extra = message.get("role"), message.get("extra") or {}
        if role == "assistant":
            self._assistant(message, extra.get("actions") or [])
        elif "returncode" in extra and self.calls:
            self._answer(message, extra, max(0, self.now_us - since_us))
        elif role == "exit":
            self._exit(message, extra)
        else:
            self._told(message)

    def _assistant(self, message: Message, actions: list[Mapping[str, Any]]) -> None:
        thought = _thought(message, with_calls=not actions)
        causes = self._notes("text", thought, self.seen) or self.seen
        for number, action in enumerate(actions):
            call_id = str(action.get("tool_call_id", number))
            self.calls[call_id] = (acceptable(str(action["command"])), causes)

    def _answer(self, message: Message, extra: Mapping[str, Any], took_us: int) -> None:
        call_id = str(message.get("tool_call_id"))
        command, causes = self.calls.pop(call_id if call_id in self.calls else next(iter(self.calls)))
        output = acceptable(str(extra.get("raw_output", _text(message))))
        refusal = acceptable(str(extra.get("exception_info") or ""))
        shown = "\n".join(part for part in (refusal, output) if part)
        code = extra["returncode"]
        result: dict[str, Any] = {
            "exit_code": code if isinstance(code, int) else None,
            "duration_us": took_us,
            "output": shown,
        }
        totals = totals_of(command, output)
        if totals is None:
            self._command(command, causes, cwd=self.cwd or None, **result)
        else:
            self._command(command, causes, "test_run", **asdict(totals), **result)

    def _exit(self, message: Message, extra: Mapping[str, Any]) -> None:
        for command, causes in self.calls.values():
            self._command(command, causes, cwd=self.cwd or None)
        self.calls.clear()
        patch = _text(message)
        if "diff --git" not in patch:
            return self._told(message)
        status = acceptable(str(extra.get("exit_status") or "unknown"))
        summary = f"Final patch of the session (exit status {status})"
        cut = list(pieces(patch))
        if len(cut) > 1:
            self._notes("observation", patch, self.seen)
            self._add("commit", self.seen, message=f"{summary}; too long for an event, it is in the notes before")
        else:
            self._add("commit", self.seen, message=summary, diff_unified=patch)
        return None

    def _told(self, message: Message) -> None:
        text = _text(message)
        self.seen = self._notes("observation", f"[{message.get('role')} message]\n{text}", self.seen)

    def _notes(self, part: str, text: str, causes: list[str]) -> list[str]:
        """Add `text` as one note, or as several in a row; the last one's id is what later events are caused by."""
        return [self._add("rationale_note", causes, **{part: piece}) for piece in pieces(text)][-1:]

    def _command(self, command: str, causes: list[str], event_type: str = "cmd_run", **fields: Any) -> None:
        head, *rest = pieces(command) if command else [""]
        if rest:
            self._notes("text", command, causes)
        self.seen = [self._add(event_type, causes, command=head, **fields)]

    def _add(self, event_type: str, causes: list[str], **fields: Any) -> str:
        seq = len(self.events)
        given = {name: value for name, value in fields.items() if value is not None}
        event = {"id": f"evt-{seq + 1:04d}", "seq": seq, "ts_client_us": self.now_us, "type": event_type, **given}
        self.events.append(event | ({"caused_by": causes} if causes else {}))
        return str(event["id"])


def _trace(trajectory: Mapping[str, Any], task: str) -> CreateTrace:
    instance = acceptable(str(trajectory.get("instance_id") or "unnamed"))
    model = str(_at(trajectory, "info", "config", "model", "model_name") or "unknown")
    origin = _INSTANCE.fullmatch(instance)
    title = _TITLE.match(task.lstrip())
    return CreateTrace(
        participant_id=acceptable(f"mini-swe-agent:{model}")[:256],
        consent="research",
        task_id=instance[:256],
        task_title=(title[1].strip() if title else instance)[:1024],
        task_description=task[:MAX_DESCRIPTION_CHARS] or None,
        repo_origin=f"https://github.com/{origin['owner']}/{origin['repo']}"[:1024] if origin else "unknown",
        environment=_environment(trajectory, model),
    )


def _environment(trajectory: Mapping[str, Any], model: str) -> dict[str, str]:
    info = trajectory.get("info") or {}
    labels = {
        "agent": "mini-swe-agent",
        "agent_version": info.get("mini_version"),
        "model": model,
        "image": _at(info, "config", "environment", "image"),
        "exit_status": info.get("exit_status"),
        "source_format": trajectory["trajectory_format"],
    }
    return {name: acceptable(str(value))[:MAX_ENVIRONMENT_CHARS] for name, value in labels.items() if value}


def _thought(message: Message, *, with_calls: bool) -> str:
    """Everything the model wrote; its malformed tool calls too, as nothing else would keep them."""
    hidden = message.get("reasoning_content") or _at(message, "provider_specific_fields", "reasoning_content")
    calls = orjson.dumps(message["tool_calls"]).decode() if with_calls and message.get("tool_calls") else ""
    parts = (acceptable(str(hidden or "")), _text(message), acceptable(calls))
    return "\n\n".join(part for part in parts if part.strip())


def _text(message: Message) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in content)
    return acceptable(str(content))


def _time_us(message: Message) -> int | None:
    seconds = _at(message, "extra", "timestamp")
    return round(seconds * 1_000_000) if isinstance(seconds, int | float) else None


def _first_time_us(messages: list[Message]) -> int:
    """When the model began its first answer: the earliest time that the source names."""
    created = next((at for m in messages if (at := _at(m, "extra", "response", "created"))), None)
    return int(created) * 1_000_000 if created else next(filter(None, map(_time_us, messages)), 0)


def _at(document: Any, *path: str) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document
