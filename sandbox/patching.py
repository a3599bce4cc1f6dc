"""What a trace changed: its diffs in a form that `git apply` takes, and each changed path's part in a test run.

Tests and configuration decide what "passes" means, so they are told apart from the source: configuration always comes
from the start commit, tests do in the original runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any

from pipeline.redacted import PLACEHOLDER
from sandbox.diffs import appliable, edited_path, other_line_endings, strip_level
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
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "tsconfig.json",
)
_CONFIGURATION_FOLDERS = ("*.dist-info", "*.egg-info")  # packaging reads entry points, and so plugins, from them
_TEST_NAMES = (
    *("test_*.py", "*_test.py", "tests.py", "test.py", "*_tests.py"),
    *("test.[cm]js", "test-*.[cm]js", "*[._-]test.[cm]js", "*.spec.[cm]js"),
    *("test.js", "test-*.js", "*[._-]test.js", "*.spec.js"),
)
_TEST_FOLDERS = ("test", "tests", "__tests__")

_NOTHING, _GITLINK = "000000", "160000"
_UNLISTED = re.compile(r"[\n\t\0\ud800-\udfff]|\A | \Z")  # what a line of a list cannot hold


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says of its buffer after an edit: the file's path in the repository and the SHA-256 in hex."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Patch:
    """One diff for `git apply -p<strip>`, and the event it comes from.

    `otherwise` is the same diff in the other line endings, for when it does not apply as it is.
    """

    seq: int
    diff: bytes
    strip: int = 1
    otherwise: bytes = b""
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class TouchedPath:
    """One path that differs between the start commit and the final tree, as git's index spells it.

    `mode` is git's octal mode and `blob` its object id, both zeros where the path was removed.
    """

    path: bytes
    mode: str
    blob: str

    @property
    def removed(self) -> bool:
        """Whether the final tree has nothing there."""
        return self.mode == _NOTHING

    @property
    def submodule(self) -> bool:
        """Whether the final tree has a submodule there, whose content is elsewhere."""
        return self.mode == _GITLINK

    @property
    def part(self) -> str:
        """SOURCE, TEST or CONFIGURATION."""
        return part_of(self.path.decode(errors="surrogateescape"))


def patches_of(events: Iterable[Mapping[str, Any]]) -> tuple[Patch, ...]:
    """The diffs of a trace's file edits in order; those of its commits where it has no file edits, or where a final
    patch stands for them.

    Raises NoVerdict where redaction went over one.
    """
    ordered = sorted(events, key=lambda event: event["seq"])
    edits = [event for event in ordered if event["type"] == "file_edit" and event["diff_unified"].strip()]
    commits = [event for event in ordered if event["type"] == "commit" and event.get("diff_unified", "").strip()]
    sources = commits if not edits or _is_final(edits, commits) else edits
    for event in sources:
        if PLACEHOLDER.search(event["diff_unified"]):
            raise NoVerdict(unverifiable("redacted", f"event {event['seq']}"))
    return tuple(_patch(event) for event in sources)


def _is_final(edits: list[Mapping[str, Any]], commits: list[Mapping[str, Any]]) -> bool:
    """Whether the only commit is no commit of a repository (it has no sha) but what an agent handed in at its end: with
    what a shell changed, too, of which there are no edits. Edits that say what the file was then are held to that."""
    return (
        len(commits) == 1
        and not commits[0].get("sha")
        and edits[-1]["seq"] < commits[0]["seq"]
        and not any(edit.get("buffer_hash_after") for edit in edits)
    )


def _patch(event: Mapping[str, Any]) -> Patch:
    seq, path = event["seq"], event.get("file_path")
    text = appliable(event["diff_unified"], path)
    try:
        diff, otherwise = (each.encode(errors="surrogateescape") for each in (text, other_line_endings(text)))
    except UnicodeEncodeError as error:
        raise NoVerdict(unverifiable("patch_does_not_apply", f"event {seq}: {error.reason}")) from error
    return Patch(seq, diff, strip_level(text), otherwise, _claim(event, text))


def _claim(event: Mapping[str, Any], text: str) -> Claim | None:
    claimed, path = event.get("buffer_hash_after"), event.get("file_path")
    edited = edited_path(text, path) if claimed and path else None
    if not claimed or edited is None or _UNLISTED.search(edited):
        return None
    return Claim(edited, claimed.removeprefix("sha256:"))


def touched_paths(raw: bytes) -> tuple[TouchedPath, ...]:
    """Reads `git diff-tree -r -z --raw --no-renames --no-abbrev`: `:mode mode id id status`, NUL, path, NUL, ..."""
    fields = raw.split(b"\0")
    meta = (field.decode("ascii").split(" ") for field in fields[0:-1:2])
    return tuple(TouchedPath(path, m[1], m[3]) for m, path in zip(meta, fields[1::2], strict=False))


def displaced(touched: Iterable[TouchedPath]) -> tuple[TouchedPath, ...]:
    """What was removed to make room for a path of another part: a file where a folder was, or a folder for a file."""
    by_path = {t.path: t for t in touched}
    pairs = ((t, by_path[above]) for t in by_path.values() for above in _folders(t.path) if above in by_path)
    return tuple(t if t.removed else above for t, above in pairs if t.part != above.part and t.removed != above.removed)


def _folders(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def index_lines(touched: Iterable[TouchedPath], parts: Iterable[str]) -> bytes:
    """Input of `git update-index -z --index-info` that takes the touched paths of these parts to their final state."""
    wanted = frozenset(parts)
    chosen = sorted((t for t in touched if t.part in wanted), key=lambda t: not t.removed)  # a file may follow a folder
    return b"".join(f"{t.mode} {t.blob}\t".encode() + t.path + b"\0" for t in chosen)


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
