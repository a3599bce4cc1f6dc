"""What the diffs of a trace say about care: churn, weakened tests, things left lying about, commit messages. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from judge.commands import is_test_path
from judge.diffs import FileChange, changes

Event = Mapping[str, Any]
Diff = tuple[Event, list[FileChange]]

_SKIPS = re.compile(
    r"@(?:pytest\.mark|unittest)\.(?:skip|xfail|expectedFailure)|\bpytest\.(?:skip|xfail)\(|\bself\.skipTest\("
)
_ASSERTS = re.compile(r"\s*(?:assert\b|self\.assert\w+\(|with pytest\.raises\b)")
_DEBUG_CODE = re.compile(
    r"\s*(?:breakpoint\(\)|import i?pdb\b|i?pdb\.set_trace\(|console\.log\(|debugger\b|print\([fr]?['\"]\W*debug)",
    re.IGNORECASE,
)
_DEBUG_FILES = re.compile(r"\.(?:bak|backup|orig|rej|swp|pyc)$|(?:^|/)(?:repro|debug|scratch)[^/]*$", re.IGNORECASE)
_SAYS_NOTHING = re.compile(
    r"\W*(?:fix(?:ed|es)?|wip|updates?|changes?|stuff|tmp|test|final|done|asdf)?\W*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Churn:
    """Lines that edits added, how many of those a later edit took out again, and the seqs of those later edits."""

    added: int
    taken_back: int
    seqs: tuple[int, ...]


def read_diffs(events: Iterable[Event]) -> list[Diff]:
    """The events that carry a diff, each with its changes."""
    return [(event, changes(diff)) for event in events if (diff := event.get("diff_unified"))]


def churn(diffs: Iterable[Diff]) -> Churn:
    """How much of the session's own typing was undone, file by file; blank lines do not count."""
    own: dict[str, Counter[str]] = {}
    added = taken_back = 0
    seqs = []
    for event, found in diffs:
        if event["type"] != "file_edit":
            continue
        lines = own.setdefault(event["file_path"], Counter())
        undone = 0
        for change in found:
            for line in filter(str.strip, change.removed):
                undone += lines[line] > 0
                lines[line] -= lines[line] > 0
            lines.update(filter(str.strip, change.added))
            added += sum(1 for line in change.added if line.strip())
        taken_back += undone
        seqs += [event["seq"]] if undone else []
    return Churn(added, taken_back, tuple(seqs))


def weakened_tests(diffs: Iterable[Diff]) -> tuple[int, ...]:
    """Edits and commits that skip tests, or take more assertions out of a test file than they put in."""
    return tuple(event["seq"] for event, found in diffs if any(map(_weakens, found)))


def leftovers(diffs: Sequence[Diff]) -> tuple[int, ...]:
    """Where debugging aids stay in the final change: its commits, or the edits when nothing was committed."""
    commits = [pair for pair in diffs if pair[0]["type"] == "commit"]
    if commits:
        return tuple(event["seq"] for event, found in commits if any(map(_leaves, found)))
    final: dict[str, Counter[str]] = {}
    seqs: dict[tuple[str, str], int] = {}
    for event, found in diffs:
        for change in found:
            lines = final.setdefault(change.path, Counter())
            lines.subtract(change.removed)
            lines.update(change.added)
            seqs.update({(change.path, line): event["seq"] for line in _debug_lines(change)})
    return tuple(sorted({seq for (path, line), seq in seqs.items() if final[path][line] > 0}))


def empty_messages(events: Iterable[Event]) -> tuple[int, ...]:
    """Commits whose message does not say what was done."""
    return tuple(e["seq"] for e in events if e["type"] == "commit" and _SAYS_NOTHING.fullmatch(e["message"]))


def _weakens(change: FileChange) -> bool:
    if not is_test_path(change.path):
        return False
    skips, asserts = (
        [sum(1 for line in lines if pattern.match(line.strip())) for lines in (change.added, change.removed)]
        for pattern in (_SKIPS, _ASSERTS)
    )
    return skips[0] > skips[1] or asserts[1] > asserts[0]


def _leaves(change: FileChange) -> bool:
    return bool(_debug_lines(change)) or (change.is_new and _DEBUG_FILES.search(change.path) is not None)


def _debug_lines(change: FileChange) -> list[str]:
    return [] if is_test_path(change.path) else [line for line in change.added if _DEBUG_CODE.match(line)]
