"""Trajectories of SWE-agent (`.traj`, of 0.x and 1.x) as sessions.

| of the file | becomes |
|---|---|
| the last `user` message before the first step | `task_description`, whole |
| other messages before it (`system`, demonstrations) | `rationale_note` with the message as observation |
| `thought` of a step | `rationale_note` with its text |
| `action`, `observation` | `cmd_run` or `test_run`; of an edit that was made `file_edit` and a note with the answer |
| `info.submission` | `commit` without sha, the patch as its diff |

The file has no times, so events are counted from 1970 by the durations it has. Without `trajectory` (demonstrations)
the steps are those of `history`. An edit that the editor refused stays a command with the refusal as its output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from clients.importers.content import Content, whole
from clients.importers.formats import Imported, NotThisFormat
from clients.importers.loss import Loss
from clients.importers.story import Story
from clients.importers.swe_agent_edits import Editor
from clients.importers.traces import MAX_DESCRIPTION_CHARS, seconds_us, title_of, trace_of
from clients.recorded import Session
from schemas.api import CreateTrace

UNTIMED = "the source has no times: counted from 1970-01-01 by the durations that it has"
MOST_STEPS = 500
NO_OUTPUT = "Your command ran successfully and did not produce any output"
_ISSUE = re.compile(r"ISSUE:\s*\n\s*(\S[^\n]*)")
_TRAILER = re.compile(r"\(Open file: (?P<open_file>[^\n]*)\)\n\(Current directory: (?P<working_dir>[^\n]*)\)")
_ROLES = frozenset({"system", "user", "assistant", "tool", "demo"})


def detect(content: Content) -> bool:
    """Whether the file has steps as SWE-agent writes them, or a history of messages alone."""
    document = whole(content)
    steps, history = document.get("trajectory"), document.get("history")
    if isinstance(steps, list):
        return bool(steps or history) and all(
            isinstance(s, dict) and {"action", "observation"} <= s.keys() for s in steps
        )
    return (
        isinstance(history, list)
        and bool(history)
        and all(isinstance(each, dict) and each.get("role") in _ROLES and "content" in each for each in history)
    )


def read(content: Content) -> Iterator[Imported]:
    """The one session of the file. Raises NotThisFormat."""
    if not detect(content):
        raise NotThisFormat("it has neither a trajectory nor a history of SWE-agent")
    loss = Loss()
    yield Imported(_convert(deepcopy(content.document), loss, content.name), loss)


@dataclass(frozen=True, slots=True)
class _Step:
    """What was thought, done and answered, and where: `state` has `open_file` and `working_dir`."""

    thought: str
    action: str
    observation: str | None
    state: dict[str, Any]
    took_us: int | None


def _convert(document: dict[str, Any], loss: Loss, name: str) -> Session:
    history = [each for each in _list(document.get("history")) if isinstance(each, dict)]
    steps = _list(document.get("trajectory"))
    before = next((at for at, each in enumerate(history) if _is_answer(each)), len(history))
    loss.records = len(steps) + before if steps else len(history)
    story = Story(loss, untimed=UNTIMED)
    task = _prologue(story, history[:before])
    parts = [_step(loss, each) for each in steps] if steps else list(_steps_of(loss, history[before:]))
    story.root = next((str(cwd) for part in parts if (cwd := part.state.get("working_dir"))), "")
    submission = loss.text(document, "info", "submission")
    trace = _trace(loss, document, task, name)
    # Who typed is only known with the model: SWE-agent may be driven by a person, too.
    story.author = (
        "ai" if trace.environment.get("model", "human").partition("_")[0] not in ("human", "unknown") else None
    )
    editor, beside = Editor(story.sight), _beside(loss, history[before:], parts) if steps else {}
    for number, part in enumerate(parts):
        for role, text in beside.get(number, ()):
            story.at(None)
            story.told(f"{role} message in the history", text)
        _tell(story, editor, part, submission)
    if submission.strip():
        status = trace.environment.get("exit_status", "unknown")
        story.patch(submission, f"Final patch of the session (exit status {status})")
    loss.rest(document, "")
    return Session(story.settled(trace, submission), (story.events,))


def _is_answer(message: dict[str, Any]) -> bool:
    return message.get("role") == "assistant" and not message.get("is_demo")


def _prologue(story: Story, messages: list[dict[str, Any]]) -> str:
    """Tells what came before the first step, but for the task, which is returned."""
    users = [at for at, each in enumerate(messages) if each.get("role") == "user" and not each.get("is_demo")]
    task = ""
    for at, message in enumerate(messages):
        role, text = str(story.loss.take(message, "role")), _text(story.loss, message)
        demo = story.loss.take(message, "is_demo")
        if users and at == users[-1]:
            task = text
            if len(text) <= MAX_DESCRIPTION_CHARS:
                continue
        story.told("demonstration" if demo else f"{role} message", text)
    return task


def _step(loss: Loss, record: dict[str, Any]) -> _Step:
    thought, action = loss.text(record, "thought"), loss.text(record, "action")
    response = record.get("response")
    if isinstance(response, str) and thought.strip() in response and action.strip() in response:
        loss.keeps(response)
    return _Step(
        thought or loss.text(record, "response"),
        action,
        loss.text(record, "observation"),
        _state(loss.take(record, "state")),
        seconds_us(loss.take(record, "execution_time")),
    )


def _steps_of(loss: Loss, history: list[dict[str, Any]]) -> Iterator[_Step]:
    for at, message in enumerate(history):
        role = loss.take(message, "role")
        if role != "assistant":
            continue
        content, thought, action = (loss.text(message, name) for name in ("content", "thought", "action"))
        following = history[at + 1] if at + 1 < len(history) else {}
        answer = _text(loss, following) if following.get("role") in ("tool", "user") else None
        trailer = _TRAILER.search(answer or "")
        yield _Step(thought or content, action, answer, trailer.groupdict() if trailer else {}, None)


def _beside(loss: Loss, history: list[dict[str, Any]], parts: list[_Step]) -> dict[int, list[tuple[str, str]]]:
    """Messages of the history that no step has, by the step they come before: answers that were asked for anew, say."""
    thoughts = {part.thought.strip() for part in parts}
    outputs = [(part.observation or "").strip() for part in parts]
    found: dict[int, list[tuple[str, str]]] = {}
    number = -1
    for message in history:
        role, text = str(message.get("role")), str(message.get("thought") or _joined(message.get("content")))
        number += role == "assistant"
        known = text.strip() in thoughts if role == "assistant" else _shown(text, outputs, number)
        if known:
            _keep(loss, message.get("content"))  # what the model was shown: the output in a template
        elif not text.startswith(NO_OUTPUT):
            found.setdefault(max(0, min(number, len(parts) - 1)), []).append((role, text))
            loss.take(message, "thought" if message.get("thought") else "content")
    return found


def _shown(text: str, outputs: list[str], number: int) -> bool:
    """Whether the text has the output of a step: of one near this, or of any where they are not too many."""
    near = outputs[max(0, number - 1) : number + 2]
    looked_at = near if len(outputs) > MOST_STEPS else outputs
    return any(output and output in text for output in looked_at)


def _tell(story: Story, editor: Editor, step: _Step, submission: str) -> None:
    story.at(None)
    causes = story.note("text", step.thought) if step.thought.strip() else list(story.seen)
    story.passed(step.took_us)
    cwd = str(step.state.get("working_dir") or "")
    output = step.observation
    changes = editor.changes(step.action, output or "", str(step.state.get("open_file") or ""), cwd)
    if changes:
        for change in changes:
            story.edit(change, causes)
        story.told(f"{step.action.split(maxsplit=1)[0]} answered", output or "")
        return
    if step.action.strip() == "submit" and submission and submission.strip() == (output or "").strip():
        output = None
    if step.action.strip() or output:
        story.command(step.action, causes, output=output, duration_us=step.took_us, cwd=cwd)
    editor.shown(output or "", cwd)


def _trace(loss: Loss, document: dict[str, Any], task: str, name: str) -> CreateTrace:
    config = ("replay_config",)
    if isinstance(document.get("replay_config"), str):
        document["replay_config"] = _state(document["replay_config"])
    stem = name.rpartition("/")[2].partition(".traj")[0]
    said = loss.take(document, *config, "problem_statement", "id")
    repo = (*config, "env", "repo")
    issue = _ISSUE.search(task)
    return trace_of(
        agent="swe-agent",
        model=loss.take(document, *config, "agent", "model", "name") or "unknown",
        task_id=str(said or stem or "unnamed"),
        title=issue[1] if issue else title_of(task),
        description=task,
        origin=str(loss.take(document, *repo, "github_url") or ""),
        start_commit=loss.take(document, *repo, "base_commit"),
        environment={
            "image": loss.take(document, *config, "env", "deployment", "image"),
            "exit_status": loss.take(document, "info", "exit_status"),
            "environment": loss.take(document, "environment"),
            "source_format": "swe-agent",
        },
    )


def _state(state: Any) -> dict[str, Any]:
    if isinstance(state, str):
        try:
            state = json.loads(state)
        except (ValueError, RecursionError):
            return {}
    return state if isinstance(state, dict) else {}


def _text(loss: Loss, message: dict[str, Any]) -> str:
    return _joined(loss.take(message, "content"))


def _joined(content: Any) -> str:
    """The text of a message, which 1.x cuts into parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _keep(loss: Loss, content: Any) -> None:
    for part in content if isinstance(content, list) else [{"text": content}]:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            loss.keeps(part["text"])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
