"""Unified diffs read as far as the features need them: which lines are added to and removed from which file. Pure.

Hunk headers are believed about their lengths, so a removed line that looks like a header is still a removed line.
Anything outside a hunk (mode changes, binary notes) is passed over.
"""

import re
from dataclasses import dataclass, field

NOWHERE = "/dev/null"
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass(slots=True)
class FileChange:
    """The lines a diff adds to and removes from one file, in order, without their markers."""

    path: str
    is_new: bool = False
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def changes(diff: str) -> list[FileChange]:
    """The changes of a diff, one for each of its file headers."""
    found: list[FileChange] = []
    old, old_left, new_left = "", 0, 0
    for line in diff.split("\n"):
        if old_left > 0 or new_left > 0:
            kind = line[:1]
            if kind == "+":
                found[-1].added.append(line[1:])
            elif kind == "-":
                found[-1].removed.append(line[1:])
            old_left -= kind not in {"+", "\\"}
            new_left -= kind not in {"-", "\\"}
        elif line.startswith("--- "):
            old = _name(line)
        elif line.startswith("+++ "):
            new = _name(line)
            found.append(FileChange(old if new == NOWHERE else new, is_new=old == NOWHERE))
        elif found and (hunk := _HUNK.match(line)):
            old_left, new_left = (int(count or 1) for count in hunk.groups())
    return found


def _name(header: str) -> str:
    name = header[4:].split("\t")[0].rstrip()
    return name[2:] if name.startswith(("a/", "b/")) else name
