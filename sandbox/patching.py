"""What a trace changed: its diffs in a form that `git apply` takes, and each changed path's part in a test run.

Tests and configuration decide what "passes" means, so they are told apart from the source: configuration always comes
from the start commit, tests do in the original runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from pipeline.redacted import PLACEHOLDER
from sandbox.failures import NoVerdict, unverifiable

SOURCE, TEST, CONFIGURATION = "source", "test", "configuration"

# Files that change how tests are found, loaded or judged, wherever they are.
_CONFIGURATION_NAMES = (
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "tox.toml",
    "setup.cfg",
    "setup.py",
    "pyproject.toml",
    "noxfile.py",
    ".coveragerc",
    "sitecustomize.py",
    "usercustomize.py",
    "*.pth",
    ".gitattributes",
)
_CONFIGURATION_FOLDERS = ("*.dist-info", "*.egg-info")  # packaging reads entry points, and so plugins, from them
_TEST_NAMES = ("test_*.py", "*_test.py", "tests.py", "test.py", "*_tests.py")
_TEST_FOLDERS = ("test", "tests", "__tests__")

_GIT_HEADER = re.compile(r"^diff --git ", re.MULTILINE)
_FILE_HEADER = re.compile(r"^--- (?P<old>[^\n]*)\n\+\+\+ (?P<new>[^\n]*)\n(?=@@ )", re.MULTILINE)
_NEW_FILE = re.compile(r"@@ -0,0 ")
_ABSENT = "/dev/null"
_GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Patch:
    """One diff, ready for `git apply -p1`, and the event it comes from."""

    seq: int
    diff: bytes


@dataclass(frozen=True, slots=True)
class TouchedPath:
    """One path that differs between the start commit and the final tree, as git's index spells it.

    `mode` is git's octal mode and `blob` its object id, both zeros where the path was removed.
    """

    path: bytes
    mode: str
    blob: str

    @property
    def part(self) -> str:
        """SOURCE, TEST or CONFIGURATION."""
        return part_of(self.path.decode(errors="surrogateescape"))


def patches_of(events: Iterable[Mapping[str, Any]]) -> tuple[Patch, ...]:
    """The diffs of a trace's file edits in order; those of its commits where it has no file edits.

    Raises NoVerdict where redaction went over one.
    """
    ordered = sorted(events, key=lambda event: event["seq"])
    edits = [event for event in ordered if event["type"] == "file_edit" and event["diff_unified"].strip()]
    sources = edits or [
        event for event in ordered if event["type"] == "commit" and event.get("diff_unified", "").strip()
    ]
    for event in sources:
        if PLACEHOLDER.search(event["diff_unified"]):
            raise NoVerdict(unverifiable("redacted", f"event {event['seq']}"))
    return tuple(Patch(e["seq"], appliable(e["diff_unified"], e.get("file_path")).encode()) for e in sources)


def appliable(diff: str, file_path: str | None) -> str:
    """The diff with `a/` and `b/` paths, as `git apply` expects it, whatever editor wrote it.

    A git diff is left as it is. Bare hunks get the headers of `file_path`; headers without prefixes get them.
    """
    text = diff if diff.endswith("\n") else diff + "\n"
    if _GIT_HEADER.search(text):
        return text
    if text.startswith("@@ ") and file_path is not None:
        old = _ABSENT if _NEW_FILE.match(text) else file_path
        text = f"--- {old}\n+++ {file_path}\n{text}"
    return _FILE_HEADER.sub(lambda header: _with_prefixes(header, file_path), text)


def _with_prefixes(header: re.Match[str], file_path: str | None) -> str:
    old, new = (header[side].split("\t")[0].rstrip() for side in ("old", "new"))
    prefixed = (old == _ABSENT or old.startswith("a/")) and (new == _ABSENT or new.startswith("b/"))
    if not prefixed or file_path in (old, new):
        old, new = (path if path == _ABSENT else mark + path for mark, path in (("a/", old), ("b/", new)))
    return f"--- {old}\n+++ {new}\n"


def touched_paths(raw: bytes) -> tuple[TouchedPath, ...]:
    """Reads `git diff-tree -r -z --raw --no-renames --no-abbrev`: `:mode mode id id status`, NUL, path, NUL, ..."""
    fields = raw.split(b"\0")
    meta = (field.decode("ascii").split(" ") for field in fields[0:-1:2])
    return tuple(TouchedPath(path, m[1], m[3]) for m, path in zip(meta, fields[1::2], strict=False))


def index_lines(touched: Iterable[TouchedPath], parts: Iterable[str]) -> bytes:
    """Input of `git update-index -z --index-info` that takes the touched paths of these parts to their final state."""
    wanted = frozenset(parts)
    return b"".join(f"{t.mode} {t.blob}\t".encode() + t.path + b"\0" for t in touched if t.part in wanted)


def part_of(path: str) -> str:
    """SOURCE, TEST or CONFIGURATION, by the path alone."""
    *folders, name = (part.lower() for part in PurePosixPath(path).parts)
    if _matches(name, _CONFIGURATION_NAMES) or any(_matches(folder, _CONFIGURATION_FOLDERS) for folder in folders):
        return CONFIGURATION
    if _matches(name, _TEST_NAMES) or any(folder in _TEST_FOLDERS for folder in folders):
        return TEST
    return SOURCE


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
