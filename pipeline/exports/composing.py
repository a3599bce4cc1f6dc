"""Several diffs that follow each other as one, without the files: what none of them shows is not needed.

Of each file the lines that some diff shows are known, with what became of them; the stretches between are gaps of so
many lines. A later hunk is found by its line number, and has to agree with what is known there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from pipeline.exports.view import NotExportable

GAP, KEPT, GONE, NEW = "gap", " ", "-", "+"
CONTEXT = 3
_NOWHERE = "/dev/null"
_NO_NEWLINE = "\\ No newline at end of file\n"
_UNFIT = "its edits do not fit onto each other"
_ENDLESS = 1 << 60


@dataclass(slots=True)
class _Entry:
    kind: str
    text: str = ""
    lines: int = 1  # of the file as it is now; of a gap before and now


@dataclass(slots=True)
class _File:
    """One file from the first diff about it to the last."""

    path: str
    created: bool
    deleted: bool = False
    entries: list[_Entry] = field(default_factory=list)

    def apply(self, change: Any) -> None:
        for hunk in change:
            before = hunk.target_start - (1 if hunk.target_length else 0)
            at = self._found(before)
            for kind, text in _lines(hunk):
                at = self._line(at, kind, text)

    def _found(self, before: int) -> int:
        """Index of the entry that so many lines of now are before; a gap in the way is parted."""
        for index, entry in enumerate(self.entries):
            if before <= 0:
                return index
            if entry.kind == GAP and entry.lines > before:
                rest = _Entry(GAP, lines=entry.lines - before)
                entry.lines = before
                self.entries.insert(index + 1, rest)
                return index + 1
            before -= 0 if entry.kind == GONE else entry.lines
        if before > 0:
            raise NotExportable(_UNFIT)
        return len(self.entries)

    def _line(self, at: int, kind: str, text: str) -> int:
        while at < len(self.entries) and self.entries[at].kind == GONE:
            at += 1
        if kind == NEW:
            self.entries.insert(at, _Entry(NEW, text))
            return at + 1
        entry = self.entries[at] if at < len(self.entries) else None
        if entry is not None and entry.kind == GAP:
            entry.lines -= 1
            self.entries[at : at + (entry.lines == 0)] = [_Entry(KEPT if kind == KEPT else GONE, text)]
        elif entry is None or entry.text != text:
            raise NotExportable(_UNFIT)
        elif kind == GONE and entry.kind == NEW:
            del self.entries[at]
            return at
        elif kind == GONE:
            entry.kind = GONE
        return at + 1

    def diff(self) -> str:
        hunks = "".join(_hunks(_settled(self.entries)))
        if not hunks or (self.created and self.deleted):
            return ""
        source = _NOWHERE if self.created else f"a/{self.path}"
        target = _NOWHERE if self.deleted else f"b/{self.path}"
        return f"--- {source}\n+++ {target}\n{hunks}"


def composed(diffs: Iterable[str]) -> str:
    """One diff that does what these do one after the other; files in the order of their first change.

    Raises NotExportable where one is no unified diff, has no hunks to go by (a renamed file, a binary one), or does not
    agree with those before it.
    """
    files: dict[str, _File] = {}
    for diff in diffs:
        try:
            changes = PatchSet(diff)
        except UnidiffParseError:
            raise NotExportable("its change is no unified diff") from None
        for change in changes:
            if change.is_rename or change.is_binary_file:
                raise NotExportable("it renames files, or changes binary ones, in several steps")
            created, path = change.source_file == _NOWHERE, change.path
            if path not in files:
                gap = [] if created else [_Entry(GAP, lines=_ENDLESS)]
                files[path] = _File(path, created, entries=gap)
            files[path].apply(change)
            files[path].deleted = change.target_file == _NOWHERE
    return "".join(file.diff() for file in files.values())


def _lines(hunk: Any) -> Iterator[tuple[str, str]]:
    """The lines of a hunk; that the last one has no newline is part of its text."""
    found: list[tuple[str, str]] = []
    for line in hunk:
        if line.line_type == "\\":
            kind, text = found.pop()
            found.append((kind, text + _NO_NEWLINE))
        else:
            found.append((line.line_type or KEPT, line.value if line.value.endswith("\n") else f"{line.value}\n"))
    return iter(found)


def _settled(entries: list[_Entry]) -> Iterator[_Entry]:
    """The same with what goes before what comes, and without what comes back as it was."""
    gone: list[_Entry] = []
    new: list[_Entry] = []
    for entry in [*entries, _Entry(GAP, lines=0)]:
        if entry.kind == GONE:
            gone.append(entry)
        elif entry.kind == NEW:
            new.append(entry)
        else:
            start = next((n for n, (a, b) in enumerate(zip(gone, new, strict=False)) if a.text != b.text), None)
            start = min(len(gone), len(new)) if start is None else start
            yield from (_Entry(KEPT, one.text) for one in gone[:start])
            yield from gone[start:]
            yield from new[start:]
            gone, new = [], []
            yield entry


def _hunks(entries: Iterable[_Entry]) -> Iterator[str]:
    before = now = 0
    run: list[_Entry] = []
    for entry in [*entries, _Entry(GAP, lines=0)]:
        if entry.kind != GAP:
            run.append(entry)
            continue
        yield _hunk(run, before, now)
        before += sum(one.kind != NEW for one in run) + entry.lines
        now += sum(one.kind != GONE for one in run) + entry.lines
        run = []


def _hunk(run: list[_Entry], before: int, now: int) -> str:
    changed = [index for index, entry in enumerate(run) if entry.kind != KEPT]
    if not changed:
        return ""
    first, last = max(0, changed[0] - CONTEXT), changed[-1] + CONTEXT + 1
    shown = run[first:last]
    olds, news = sum(one.kind != NEW for one in shown), sum(one.kind != GONE for one in shown)
    old, new = before + first + (1 if olds else 0), now + first + (1 if news else 0)
    return f"@@ -{old},{olds} +{new},{news} @@\n" + "".join(one.kind + one.text for one in shown)
