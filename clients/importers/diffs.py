"""Unified diffs out of texts, out of parts of files, and out of other diffs; cut where one is too long for an event.

A diff that is cut becomes several: applied one after the other they do what the whole one did.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import orjson

CONTEXT = 3
# Half of what a chunk takes, so that a hunk that cannot be cut may be twice as long.
LONGEST_DIFF_BYTES = 100_000
# Above this what differs is told as removed and added whole.
MOST_COMPARED_LINES = 3_000
NO_END = "\\ No newline at end of file\n"
Code = tuple[bool, int, int, int, int]
"""Whether lines are equal, and which of both texts: from, to, from, to."""
UNPLACED = " where in the file is not known"
_SECTION = re.compile(r"^(?=diff --git )", re.MULTILINE)
_NAMES = re.compile(
    r"^--- (?:/dev/null|a/(?P<old>[^\t\n]*))[^\n]*\n\+\+\+ (?:/dev/null|b/(?P<new>[^\t\n]*))", re.MULTILINE
)
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class TooLong(ValueError):
    """A part that cannot be cut is longer than an event takes."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Signed lines with their line ends. `old` and `new`: how many lines of the file are before them, from 0."""

    old: int
    new: int
    lines: tuple[str, ...]

    def length(self, other: str) -> int:
        """How many of the lines are on one side; `other` is the sign of those on the other side only."""
        return sum(line[0] != other for line in self.lines)

    def text(self, unplaced: bool = False) -> str:
        """With its @@ line."""
        ranges = f"-{_range(self.old, self.length('+'))} +{_range(self.new, self.length('-'))}"
        return f"@@ {ranges} @@{UNPLACED if unplaced else ''}\n{''.join(self.lines)}"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one file. `how` is empty where it is exact; otherwise it says what of it is not the source's."""

    path: str
    hunks: tuple[Hunk, ...]
    created: bool = False
    how: str = ""

    def diffs(self, path: str) -> Iterator[str]:
        """Diffs of the file under the name `path`, in the order in which they apply. Raises TooLong."""
        portions = _portions(self.hunks, self.created) if self.hunks else [[]] if self.created else []
        for number, portion in enumerate(portions):
            old = "/dev/null" if self.created and number == 0 else f"a/{path.lstrip('/')}"
            body = "".join(hunk.text(unplaced=bool(self.how)) for hunk in portion)
            yield f"--- {old}\n+++ b/{path.lstrip('/')}\n{body}"


def compared(before: str, after: str, first: int = 1) -> tuple[Hunk, ...]:
    """What differs between two texts that begin at line `first` of their file, with three lines around it."""
    old, new = _lines(before), _lines(after)
    if old == new:
        return ()
    return tuple(_hunk(old, new, group, first - 1) for group in _grouped(_codes(old, new)))


def changed(diff: str) -> dict[str, Counter[str]]:
    """By file how often each line is added, less how often it is removed, without carriage returns; none that is 0."""
    found: dict[str, Counter[str]] = {}
    for section in _SECTION.split(diff):
        named = _NAMES.search(section)
        path = (named["new"] or named["old"]) if named else ""
        lines = found.setdefault(path.strip(), Counter())
        for line in (line for hunk in parsed(section) for line in hunk.lines if line[0] != " "):
            text = line[1:].partition("\n")[0].rstrip("\r")
            lines[text] += 1 if line[0] == "+" else -1
    return {
        path: Counter({text: n for text, n in lines.items() if n})
        for path, lines in found.items()
        if any(lines.values())
    }


def parsed(diff: str) -> tuple[Hunk, ...]:
    """The hunks of a unified diff of one file; whatever is between them is passed over."""
    found: list[tuple[int, int, list[str]]] = []
    old = new = 0
    for line in diff.split("\n"):
        if old > 0 or new > 0:
            sign = line[:1] or " "
            if sign in "+- ":
                found[-1][2].append(f"{sign}{line[1:]}\n")
                old, new = old - (sign != "+"), new - (sign != "-")
                continue
        if line.startswith("\\") and found and found[-1][2]:
            found[-1][2][-1] += NO_END
        elif hunk := _HUNK.match(line):
            starts, (old, new) = (int(hunk[1]), int(hunk[3])), (int(hunk[2] or 1), int(hunk[4] or 1))
            found.append((starts[0] - (old > 0), starts[1] - (new > 0), []))
    return tuple(Hunk(max(at, 0), max(to, 0), tuple(lines)) for at, to, lines in found if lines)


def _lines(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))


def _codes(old: list[str], new: list[str]) -> Iterator[Code]:
    """Which lines are equal and which not; what both begin and end with is not compared any further."""
    top = _common(old, new)
    bottom = _common(old[top:][::-1], new[top:][::-1])
    ends = len(old) - bottom, len(new) - bottom
    yield True, 0, top, 0, top
    if max(ends) - top > MOST_COMPARED_LINES:
        yield False, top, ends[0], top, ends[1]
    else:
        matcher = SequenceMatcher(None, old[top : ends[0]], new[top : ends[1]])
        for kind, i1, i2, j1, j2 in matcher.get_opcodes():
            yield kind == "equal", top + i1, top + i2, top + j1, top + j2
    yield True, ends[0], len(old), ends[1], len(new)


def _grouped(codes: Iterable[Code]) -> Iterator[list[Code]]:
    """What differs with up to three equal lines around it; together where no more than six are between."""
    group: list[Code] = []
    for same, i1, i2, j1, j2 in codes:
        if not same:
            group.append((same, i1, i2, j1, j2))
            continue
        if any(not code[0] for code in group) and i2 - i1 > 2 * CONTEXT:
            yield [*group, (True, i1, i1 + CONTEXT, j1, j1 + CONTEXT)]
            group = []
        whole = any(not code[0] for code in group)
        start = i1 if whole else max(i1, i2 - CONTEXT)
        group.append((True, start, i2, j2 - (i2 - start), j2))
    if any(not code[0] for code in group):
        _, i1, i2, j1, j2 = group.pop()
        yield [*group, (True, i1, min(i2, i1 + CONTEXT), j1, min(j2, j1 + CONTEXT))]


def _hunk(old: list[str], new: list[str], group: list[Code], before: int) -> Hunk:
    lines: list[str] = []
    for same, i1, i2, j1, j2 in group:
        if same:
            lines += [" " + line for line in old[i1:i2]]
        else:
            lines += ["-" + line for line in old[i1:i2]] + ["+" + line for line in new[j1:j2]]
    ended = tuple(line if line.endswith("\n") else f"{line}\n{NO_END}" for line in lines)
    return Hunk(before + group[0][1], before + group[0][3], ended)


def _range(before: int, length: int) -> str:
    return f"{before + 1 if length else before},{length}"


def _portions(hunks: Sequence[Hunk], created: bool) -> Iterator[list[Hunk]]:
    """Hunks stay whole: git wants the lines around them. One that comes after others stands where these have put it."""
    portion: list[Hunk] = []
    filled = done = 0
    for hunk in _appended(hunks[0]) if created else hunks:
        size = _size(hunk.lines)
        if size > 2 * LONGEST_DIFF_BYTES:
            raise TooLong
        if portion and filled + size > LONGEST_DIFF_BYTES:
            yield portion
            last = portion[-1]
            done = last.new + last.length("-") - last.old - last.length("+") + (0 if created else done)
            portion, filled = [], 0
        portion.append(Hunk(hunk.old + (0 if created else done), hunk.new, hunk.lines))
        filled += size
    if portion:
        yield portion


def _appended(hunk: Hunk) -> Iterator[Hunk]:
    """A new file's lines as its first ones, and those that are appended to them."""
    start = filled = 0
    for number, line in enumerate(hunk.lines):
        size = _size((line,))
        if start < number and filled + size > LONGEST_DIFF_BYTES:
            yield _appending(hunk, start, number)
            start, filled = number, 0
        filled += size
    yield _appending(hunk, start, len(hunk.lines))


def _appending(hunk: Hunk, start: int, end: int) -> Hunk:
    top = max(start - CONTEXT, 0)
    around = tuple(f" {line[1:]}" for line in hunk.lines[top:start])
    return Hunk(top, top, around + hunk.lines[start:end])


def _size(lines: Sequence[str]) -> int:
    return len(orjson.dumps("".join(lines)))
