"""What the commands of SWE-agent's editors changed: those of its file window, and Anthropic's editor.

The windows that the agent was shown say which lines were there before. Only what the editor confirms is a change.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from clients.importers.diffs import Change, Hunk
from clients.importers.sight import Sight, numbered
from clients.importers.tools import EDITORS, FAILED

REPLACED_UNSEEN = "the lines that were replaced were never shown, so only what was put there is known"
_WINDOW = re.compile(r"^\[File: (?P<path>.+?)\r? \((?P<total>\d+) lines total\)\]", re.MULTILINE)
_DONE = re.compile(r"\A\s*(?:\[File: |File updated\b|Text replaced\b|Replaced \d+ occurrence|Inserted\b)")
_LINES = re.compile(r"\Aedit (\d+):(\d+)\n(.*?)\n?end_of_edit\s*\Z", re.DOTALL)
_CURSORS = re.compile(r"\Aedit\n(.*?)\n?end_of_edit\s*\Z", re.DOTALL)
_START, _END = "<<<<< START CURSOR >>>>>", "<<<<< END CURSOR >>>>>"
_MOVED = re.compile(r"(START|END)_CURSOR moved to (\d+)")
_ANTHROPIC = "str_replace_editor"


@dataclass
class Editor:
    """The windows so far: how long each file is, and where the cursors stand in the one that is open."""

    sight: Sight
    totals: dict[str, int] = field(default_factory=dict)
    cursors: tuple[int, int] | None = None

    def changes(self, action: str, answer: str, open_file: str, cwd: str) -> list[Change]:
        """What the action changed, going by its answer; empty where it is no edit, or was refused."""
        action, path = action.strip("\r\n"), _absolute(open_file, cwd)
        if action.startswith(f"{_ANTHROPIC} "):
            return self._anthropic(action, answer)
        found = self._made(action, answer, path, cwd) if _DONE.match(answer) else []
        if found:
            self.shown(answer, cwd)
        return found

    def shown(self, answer: str, cwd: str) -> None:
        """A window, where the answer has one, is what the file looks like now."""
        for moved in _MOVED.finditer(answer):
            start, end = self.cursors or (1, 1)
            self.cursors = (int(moved[2]), end) if moved[1] == "START" else (start, int(moved[2]))
        if not (window := _WINDOW.search(answer)):
            return
        path = _absolute(window["path"], cwd)
        self.totals[path] = int(window["total"])
        self.sight.see(path, numbered(answer[window.end() :]))
        self._marked(answer)

    def _marked(self, answer: str) -> None:
        if _START not in answer or _END not in answer:
            return
        between = numbered(answer.partition(_START)[2].partition(_END)[0])
        if between:
            self.cursors = min(between), max(between)

    def _made(self, action: str, answer: str, path: str, cwd: str) -> list[Change]:
        if found := _LINES.match(action):
            return [self._lines(path, int(found[1]), int(found[2]), found[3])]
        if (found := _CURSORS.match(action)) and self.cursors:
            return [self._lines(path, *self.cursors, found[1])]
        name, *words = _words(action)
        if name == "create" and words:
            return [self.sight.written(_absolute(words[0], cwd), "\n", new=True)]
        if name == "edit" and len(words) in (2, 3):
            return [self.sight.replaced(path, words[0], words[1], answer)]
        if name == "insert" and words:
            line = words[1] if len(words) > 1 else str(self.totals.get(path, ""))
            return [self.sight.inserted(path, int(line), words[0])] if line.isdecimal() else []
        return []

    def _lines(self, path: str, first: int, last: int, text: str) -> Change:
        if change := self.sight.lines_replaced(path, first, last, text):
            return change
        added = tuple(f"+{line}\n" for line in text.split("\n"))
        return Change(path, (Hunk(max(first - 1, 0), max(first - 1, 0), added),), how=REPLACED_UNSEEN)

    def _anthropic(self, action: str, answer: str) -> list[Change]:
        words = _words(action)
        arguments: dict[str, Any] = {
            "command": words[1] if len(words) > 1 else "",
            "path": words[2] if len(words) > 2 else "",
        }
        for option, value in pairwise(words[3:]):
            if option.startswith("--"):
                arguments[option[2:]] = value
        if str(arguments.get("insert_line", "")).isdecimal():
            arguments["insert_line"] = int(arguments["insert_line"])
        if arguments["command"] == "view":
            self.sight.see(str(arguments["path"]), numbered(answer))
        if FAILED.search(answer):
            return []
        return EDITORS[_ANTHROPIC](arguments, self.sight, answer)


def _words(action: str) -> list[str]:
    try:
        return shlex.split(action) or [""]
    except ValueError:
        return [""]


def _absolute(path: str, cwd: str) -> str:
    path = path.strip()
    return path if path.startswith("/") or not cwd else f"{cwd.rstrip('/')}/{path.removeprefix('./')}"
