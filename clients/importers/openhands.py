"""Event streams of OpenHands as sessions: exported trajectories, and the output files of its evaluations.

| event | becomes |
|---|---|
| the first `message` of the user | `task_description`, whole |
| `thought` of an action, `think`, `finish`, a `message` of the agent | `rationale_note` with its text |
| `run` and its observation | `cmd_run` with folder, exit code, output and duration, or `test_run` |
| `edit`, `write` and the observation that confirms it | `file_edit` with the exact diff, and a note with the answer |
| any other action with its observation (`read`, `browse`, ...), refused edits, errors, `system` | `rationale_note` |
| `test_result.git_patch` | `commit` without sha, the patch as its diff |

These are the events of 0.x; those of 1.x are in `openhands_sdk`. A file of evaluations has a session a line. Times
without a zone are taken as UTC. Dropped, as they say nothing more: `recall` actions, and changes of the agent's state.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from clients.importers.content import Content, first_lines
from clients.importers.diffs import Change, compared, parsed
from clients.importers.formats import Imported, NotThisFormat
from clients.importers.loss import Loss
from clients.importers.openhands_sdk import Fold, first_message, is_event
from clients.importers.story import Story, exit_code
from clients.importers.tools import EDITORS, Answer, Call, tell
from clients.importers.traces import MAX_DESCRIPTION_CHARS, title_of, trace_of, written_us
from clients.recorded import Session
from schemas.api import CreateTrace

Event = dict[str, Any]

STILL_RUNS = -1  # the exit code of a command whose end was not waited for
SILENT = frozenset({"agent_state_changed", "change_agent_state", "null", "recall action"})
TOOLS = {"run": "execute_bash", "edit": "str_replace_editor", "write": "write"}
_UPLOADED = re.compile(r"<uploaded_files>\s*(/\S+)\s*</uploaded_files>")
_ISSUE = re.compile(r"<issue_description>\s*(\S[^\n]*)")


def detect(content: Content) -> bool:
    """Whether the file has events with an action or observation, alone or as the history of a line."""
    lines = first_lines(content)
    return any(_is_event(line) for line in lines[:5]) or any(_history(line) for line in lines[:5])


def read(content: Content) -> Iterator[Imported]:
    """A session for each line that has a history; one for a file of events. Raises NotThisFormat."""
    records = deepcopy([record for record in content.records if isinstance(record, dict)])
    if any(map(_history, records)):
        for record in records:
            if history := _history(record):
                loss = Loss()
                yield Imported(_convert(record, history, loss, content.name), loss)
    elif any(map(_is_event, records)):
        loss = Loss()
        yield Imported(_convert({"history": records}, records, loss, content.name), loss)
    else:
        raise NotThisFormat("it has no events of OpenHands")


def _is_event(record: Any) -> bool:
    named = isinstance(record, dict) and ("action" in record or "observation" in record)
    return (named and "source" in record and "id" in record and "schema_version" not in record) or is_event(record)


def _history(record: Event) -> list[Event]:
    """The events of a line; older evaluations have pairs of an action and its observation."""
    history = record.get("history")
    flat = [event for item in _list(history) for event in (item if isinstance(item, list) else [item])]
    return [event for event in flat if isinstance(event, dict)] if any(map(_is_event, flat)) else []


def _convert(record: Event, history: list[Event], loss: Loss, name: str) -> Session:
    loss.records = len(history)
    story = Story(loss, author="ai")
    task = _task(story, record, history)
    story.root = _root(task, history)
    fold = Fold(story) if any(map(is_event, history)) else _Fold(story)
    for event in history:
        fold.apply(event)
    fold.end()
    patch = loss.text(record, "test_result", "git_patch") or loss.text(record, "git_patch")
    if patch.strip():
        story.patch(patch, "Final patch of the session")
    if error := loss.text(record, "error"):
        story.told("error of the run", error)
    trace = story.settled(_trace(loss, record, history, task, name), patch)
    loss.rest(record, "")
    return Session(trace, (story.events,))


def _task(story: Story, record: Event, history: list[Event]) -> str:
    """The first message of the user, which is taken out; the instruction of the line where there is none."""
    if said := first_message(story.loss, history):
        if len(said) > MAX_DESCRIPTION_CHARS:
            story.told("user message", said)
        return said
    first = next((e for e in history if e.get("action") == "message" and e.get("source") == "user"), None)
    task = story.loss.text(first, "args", "content") if first else ""
    task = task or story.loss.text(first, "message") or story.loss.text(record, "instruction")
    if first is not None:
        story.at(*written_us(story.loss.take(first, "timestamp")))
        first["action"] = "task"
        if len(task) > MAX_DESCRIPTION_CHARS:
            story.told("user message", task)
    return task


def _root(task: str, history: Iterable[Event]) -> str:
    """Where the repository is in the sandbox."""
    if found := _UPLOADED.search(task):
        return found[1]
    folders = (_at(event, name, "metadata", "working_dir") for event in history for name in ("extras", "observation"))
    return next((folder for folder in folders if isinstance(folder, str) and folder.count("/") > 1), "")


@dataclass
class _Fold:
    """`open` are the actions not answered yet, by id, with what led to them and when they were taken."""

    story: Story
    open: dict[str, tuple[Event, list[str], int]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        """Add what an event becomes."""
        self.story.at(*written_us(self.story.loss.take(event, "timestamp")))
        if "observation" in event:
            self._observed(event)
        elif event.get("action") == "task":
            event.pop("action")
        elif "action" in event:
            self._acted(event)
        else:
            self.story.loss.dropped["event without action or observation"] += 1

    def end(self) -> None:
        """Actions that nothing answered."""
        for event, causes, _ in self.open.values():
            self._unanswered(event, causes)
        self.open.clear()

    def _unanswered(self, event: Event, causes: list[str]) -> None:
        name = str(self.story.loss.take(event, "action"))
        tell(self.story, Call(TOOLS.get(name, name), _arguments(event), causes), Answer())

    def _acted(self, event: Event) -> None:
        story, loss, action = self.story, self.story.loss, str(event["action"])
        thought = loss.text(event, "args", "thought")
        causes = story.note("text", thought) if thought.strip() else list(story.seen)
        if action in ("message", "system", "finish", "reject"):
            loss.take(event, "action")
            self._said(event, action, causes)
        elif action == "think":
            loss.take(event, "action")
            story.seen = causes
        elif action in SILENT or f"{action} action" in SILENT:
            loss.dropped[action] += 1
        else:
            if (before := self.open.pop(str(event.get("id")), None)) is not None:
                self._unanswered(before[0], before[1])
            self.open[str(event.get("id"))] = (event, causes, story.now_us)

    def _said(self, event: Event, action: str, causes: list[str]) -> None:
        story, loss = self.story, self.story.loss
        texts = [loss.text(event, "args", name) for name in ("content", "final_thought")]
        text = "\n\n".join(each for each in texts if each.strip()) or loss.text(event, "message")
        if action == "finish" or (action == "message" and loss.take(event, "source") == "agent"):
            story.seen = (story.note("text", text, causes) if text.strip() else []) or causes
        else:
            story.told("user message" if action == "message" else f"{action} message", text, causes)

    def _observed(self, event: Event) -> None:
        story, loss, name = self.story, self.story.loss, str(event["observation"])
        text, cause = loss.text(event, "content"), str(loss.take(event, "cause"))
        if name in SILENT:
            loss.dropped[name] += 1
            return
        loss.take(event, "observation")
        if cause not in self.open:
            story.told(name, text or loss.text(event, "message"))
            return
        action, causes, since_us = self.open.pop(cause)
        tool = str(loss.take(action, "action"))
        code = exit_code(loss.take(event, "extras", "metadata", "exit_code"))
        answer = Answer(
            text,
            exit_code=None if code == STILL_RUNS else code,
            duration_us=max(0, story.now_us - since_us),
            cwd=loss.text(event, "extras", "metadata", "working_dir"),
        )
        call = Call(TOOLS.get(tool, tool), _arguments(action), causes)
        made = _changes(story, event, call, answer) if tool in ("edit", "write") else None
        tell(story, call, answer, made)


def _arguments(action: Event) -> dict[str, Any]:
    """What the action was told, without what OpenHands adds for itself."""
    arguments = action.pop("args", None)
    given = arguments if isinstance(arguments, dict) else {}
    own = {"blocking", "is_static", "hidden", "confirmation_state", "impl_source", "cwd", "security_risk"}
    action["args"] = {name: given[name] for name in own & given.keys()}
    return {name: value for name, value in given.items() if name not in own and value not in (None, "", False)}


def _changes(story: Story, event: Event, call: Call, answer: Answer) -> list[Change] | None:
    """The edit as the observation has it: what its diff says, with the lines around it where they were shown."""
    if answer.refused:
        return None
    path = str(_at(event, "extras", "path") or call.arguments.get("path") or "unnamed")
    old, new = (_at(event, "extras", f"{each}_content") for each in ("old", "new"))
    diff = story.loss.text(event, "extras", "diff")
    if _at(event, "extras", "impl_source") == "llm_based_edit" and isinstance(new, str):
        created = not _at(event, "extras", "prev_exist") and not old
        return [Change(path, compared(str(old or ""), new), created)]
    made = EDITORS[call.name](call.arguments, story.sight, answer.text or "") if call.name in EDITORS else []
    if not diff:
        return made
    said = Change(path, parsed(diff), created="\n--- /dev/null" in f"\n{diff}")
    return made if made and _signed(made) == _signed([said]) and not made[0].how else [said]


def _signed(changes: list[Change]) -> Counter[str]:
    """The lines that are added and removed, however they are cut into hunks."""
    return Counter(line for change in changes for hunk in change.hunks for line in hunk.lines if line[0] != " ")


def _trace(loss: Loss, record: Event, history: list[Event], task: str, name: str) -> CreateTrace:
    instance = loss.take(record, "instance_id") or loss.take(record, "instance", "instance_id")
    model = loss.take(record, "metadata", "llm_config", "model")
    repo = loss.take(record, "instance", "repo")
    versions = (_at(event, "args", "openhands_version") for event in history)
    issue = _ISSUE.search(task)
    return trace_of(
        agent="openhands",
        model=str(model) if model else next(filter(None, map(_model, history)), None),
        task_id=str(instance or name.rpartition("/")[2].partition(".")[0] or "unnamed"),
        title=issue[1] if issue else title_of(task),
        description=task,
        origin=f"https://github.com/{repo}" if isinstance(repo, str) and repo.count("/") == 1 else str(repo or ""),
        start_commit=loss.take(record, "instance", "base_commit"),
        environment={
            "agent_version": next(filter(None, versions), None),
            "agent_class": loss.take(record, "metadata", "agent_class"),
            "started_at": loss.take(record, "metadata", "start_time"),
            "source_format": "openhands",
        },
    )


def _model(event: Event) -> str | None:
    found = _at(event, "tool_call_metadata", "model_response", "model")
    return found if isinstance(found, str) else None


def _at(document: Any, *path: str) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
