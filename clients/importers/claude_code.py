"""Session files of Claude Code (`~/.claude/projects/*/*.jsonl`) as sessions.

| record | becomes |
|---|---|
| the first prompt of the user | `task_description`, whole |
| `thinking` and `text` of the assistant | `rationale_note` with its text |
| `Bash` and its result | `cmd_run` with folder, output, exit code, or `test_run` |
| `Edit`, `MultiEdit`, `Write` with the result that confirms them | `file_edit`, and a note with the result |
| any other tool and its result, refused edits | `rationale_note` with arguments and result |
| later prompts, `system`, summaries after a compaction | `rationale_note` with what was said as observation |
| `summary`, `ai-title`, `custom-title` | the task's title |

Causes are `parentUuid` and `tool_use_id`. Records of subagents are told in their place, headed so. Of the other kinds
(snapshots of files, queues, progress, attachments) nothing is kept; they are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from clients.importers.content import Content, first_lines
from clients.importers.diffs import Change, Hunk, compared
from clients.importers.formats import Imported, NotThisFormat
from clients.importers.loss import Loss
from clients.importers.story import Story
from clients.importers.tools import Answer, Call, tell
from clients.importers.traces import MAX_DESCRIPTION_CHARS, title_of, trace_of, written_us
from clients.recorded import Session
from schemas.api import CreateTrace

Record = dict[str, Any]

SPOKEN = frozenset({"user", "assistant", "system"})
TITLES = {"custom-title": "customTitle", "ai-title": "aiTitle", "summary": "summary"}
LABELS = {"session": "sessionId", "agent_version": "version", "branch": "gitBranch", "cwd": "cwd"}
EDITORS = frozenset({"Edit", "MultiEdit", "Write"})
REPORTED = "what the tool shows of its edit: it may have spaces where the file has tabs"
NO_ERROR = "0 where the tool reported no error, as it reports every other exit code"
ASKED = "from the call to its result, in which a person may have been asked for permission"
UNKNOWN_END = ("interrupted", "backgroundTaskId", "returnCodeInterpretation")
_EXIT = re.compile(r"\A(?:Error: )?Exit code (\d{1,3})\b")
_KNOWN = ("uuid", "parentUuid", "type")


def detect(content: Content) -> bool:
    """Whether among the first lines there is one of a session."""
    lines = first_lines(content)
    return any(str(line.get("type")) in SPOKEN and "sessionId" in line for line in lines) or any(
        line.get("type") == "summary" and "leafUuid" in line for line in lines
    )


def read(content: Content) -> Iterator[Imported]:
    """The one session of the file. Raises NotThisFormat."""
    records = deepcopy([record for record in content.records if isinstance(record, dict)])
    if not any(str(record.get("type")) in SPOKEN for record in records):
        raise NotThisFormat("it has no messages of Claude Code")
    loss = Loss(records=len(records))
    yield Imported(_convert(records, loss, content.name), loss)


def _convert(records: list[Record], loss: Loss, name: str) -> Session:
    story = Story(loss, author="ai")
    fold = _Fold(story)
    about = _About(name)
    for record in records:
        story.cwd = str(record.get("cwd") or story.cwd)
        story.root = story.root or story.cwd
        about.look(loss, record)
        fold.apply(record)
    fold.end()
    for record in records:
        loss.rest(record, "[]")
    return Session(about.trace(fold.task or ""), (story.events,))


@dataclass
class _About:
    """What the records say of the session as a whole."""

    name: str
    title: str = ""
    labels: dict[str, Any] = field(default_factory=dict)

    def look(self, loss: Loss, record: Record) -> None:
        """Take what is the same in every record."""
        for label, name in LABELS.items():
            if record.get(name) and self.labels.setdefault(label, record[name]) == record[name]:
                loss.take(record, name)
        message = record.get("message")
        model = message.get("model") if isinstance(message, dict) else None
        if isinstance(model, str) and not model.startswith("<") and self.labels.setdefault("model", model) == model:
            loss.take(message, "model")
        if title := TITLES.get(str(record.get("type"))):
            self.title = loss.text(record, title) or self.title

    def trace(self, task: str) -> CreateTrace:
        """The create body."""
        labels = dict(self.labels)
        model, session = labels.pop("model", None), str(labels.pop("session", ""))
        return trace_of(
            agent="claude-code",
            model=str(model) if model else None,
            task_id=session or self.name.rpartition("/")[2].partition(".")[0] or "unnamed",
            title=self.title or title_of(task),
            description=task,
            environment={**labels, "source_format": "claude-code"},
        )


@dataclass
class _Fold:
    """`open` are the tool calls without a result, by id, with when they were made; `by_uuid` what became of records."""

    story: Story
    task: str | None = None
    open: dict[str, tuple[Call, int]] = field(default_factory=dict)
    by_uuid: dict[str, list[str]] = field(default_factory=dict)

    def apply(self, record: Record) -> None:
        """Add what a record becomes."""
        story, kind = self.story, str(record.get("type"))
        time, parent = written_us(record.get("timestamp")), str(record.get("parentUuid"))
        if kind not in SPOKEN:
            if kind not in TITLES:
                story.loss.dropped[f"{kind[:64]} record"] += 1
            self.by_uuid[str(record.get("uuid"))] = self.by_uuid.get(parent, [])
            return
        story.loss.take(record, "timestamp")
        story.at(*time)
        story.seen = self.by_uuid.get(parent, story.seen)
        if kind == "system":
            subtype = story.loss.text(record, "subtype")
            story.told(f"system: {subtype}" if subtype else "system", story.loss.text(record, "content"))
        else:
            self._message(record, kind)
        self.by_uuid[str(record.get("uuid"))] = list(story.seen)
        for name in _KNOWN:
            story.loss.take(record, name)

    def end(self) -> None:
        """Calls that nothing answered."""
        for call, _ in self.open.values():
            tell(self.story, call, Answer())
        self.open.clear()

    def _message(self, record: Record, kind: str) -> None:
        loss, message = self.story.loss, record.get("message")
        if not isinstance(message, dict):
            loss.dropped[f"{kind} record without a message"] += 1
            return
        loss.take(message, "role")
        side = "subagent " if loss.take(record, "isSidechain") else ""
        content = message.get("content")
        if isinstance(content, str):
            self._said(record, kind, loss.text(message, "content"), side)
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict):
                self._block(record, kind, block, side)

    def _block(self, record: Record, kind: str, block: Record, side: str) -> None:
        story, loss, what = self.story, self.story.loss, str(block.get("type"))
        if what in ("text", "thinking"):
            loss.take(block, "type")
            self._said(record, kind, loss.text(block, what), side)
        elif what in ("tool_use", "server_tool_use", "mcp_tool_use"):
            loss.take(block, "type")
            call_id = str(loss.take(block, "id"))
            call = Call(str(loss.take(block, "name")), loss.take(block, "input"), list(story.seen))
            if call_id in self.open:
                tell(story, self.open.pop(call_id)[0], Answer())
            self.open[call_id] = (call, story.now_us)
        elif what == "tool_result":
            loss.take(block, "type")
            self._result(record, block)
        else:
            loss.dropped[f"{what[:64]} block"] += 1

    def _said(self, record: Record, kind: str, text: str, side: str) -> None:
        story = self.story
        if not text.strip():
            return
        if kind == "assistant":
            story.seen = story.note("text", f"[{side}assistant]\n{text}" if side else text)
            return
        meta = story.loss.take(record, "isMeta") or story.loss.take(record, "isCompactSummary")
        if self.task is None and not meta and not side:
            self.task = text
            if len(text) <= MAX_DESCRIPTION_CHARS:
                return
        story.told(f"{side}{'context' if meta else 'user message'}", text)

    def _result(self, record: Record, block: Record) -> None:
        story, loss = self.story, self.story.loss
        call_id, failed = str(loss.take(block, "tool_use_id")), loss.take(block, "is_error") is True
        text = _text(loss, block)
        if call_id not in self.open:
            story.told("tool result", text)
            return
        call, since_us = self.open.pop(call_id)
        told = record.get("toolUseResult")
        details = told if isinstance(told, dict) else {}
        if isinstance(told, str):
            loss.keeps(text)
            loss.keeps(f"Error: {text}")
        took_us = max(0, story.now_us - since_us)
        if call.name == "Bash":
            answer = self._ran(text, failed, details, took_us)
            loss.estimated["duration_us", ASKED] += 1
            tell(story, call, answer)
            return
        changes = _changes(loss, call, details) if call.name in EDITORS and not failed else None
        if details.get("userModified") is True:
            story.author = None
        tell(story, call, Answer(text, failed), changes)
        story.author = "ai"

    def _ran(self, text: str, failed: bool, details: Record, took_us: int) -> Answer:
        loss, code = self.story.loss, _EXIT.match(text)
        streams = [loss.text(details, name) for name in ("stdout", "stderr")]
        whole = "\n".join(stream for stream in streams if stream)
        known = None if not code else int(code[1])
        waited = not (
            details.get("interrupted") or details.get("backgroundTaskId") or details.get("returnCodeInterpretation")
        )
        if known is None and not failed and waited:
            known = 0
            loss.estimated["exit_code", NO_ERROR] += 1
        if not whole or text.strip() == whole.strip():
            return Answer(text, failed, known, took_us)
        # What the model was shown may be cut, or say more than the streams: then both are kept.
        shown = "" if text.strip() in whole else f"\n[shown]\n{text}"
        return Answer(f"{whole}{shown}", failed, known, took_us)


def _text(loss: Loss, block: Record) -> str:
    content = block.get("content")
    if isinstance(content, str):
        return loss.text(block, "content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "\n".join(loss.text(part, "text") for part in parts if part.get("type") == "text")


def _changes(loss: Loss, call: Call, details: Record) -> list[Change] | None:
    """What the result says of the edit: the file before it, or else the hunks that were shown; None where neither."""
    path, before = details.get("filePath"), details.get("originalFile")
    arguments: Mapping[str, Any] = call.arguments if isinstance(call.arguments, dict) else {}
    if not isinstance(path, str):
        return None
    after = details.get("content") if call.name == "Write" else _edited(before, arguments)
    if isinstance(after, str) and (isinstance(before, str) or details.get("type") == "create"):
        created = not isinstance(before, str)
        _taken(loss, details)
        return [Change(path, compared("" if created else str(before), after), created)]
    hunks = tuple(_hunks(details.get("structuredPatch")))
    if hunks:
        _taken(loss, details)
        return [Change(path, hunks, how=REPORTED if any("\t" in str(v) for v in arguments.values()) else "")]
    return None


def _taken(loss: Loss, details: Record) -> None:
    """The diff holds what these say, as far as it changed."""
    for name in ("filePath", "structuredPatch", "oldString", "newString", "content", "type", "replaceAll", "edits"):
        loss.take(details, name)


def _edited(before: Any, arguments: Mapping[str, Any]) -> str | None:
    """The file after the edits of a call; None where they do not fit what was there before."""
    if not isinstance(before, str):
        return None
    edits = arguments.get("edits") if isinstance(arguments.get("edits"), list) else [arguments]
    text = before
    for edit in edits if isinstance(edits, list) else ():
        old, new = (edit.get(f"{each}_string") for each in ("old", "new")) if isinstance(edit, dict) else (None, None)
        if not isinstance(old, str) or not isinstance(new, str) or (old and old not in text):
            return None
        text = text.replace(old, new, -1 if edit.get("replace_all") is True else 1) if old else new
    return text


def _hunks(patch: Any) -> Iterator[Hunk]:
    for hunk in patch if isinstance(patch, list) else ():
        lines = hunk.get("lines") if isinstance(hunk, dict) else None
        starts = [_start(hunk.get(name)) for name in ("oldStart", "newStart")] if isinstance(hunk, dict) else []
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            continue
        signed: list[str] = []
        for line in lines:
            if line.startswith("\\") and signed:
                signed[-1] += f"{line}\n"
            elif line[:1] in ("+", "-", " "):
                signed.append(f"{line}\n")
        if signed:
            yield Hunk(starts[0], starts[1], tuple(signed))


def _start(line: Any) -> int:
    """How many lines are before a line of this number."""
    return max(line - 1, 0) if type(line) is int and line < 2**31 else 0
