"""Lines that diffs add, remove and take back again. Works on any text; what is not a hunk is passed over."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
Change = tuple[str, str]
"""("+" or "-", the line without its sign)."""


def changes(diff: str) -> Iterator[Change]:
    """The added and removed lines of a unified diff; hunks are walked by their lengths, so `--- x` can be content."""
    old = new = 0
    for line in diff.split("\n"):
        if old <= 0 and new <= 0:
            if hunk := HUNK.match(line):
                old, new = (1 if length is None else int(length) for length in hunk.groups())
            continue
        sign = line[:1]
        old -= sign in ("-", " ", "")
        new -= sign in ("+", " ", "")
        if sign in ("+", "-"):
            yield sign, line[1:]


class Lines:
    """Counts over a trace's file edits in order."""

    def __init__(self) -> None:
        self.added = self.removed = self.reverted = 0
        self._outstanding: dict[str, tuple[Counter[str], Counter[str]]] = {}

    def take(self, path: str, diff: str) -> None:
        """Count one edit of one file."""
        lines: dict[str, Counter[str]] = {"+": Counter(), "-": Counter()}
        for sign, text in changes(diff):
            lines[sign][text] += 1
        self.added += lines["+"].total()
        self.removed += lines["-"].total()
        # A line that is removed and added by one edit moved: it neither undoes anything nor can be undone.
        net_added, net_removed = _lasting(lines["+"] - lines["-"]), _lasting(lines["-"] - lines["+"])
        was_added, was_removed = self._outstanding.setdefault(path, (Counter(), Counter()))
        undone, restored = was_added & net_removed, was_removed & net_added
        self.reverted += undone.total() + restored.total()
        was_added.subtract(undone)
        was_removed.subtract(restored)
        was_added.update(net_added - restored)
        was_removed.update(net_removed - undone)


def _lasting(lines: Counter[str]) -> Counter[str]:
    """Without blank lines, which are equal everywhere."""
    return Counter({text: count for text, count in lines.items() if text.strip()})


def paths(diff: str) -> Iterable[str]:
    """The files that a git diff changes, without the `a/` and `b/` of its headers."""
    found = re.findall(r"^diff --git a/(.+) b/(?:.+)$", diff, re.MULTILINE)
    return found or [path for path in re.findall(r"^\+\+\+ (?:b/)?(\S+)", diff, re.MULTILINE) if path != "/dev/null"]
