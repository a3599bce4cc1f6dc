"""Trajectories in ATIF 1.x (Harbor's Agent Trajectory Interchange Format) as sessions.

| of the file | becomes |
|---|---|
| a step with `extra.pr_telemetry` | the very event that was exported, see `clients.atif` |
| the first step of the user | `task_description`, whole |
| `reasoning_content` and `message` of the agent | `rationale_note` with their text |
| a tool call and the observation that names it | by the tool: `cmd_run`, `test_run`, `file_edit`, or `rationale_note` |
| other steps and observations | `rationale_note` with what was said as observation |
| embedded trajectories of subagents | their steps, where they are referred to, headed by their name |

Steps that are copied context are told, not taken for done again. Images and audio have no place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from clients.atif import event_of, is_task, trace_in
from clients.importers.content import Content, whole
from clients.importers.formats import Imported, NotThisFormat
from clients.importers.loss import Loss
from clients.importers.story import Story, exit_code
from clients.importers.tools import Answer, Call, tell
from clients.importers.traces import MAX_DESCRIPTION_CHARS, title_of, trace_of, written_us
from clients.recorded import Session
from schemas.api import CreateTrace
from schemas.events import EVENT_ADAPTER

Step = dict[str, Any]

_VERSION = re.compile(r"ATIF-v1\.\d{1,3}")
NOT_OURS = "step that claims to be an event of ours and is none, read as any other"


def detect(content: Content) -> bool:
    """Whether the file names the format."""
    return str(whole(content).get("schema_version", "")).startswith("ATIF-v")


def read(content: Content) -> Iterator[Imported]:
    """The one session of the file. Raises NotThisFormat."""
    document = content.document
    if not isinstance(document, dict) or not detect(content):
        raise NotThisFormat("schema_version is not ATIF-v1.x")
    if not _VERSION.fullmatch(str(document["schema_version"])):
        raise NotThisFormat(f"schema_version is {str(document['schema_version'])[:40]!r}: only ATIF-v1.x is read")
    loss = Loss()
    yield Imported(_convert(deepcopy(document), loss), loss)


def _convert(document: dict[str, Any], loss: Loss) -> Session:
    steps = _steps(document)
    if not steps:
        raise NotThisFormat("it has no steps")
    story = Story(loss, author="ai")
    fold = _Fold(story, {str(sub.get("trajectory_id")): sub for sub in _dicts(document.get("subagent_trajectories"))})
    said = trace_in(document)
    task = fold.take_task(steps)
    for step in steps:
        fold.apply(step)
    for name in list(fold.subagents):
        fold.subagent(name)
    trace = _trace(loss, document, task) if said is None else _ours(loss, document, said, task)
    loss.rest(document, "")
    return Session(trace, (story.events,))


@dataclass
class _Fold:
    """`who` heads what a subagent does; `subagents` are those not told yet, by the id that refers to them."""

    story: Story
    subagents: dict[str, dict[str, Any]]
    who: str = ""

    def take_task(self, steps: list[Step]) -> str:
        """The text of the first step of the user, which is told only where it is too long."""
        first = next((step for step in steps if step.get("source") == "user"), None)
        if first is None:
            return ""
        self.story.loss.records += 1
        ours = is_task(first)
        task = _content(self.story.loss, first, "message")
        self.story.at(*written_us(self.story.loss.take(first, "timestamp")))
        if len(task) > MAX_DESCRIPTION_CHARS:
            self.story.told("user message", task)
        if ours:
            self.story.loss.take(first, "extra", "pr_telemetry")
        _known(self.story.loss, first)
        self.story.loss.rest(first, "steps[]")
        first.clear()
        return task

    def apply(self, step: Step) -> None:
        """Add what a step becomes."""
        if not step:
            return
        story, loss = self.story, self.story.loss
        loss.records += 1
        time_us, zoned = written_us(step.get("timestamp"))
        if self._exported(step, time_us):
            return
        loss.take(step, "timestamp")
        story.at(time_us, zoned)
        source = str(loss.take(step, "source"))
        if loss.take(step, "is_copied_context"):
            self._copied(step, source)
        elif source == "agent":
            self._agent(step)
        else:
            story.told(f"{self.who}{source} message", _content(loss, step, "message"))
            self._observed(_results(step))
        _known(loss, step)
        loss.rest(step, "steps[]")
        step.clear()

    def subagent(self, name: str) -> None:
        """Tell what an embedded subagent did, here and only here."""
        document = self.subagents.pop(name)
        agent = str(self.story.loss.take(document, "agent", "name") or name)
        inner = _Fold(self.story, self.subagents, f"subagent {agent}: ")
        for step in _steps(document):
            inner.apply(step)
        self.story.loss.rest(document, "subagent_trajectories[]")
        document.clear()

    def _exported(self, step: Step, time_us: int | None) -> bool:
        event = event_of(step, time_us)
        if event is None:
            return False
        event["seq"] = len(self.story.events)
        try:
            EVENT_ADAPTER.validate_python(event)
        except ValidationError:
            self.story.loss.dropped[NOT_OURS] += 1
            return False
        self.story.adopt(event)
        step.clear()
        return True

    def _copied(self, step: Step, source: str) -> None:
        loss = self.story.loss
        calls = [loss.take(call, "arguments") for call in _dicts(step.get("tool_calls"))]
        answers = [_content(loss, result, "content") for result in _results(step)]
        texts = (
            loss.text(step, "reasoning_content"),
            _content(loss, step, "message"),
            *map(_argument, calls),
            *answers,
        )
        self.story.told(f"{self.who}copied context: {source}", "\n\n".join(text for text in texts if text.strip()))

    def _agent(self, step: Step) -> None:
        story, loss = self.story, self.story.loss
        texts = (loss.text(step, "reasoning_content"), _content(loss, step, "message"))
        thought = "\n\n".join(text for text in texts if text.strip())
        if thought and self.who:
            thought = f"[{self.who.rstrip(': ')}]\n{thought}"
        causes = (story.note("text", thought) if thought else []) or list(story.seen)
        results = _results(step)
        for call in _dicts(step.get("tool_calls")):
            call_id = loss.take(call, "tool_call_id")
            own = next((r for r in results if call_id is not None and r.get("source_call_id") == call_id), None)
            results = [result for result in results if result is not own]
            name, arguments = str(loss.take(call, "function_name")), loss.take(call, "arguments")
            tell(story, Call(name, arguments, causes), self._answer(own) if own else Answer())
            self._delegated(own or {})
        if not _dicts(step.get("tool_calls")) and thought:
            story.seen = causes
        self._observed(results)

    def _answer(self, result: Step) -> Answer:
        loss = self.story.loss
        loss.take(result, "source_call_id")
        code = result.get("extra", {}).get("exit_code") if isinstance(result.get("extra"), dict) else None
        if exit_code(code) is not None:
            loss.take(result, "extra", "exit_code")
        return Answer(_content(loss, result, "content"), exit_code=exit_code(code))

    def _observed(self, results: list[Step]) -> None:
        for result in results:
            self.story.told(f"{self.who}observation", _content(self.story.loss, result, "content"))
            self._delegated(result)

    def _delegated(self, result: Step) -> None:
        for reference in _dicts(result.get("subagent_trajectory_ref")):
            name = str(reference.get("trajectory_id"))
            if name in self.subagents:
                self.story.loss.take(reference, "trajectory_id")
                self.subagent(name)


def _known(loss: Loss, step: Step) -> None:
    """What the order of the events says, and no event needs to say again."""
    for name in ("step_id", "source"):
        loss.take(step, name)


def _ours(loss: Loss, document: dict[str, Any], said: Any, task: str) -> CreateTrace:
    try:
        trace = CreateTrace.model_validate(said)
    except ValidationError:
        return _trace(loss, document, task)
    for path in (
        ("schema_version",),
        ("session_id",),
        ("trajectory_id",),
        ("agent",),
        ("final_metrics", "total_steps"),
    ):
        loss.take(document, *path)
    loss.take(document, "extra", "pr_telemetry")
    return trace


def _trace(loss: Loss, document: dict[str, Any], task: str) -> CreateTrace:
    session, own = loss.take(document, "session_id"), loss.take(document, "trajectory_id")
    loss.take(document, "final_metrics", "total_steps")
    return trace_of(
        agent=str(loss.take(document, "agent", "name") or "atif"),
        model=loss.take(document, "agent", "model_name"),
        task_id=str(session or own or "unnamed"),
        title=title_of(task),
        description=task,
        environment={
            "agent_version": loss.take(document, "agent", "version"),
            "trajectory_id": own,
            "source_format": loss.take(document, "schema_version"),
        },
    )


def _content(loss: Loss, holder: Step, name: str) -> str:
    """The text there; parts that are no text (images, audio) have no place."""
    content = loss.take(holder, name)
    if not isinstance(content, list):
        return content if isinstance(content, str) else "" if content is None else _argument(content)
    texts = []
    for part in content:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            loss.dropped[f"content part {part.get('type') if isinstance(part, dict) else 'unknown'}"[:64]] += 1
            loss.rest(part, f"{name}[]")
    return "\n".join(texts)


def _argument(value: Any) -> str:
    return "" if value is None else str(value)


def _results(step: Step) -> list[Step]:
    observation = step.get("observation")
    return _dicts(observation.get("results")) if isinstance(observation, dict) else []


def _steps(document: dict[str, Any]) -> list[Step]:
    return _dicts(document.get("steps"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
