"""The events of OpenHands 1.x (its software agent SDK), whose `kind` is the name of a class.

| event | becomes |
|---|---|
| `MessageEvent` of the user, the first / later ones | the task / `rationale_note` with what was said as observation |
| `reasoning_content`, `thought` of an `ActionEvent`, `MessageEvent` of the agent, `finish` | `rationale_note` |
| `terminal` and its observation | `cmd_run` with folder, exit code, output and duration, or `test_run` |
| `file_editor` and the observation that confirms it | `file_edit` with the exact diff, and a note with the answer |
| other tools, refusals and errors, the system's prompt, condensations | `rationale_note` |

An observation has the file before and after the edit, whole. Other kinds are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from clients.importers.diffs import Change, compared
from clients.importers.loss import Loss
from clients.importers.story import Story, exit_code
from clients.importers.tools import Answer, Call, tell
from clients.importers.traces import written_us

Event = dict[str, Any]

KINDS = frozenset({"ActionEvent", "MessageEvent", "ObservationEvent", "SystemPromptEvent"})
ANSWERS = {"ObservationEvent": "observation", "UserRejectObservation": "rejection_reason", "AgentErrorEvent": "error"}
TOOLS = {"file_editor": "str_replace_editor"}
STILL_RUNS = -1  # the exit code of a command whose end was not waited for


def is_event(record: Any) -> bool:
    """Whether it is one of these events."""
    return isinstance(record, dict) and str(record.get("kind")) in KINDS and "source" in record


def first_message(loss: Loss, history: Iterable[Event]) -> str | None:
    """The text of the first message of the user, which is taken out; None where nothing is said by one."""
    for event in history:
        if event.get("kind") == "MessageEvent" and event.get("source") == "user":
            return texts(loss, event.get("llm_message"), "content")
    return None


def texts(loss: Loss, holder: Any, name: str) -> str:
    """The text there: of one content, of a list of contents, or as it is; what is no text has no place."""
    value = loss.take(holder, name)
    found = []
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            found.append(loss.text(part, "text"))
        elif isinstance(part, str):
            found.append(part)
        elif part is not None:
            loss.dropped[f"content {part.get('type') if isinstance(part, dict) else 'of another kind'}"[:64]] += 1
            loss.rest(part, f"history[].{name}[]")
    return "\n".join(found)


@dataclass
class Fold:
    """`open` are the calls not answered yet, by id, with when they were made."""

    story: Story
    open: dict[str, tuple[Call, int]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Add what an event becomes."""
        story, loss, kind = self.story, self.story.loss, str(event.get("kind"))
        story.at(*written_us(loss.take(event, "timestamp")))
        if kind == "MessageEvent":
            self._said(event)
        elif kind == "ActionEvent":
            self._acted(event)
        elif kind in ANSWERS:
            self._answered(event, ANSWERS[kind])
        elif kind == "SystemPromptEvent":
            parts = [texts(loss, event, name) for name in ("system_prompt", "dynamic_context")]
            story.told("system message", "\n\n".join(part for part in parts if part))
        elif kind == "Condensation" and event.get("summary"):
            story.told("summary of what was forgotten", loss.text(event, "summary"))
        else:
            loss.dropped[f"{kind[:64]}"] += 1
            return
        loss.take(event, "kind")

    def end(self) -> None:
        """Calls that nothing answered."""
        for call, _ in self.open.values():
            tell(self.story, call, Answer())
        self.open.clear()

    def _said(self, event: Event) -> None:
        story, loss, message = self.story, self.story.loss, event.get("llm_message")
        parts = [texts(loss, message, name) for name in ("reasoning_content", "content")]
        text = "\n\n".join(part for part in parts if part.strip())
        if loss.take(event, "source") == "agent":
            story.seen = story.note("text", text) or story.seen
        else:
            story.told("user message", text)

    def _acted(self, event: Event) -> None:
        story, loss = self.story, self.story.loss
        parts = [texts(loss, event, name) for name in ("reasoning_content", "thought")]
        thought = "\n\n".join(part for part in parts if part.strip())
        causes = (story.note("text", thought) if thought else []) or list(story.seen)
        name, call_id = str(loss.take(event, "tool_name")), str(loss.take(event, "tool_call_id"))
        action = loss.take(event, "action")
        arguments = action if isinstance(action, dict) else _written(loss.take(event, "tool_call", "arguments"))
        if isinstance(arguments, dict):
            arguments = {key: value for key, value in arguments.items() if key != "kind" and value not in (None, False)}
            if name == "finish" and isinstance(message := arguments.get("message"), str):
                story.seen = story.note("text", message, causes) or causes
                return
        if call_id in self.open:
            tell(story, self.open.pop(call_id)[0], Answer())
        self.open[call_id] = (Call(TOOLS.get(name, name), arguments, causes), story.now_us)

    def _answered(self, event: Event, name: str) -> None:
        story, loss = self.story, self.story.loss
        found = event.get(name)
        seen = found if isinstance(found, dict) else {}
        text = texts(loss, seen, "content") if seen else texts(loss, event, name)
        call_id = str(loss.take(event, "tool_call_id"))
        if call_id not in self.open:
            story.told(name, text)
            return
        call, since_us = self.open.pop(call_id)
        code = exit_code(loss.take(seen, "exit_code"))
        answer = Answer(
            text,
            failed=name != "observation" or loss.take(seen, "is_error") is True,
            exit_code=None if code == STILL_RUNS else code,
            duration_us=max(0, story.now_us - since_us),
            cwd=loss.text(seen, "metadata", "working_dir"),
        )
        tell(story, call, answer, None if answer.refused else self._changes(call, seen))

    def _changes(self, call: Call, seen: Event) -> list[Change] | None:
        before, after, path = (seen.get(name) for name in ("old_content", "new_content", "path"))
        if call.name != "str_replace_editor" or not isinstance(after, str) or not isinstance(path, str):
            return None
        for name in ("old_content", "new_content", "path", "command", "prev_exist"):
            self.story.loss.take(seen, name)
        created = not isinstance(before, str)
        return [Change(path, compared("" if created else str(before), after), created)]


def _written(arguments: Any) -> Any:
    """Arguments as the model wrote them, where they are JSON."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return arguments
