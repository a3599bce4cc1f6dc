"""Which lines of which files a session has been shown: enough to tell where in a file an edit took place.

Nothing is read from a disk. What a command may have changed is forgotten.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from clients.importers.diffs import Change, compared

SNIPPET = "only the text before and after is known, not its place in the file"
WHOLE = "the whole text afterwards is known, not what was there before"
AROUND = 40  # lines of a known stretch that are looked at on each side of an edit
_NUMBERED = re.compile(r"^\s*(\d+)(?:\t|:|→)(.*?)\r?$", re.MULTILINE)
_CHANGES_FILES = re.compile(
    r"\bgit\s+(?:checkout|stash|reset|apply|restore|revert|pull|merge|rebase|switch)\b|\bpatch\b"
)


def numbered(shown: str) -> dict[int, str]:
    """The lines that a tool showed with their numbers in front (`12:`, `12<tab>`)."""
    return {int(number): text for number, text in _NUMBERED.findall(shown)}


@dataclass
class Sight:
    """Lines by file and number, from 1."""

    files: dict[str, dict[int, str]] = field(default_factory=dict)

    def see(self, path: str, lines: Mapping[int, str]) -> None:
        """These lines were shown; they count from now on."""
        self.files.setdefault(path, {}).update(lines)

    def forget(self, command: str) -> None:
        """A command ran: files that it names, or all where it is of those that change many, may be others now."""
        if _CHANGES_FILES.search(command):
            self.files.clear()
        for path in [path for path in self.files if path.rpartition("/")[2] in command]:
            del self.files[path]

    def lines_replaced(self, path: str, first: int, last: int, text: str) -> Change | None:
        """Lines `first` to `last` became `text`; None where they were never shown."""
        known = self.files.get(path, {})
        if not all(number in known for number in range(first, last + 1)):
            return None
        top, bottom = self._stretch(path, first, last)
        before = "".join(f"{known[number]}\n" for number in range(top, bottom + 1))
        new = text if not text or text.endswith("\n") else f"{text}\n"
        after = (
            "".join(f"{known[number]}\n" for number in range(top, first))
            + new
            + "".join(f"{known[number]}\n" for number in range(last + 1, bottom + 1))
        )
        self._shift(path, first, last, new.split("\n")[:-1])
        return Change(path, compared(before, after, top))

    def replaced(self, path: str, old: str, new: str, shown: str = "") -> Change:
        """`old` became `new`; `shown`: the lines around it afterwards. Exact where its place is known by either."""
        after = numbered(shown)
        if after and new.strip() and (change := _undone(path, after, old, new)):
            self.files.pop(path, None)
            self.see(path, after)
            return change
        if change := self._found(path, old, new):
            return change
        self.files.pop(path, None)
        self.see(path, after)
        return Change(path, compared(_ended(old), _ended(new)), how=SNIPPET)

    def inserted(self, path: str, after_line: int, text: str, shown: str = "") -> Change:
        """`text` was put after a line, 0 for the top. Always exact: its place is known."""
        after, new = numbered(shown), _ended(text)
        moved = new.count("\n")
        known = dict(self.files.get(path, {}))
        known |= {number: line for number, line in after.items() if number <= after_line}
        known |= {number - moved: line for number, line in after.items() if number > after_line + moved}
        top, bottom = after_line + 1, after_line
        while top - 1 in known and after_line - top < AROUND:
            top -= 1
        while bottom + 1 in known and bottom - after_line < AROUND:
            bottom += 1
        above = "".join(f"{known[number]}\n" for number in range(top, after_line + 1))
        below = "".join(f"{known[number]}\n" for number in range(after_line + 1, bottom + 1))
        self.files.pop(path, None)
        self.see(path, after)
        return Change(path, compared(above + below, above + new + below, top))

    def written(self, path: str, text: str, new: bool) -> Change:
        """The file has this text now; `new`: it was not there before."""
        *lines, last = text.split("\n")
        self.files[path] = dict(enumerate([*lines, last] if last else lines, 1))
        return Change(path, compared("", text), created=True, how="" if new else WHOLE)

    def _found(self, path: str, old: str, new: str) -> Change | None:
        """The one place among the lines that were shown which holds `old`."""
        known = self.files.get(path, {})
        runs = _runs(known)
        texts = ["".join(f"{known[number]}\n" for number in run) for run in runs]
        if not old or sum(text.count(old) for text in texts) != 1:
            return None
        run, text = next((run, text) for run, text in zip(runs, texts, strict=True) if old in text)
        first = run[0] + text[: text.index(old)].count("\n")
        last = min(first + old.rstrip("\n").count("\n"), run[-1])
        part = "".join(f"{known[number]}\n" for number in range(first, last + 1))
        return self.lines_replaced(path, first, last, part.replace(old, new, 1))

    def _stretch(self, path: str, first: int, last: int) -> tuple[int, int]:
        known = self.files[path]
        top, bottom = first, last
        while top - 1 in known and first - top < AROUND:
            top -= 1
        while bottom + 1 in known and bottom - last < AROUND:
            bottom += 1
        return top, bottom

    def _shift(self, path: str, first: int, last: int, new: list[str]) -> None:
        """Lines below an edit have other numbers now."""
        known = self.files[path]
        moved = len(new) - (last - first + 1)
        above = {number: line for number, line in known.items() if number < first}
        below = {number + moved: line for number, line in known.items() if number > last}
        self.files[path] = above | dict(enumerate(new, first)) | below


def _undone(path: str, after: dict[int, str], old: str, new: str) -> Change | None:
    """What a tool showed after an edit, with `new` taken back where it is there just once, is what was before it."""
    runs = _runs(after)
    if len(runs) != 1:
        return None
    text = "".join(f"{after[number]}\n" for number in runs[0])
    if text.count(new) != 1:
        return None
    return Change(path, compared(text.replace(new, old, 1), text, runs[0][0]))


def _runs(lines: Mapping[int, str]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in sorted(lines):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
