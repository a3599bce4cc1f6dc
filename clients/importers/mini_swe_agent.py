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

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import orjson

from clients.importers.content import Content, whole
from clients.importers.formats import Imported, NotThisFormat
from clients.importers.loss import Loss
from clients.importers.story import Story, exit_code
from clients.importers.traces import MAX_DESCRIPTION_CHARS, seconds_us, title_of, trace_of
from clients.recorded import Session

Message = dict[str, Any]


def detect(content: Content) -> bool:
    """Whether the file says that it is one."""
    return str(whole(content).get("trajectory_format", "")).startswith("mini-swe-agent-1")


def read(content: Content) -> Iterator[Imported]:
    """The one session of the file. Raises NotThisFormat."""
    document = content.document
    if not isinstance(document, dict):
        raise NotThisFormat("not a JSON object")
    loss = Loss()
    yield Imported(convert(deepcopy(document), loss), loss)


def convert(trajectory: dict[str, Any], loss: Loss) -> Session:
    """The session in a parsed trajectory, out of which everything that has a place is taken.

    Its start commit is not in the source, so it stays absent.
    """
    given = loss.take(trajectory, "trajectory_format")
    if not str(given).startswith("mini-swe-agent-1"):
        raise NotThisFormat(f"trajectory_format is {given!r}, not mini-swe-agent-1.x")
    messages = trajectory.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise NotThisFormat("it has no messages")
    loss.records = len(messages)
    story = Story(loss, cwd=loss.text(trajectory, "info", "config", "environment", "cwd"))
    story.now_us = _first_time_us(messages)
    fold, task, untaken = _Fold(story), "", True
    for message in messages:
        if untaken and message.get("role") == "user":
            untaken, task = False, _text(loss, message)
            loss.take(message, "role")
            if len(task) > MAX_DESCRIPTION_CHARS:
                story.at(seconds_us(loss.take(message, "extra", "timestamp")))
                story.told("user message", task)
        else:
            fold.apply(message)
    trace = _trace(loss, trajectory, task, str(given))
    loss.rest(trajectory, "")
    return Session(trace, (story.events,))


@dataclass
class _Fold:
    """`calls` are the commands not answered yet, by call id, with what led to them."""

    story: Story
    calls: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def apply(self, message: Message) -> None:
        """Add what `message` becomes."""
        story, loss = self.story, self.story.loss
        since_us, time_us = story.now_us, seconds_us(loss.take(message, "extra", "timestamp"))
        story.at(time_us)
        role, extra = str(loss.take(message, "role")), message.get("extra")
        if role == "assistant":
            self._assistant(message)
        elif isinstance(extra, dict) and "returncode" in extra and self.calls:
            self._answer(message, None if time_us is None else max(0, time_us - since_us))
        elif role == "exit":
            self._exit(message)
        else:
            story.told(f"{role} message", _text(loss, message), None)

    def _assistant(self, message: Message) -> None:
        loss = self.story.loss
        actions = [action for action in _list(loss.take(message, "extra", "actions")) if isinstance(action, dict)]
        thought = _thought(loss, message, with_calls=not actions)
        causes = self.story.note("text", thought) or self.story.seen
        for number, action in enumerate(actions):
            call_id = str(loss.take(action, "tool_call_id") or number)
            self.calls[call_id] = (str(loss.take(action, "command")), causes)
            loss.rest(action, "messages[].extra.actions[]")

    def _answer(self, message: Message, took_us: int | None) -> None:
        loss, call_id = self.story.loss, str(self.story.loss.take(message, "tool_call_id"))
        command, causes = self.calls.pop(call_id if call_id in self.calls else next(iter(self.calls)))
        raw = loss.take(message, "extra", "raw_output")
        output = _text(loss, message) if raw is None else str(raw)
        if isinstance(shown := message.get("content"), str) and output in shown:
            loss.keeps(shown)  # what the model was shown: the output in a template
        refusal = str(loss.take(message, "extra", "exception_info") or "")
        self.story.command(
            command,
            causes,
            exit_code=exit_code(loss.take(message, "extra", "returncode")),
            duration_us=took_us,
            output="\n".join(part for part in (refusal, output) if part),
        )

    def _exit(self, message: Message) -> None:
        loss = self.story.loss
        for command, causes in self.calls.values():
            self.story.command(command, causes)
        self.calls.clear()
        patch = _text(loss, message)
        if "diff --git" not in patch:
            return self.story.told("exit message", patch)
        status = self.story.clean(str(loss.take(message, "extra", "exit_status") or "unknown"))
        return self.story.patch(patch, f"Final patch of the session (exit status {status})")


def _trace(loss: Loss, trajectory: dict[str, Any], task: str, source_format: str) -> Any:
    instance = str(loss.take(trajectory, "instance_id") or "unnamed")
    model = loss.take(trajectory, "info", "config", "model", "model_name")
    return trace_of(
        agent="mini-swe-agent",
        model=str(model or "unknown"),
        task_id=instance,
        title=title_of(task),
        description=task,
        environment={
            "agent_version": loss.take(trajectory, "info", "mini_version"),
            "image": loss.take(trajectory, "info", "config", "environment", "image"),
            "exit_status": loss.take(trajectory, "info", "exit_status"),
            "source_format": source_format,
        },
    )


def _thought(loss: Loss, message: Message, *, with_calls: bool) -> str:
    """Everything the model wrote; its malformed tool calls too, as nothing else would keep them."""
    direct = loss.text(message, "reasoning_content")
    hidden = direct or loss.text(message, "provider_specific_fields", "reasoning_content")
    called = loss.take(message, "tool_calls") if with_calls else None
    calls = orjson.dumps(called).decode() if called else ""
    return "\n\n".join(part for part in (hidden, _text(loss, message), calls) if part.strip())


def _text(loss: Loss, message: Message) -> str:
    content = loss.take(message, "content") or ""
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def _first_time_us(messages: list[Message]) -> int:
    """When the model began its first answer: the earliest time that the source names."""
    created = (seconds_us(_at(message, "extra", "response", "created")) for message in messages)
    written = (seconds_us(_at(message, "extra", "timestamp")) for message in messages)
    return next(filter(None, created), 0) or next(filter(None, written), 0)


def _at(document: Any, *path: str) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
