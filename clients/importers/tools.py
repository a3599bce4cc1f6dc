"""Calls of tools, which many agents have under similar names, as events: shells, editors, thinking; any other is told.

What an editor did is believed only where its answer says that it did it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from clients.importers.diffs import Change
from clients.importers.sight import Sight, numbered
from clients.importers.story import Story

Arguments = Mapping[str, Any]

FAILED = re.compile(
    r"\A\s*(?:ERROR\b|Error\b|<tool_use_error>|No replacement was performed|Invalid |InputValidationError)"
    r"|No replacement was performed|did not appear verbatim|Multiple occurrences of old_str"
)
SHELLS = frozenset(
    {"bash", "bash_command", "exec", "exec_command", "execute_bash", "execute_command", "local_shell", "run_command"}
    | {"local_shell_call", "run_in_terminal", "run_shell_command", "run_terminal_cmd", "shell", "terminal"}
)
SHELL_ARGUMENTS = ("command", "cmd", "keystrokes", "script")
THOUGHTS = {"think": "thought", "task_plan": "plan"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `text` None: nothing did. `failed` None: the source does not say."""

    text: str | None = None
    failed: bool | None = None
    exit_code: int | None = None
    duration_us: int | None = None
    cwd: str | None = None

    @property
    def refused(self) -> bool:
        """Whether the tool did not do what it was told."""
        return self.text is None or (FAILED.search(self.text) is not None if self.failed is None else self.failed)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool's name and arguments; `causes` are the events that led to it."""

    name: str
    arguments: Any
    causes: list[str] = field(default_factory=list)


def tell(story: Story, call: Call, answer: Answer, changes: Iterable[Change] | None = None) -> None:
    """Add what a call and its answer become. `changes`: what the source says was edited, where it does."""
    name, arguments = _plain(call.name), call.arguments if isinstance(call.arguments, Mapping) else {}
    if name in SHELLS and (command := _command(arguments)) is not None:
        result = {"output": answer.text, "exit_code": answer.exit_code, "duration_us": answer.duration_us}
        _rest_of(story, call, arguments, SHELL_ARGUMENTS)
        story.command(command, call.causes, cwd=answer.cwd, **result)
        return
    if name in THOUGHTS and isinstance(thought := arguments.get(THOUGHTS[name]), str):
        story.seen = story.note("text", thought, call.causes)
        _answered(story, call.name, answer)
        return
    if not answer.refused:
        made = EDITORS[name](arguments, story.sight, answer.text or "") if name in EDITORS and changes is None else None
        found = list(changes if changes is not None else made or ())
        for number, change in enumerate(found):
            story.edit(change, call.causes if number == 0 else None)
        if found:
            _answered(story, call.name, answer)
            return
        _viewed(story.sight, arguments, answer.text or "")
    shown = f"{_written(call.arguments)}\n[answer]\n{answer.text}" if answer.text else _written(call.arguments)
    story.told(f"tool call {call.name}", shown, call.causes)


def _command(arguments: Arguments) -> str | None:
    given = next((arguments[name] for name in SHELL_ARGUMENTS if arguments.get(name) is not None), None)
    if isinstance(given, list) and all(isinstance(word, str) for word in given):
        # Agents that start programs themselves write the shell out: what it is told is the command.
        shell = len(given) == 3 and given[0].rpartition("/")[2] in {"bash", "sh", "zsh"} and given[1] in {"-c", "-lc"}
        return str(given[2]) if shell else shlex.join(given)
    return given if isinstance(given, str) else None


def _rest_of(story: Story, call: Call, arguments: Arguments, used: Iterable[str]) -> None:
    """Arguments of a shell that no event has a field for (descriptions, time limits)."""
    story.loss.rest({name: value for name, value in arguments.items() if name not in used}, f"{_plain(call.name)}()")


def _answered(story: Story, name: str, answer: Answer) -> None:
    """What a tool said to what has an event of its own, which has no field for it."""
    if answer.text and answer.text.strip():
        story.note("observation", f"[{name} answered]\n{answer.text}")


def _viewed(sight: Sight, arguments: Arguments, shown: str) -> None:
    path = next((p for name in ("path", "file_path", "filePath") if isinstance(p := arguments.get(name), str)), None)
    if path and (lines := numbered(shown)):
        sight.see(path, lines)


def _written(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else orjson.dumps(_storable(arguments)).decode()


def _storable(value: Any) -> Any:
    """As orjson takes it: the source may have lone surrogates and integers of any size."""
    if isinstance(value, Mapping):
        return {str(_storable(str(name))): _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    return str(value) if type(value) is int and abs(value) >= 2**63 else value


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _str_replace_editor(arguments: Arguments, sight: Sight, shown: str) -> list[Change]:
    """Anthropic's editor, also in SWE-agent and OpenHands: one tool whose first argument says what it does."""
    path, what = _text(arguments, "path"), _text(arguments, "command")
    old, new, text = (_text(arguments, name) for name in ("old_str", "new_str", "file_text"))
    line = arguments.get("insert_line")
    if what == "create":
        return [sight.written(path, text, new=True)]
    if what == "str_replace" and old:
        return [sight.replaced(path, old, new, shown)]
    if what == "insert" and type(line) is int and line >= 0:
        return [sight.inserted(path, line, new, shown)]
    return []


def _edit(arguments: Arguments, sight: Sight, shown: str) -> list[Change]:
    path = _text(arguments, "file_path") or _text(arguments, "path")
    old, new = (_text(arguments, f"{each}_string") or _text(arguments, f"{each}_str") for each in ("old", "new"))
    if not path or old == new:
        return []
    return [sight.replaced(path, old, new, shown) if old else sight.written(path, new, new=True)]


def _multi_edit(arguments: Arguments, sight: Sight, _: str) -> list[Change]:
    edits, path = arguments.get("edits"), _text(arguments, "file_path")
    every = edits if isinstance(edits, list) else []
    return [c for each in every if isinstance(each, Mapping) for c in _edit({"file_path": path, **each}, sight, "")]


def _write(arguments: Arguments, sight: Sight, shown: str) -> list[Change]:
    path = _text(arguments, "file_path") or _text(arguments, "path")
    text = _text(arguments, "content") or _text(arguments, "file_text")
    return [sight.written(path, text, new="creat" in shown.lower())] if path else []


def _text(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    return value if isinstance(value, str) else ""


EDITORS: dict[str, Callable[[Arguments, Sight, str], list[Change]]] = {
    "str_replace_editor": _str_replace_editor,
    "str_replace_based_edit_tool": _str_replace_editor,
    "edit": _edit,
    "edit_file": _edit,
    "replace": _edit,
    "multiedit": _multi_edit,
    "multi_edit": _multi_edit,
    "write": _write,
    "write_file": _write,
    "create_file": _write,
}
