"""A small repository with a bug, and traces that change it, as the sandbox meets them."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from pipeline.canonical import digest, dumps
from pipeline.objectstore import artifact_key
from schemas.records import TraceAssembled

CALC = "def add(a, b):\n    return a - b\n\n\ndef sub(a, b):\n    return a - b\n"
TESTS = """from calc import add, sub


def test_add():
    assert add(1, 2) == 3


def test_sub():
    assert sub(3, 1) == 2
"""
START = {"calc.py": CALC, "tests/test_calc.py": TESTS}
FIXED = CALC.replace("a - b", "a + b", 1)
_GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main")


class Link(str):
    """In place of a file's content: where a symbolic link leads to; nothing is left there where it is empty."""


@dataclass(frozen=True)
class Repository:
    """A repository in a folder and its only commit."""

    folder: Path
    commit: str

    @property
    def objects(self) -> Path:
        return self.folder / ".git" / "objects"

    def bundle(self) -> bytes:
        """The repository as a git bundle."""
        return subprocess.run(
            [*_GIT, "bundle", "create", "-q", "-", "HEAD"], cwd=self.folder, check=True, capture_output=True
        ).stdout


def make_repository(folder: Path, files: Mapping[str, str]) -> Repository:
    """Commit `files` into a new repository."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    for command in (["init", "-q"], ["add", "-f", "."], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*_GIT, *command], cwd=folder, check=True)
    commit = subprocess.run([*_GIT, "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return Repository(folder, commit.stdout.strip())


def git(folder: Path, *arguments: str, data: bytes | None = None) -> bytes:
    """What a git command in `folder` prints."""
    return subprocess.run([*_GIT, *arguments], cwd=folder, input=data, check=True, capture_output=True).stdout


def commit(folder: Path) -> str:
    """Commit whatever the folder holds, on top of its last commit; the new commit's id."""
    git(folder, "add", "-f", "-A", ".")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Next")
    return git(folder, "rev-parse", "HEAD").decode().strip()


def workspace_key(assembled: TraceAssembled, bundle: bytes) -> str:
    """Where the gateway would have stored the bundle of this trace."""
    return artifact_key(assembled.project, assembled.trace_id, digest(bundle), private=True)


def edits(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, Any]]:
    """One file edit a file that differs; in `after` only what changes is named."""
    return [
        {"seq": seq, "type": "file_edit", "file_path": path, "diff_unified": _diff(path, before.get(path, ""), text)}
        for seq, (path, text) in enumerate(after.items())
    ]


def assembled(origin: str, commit: str | None, events: Sequence[dict[str, Any]], **fields: Any) -> TraceAssembled:
    """A revision whose document has these events and, given `artifacts`, those artifacts."""
    document = dumps({"artifacts": fields.pop("artifacts", {}), "events": list(events)})
    plain: dict[str, Any] = {
        "trace_id": "trace-" + "0" * 32,
        "project": "default",
        "revision": 1,
        "outcome": "completed",
        "participant_id": "p",
        "consent": "research",
        "task_id": "t",
        "task_title": "t",
        "repo_origin": origin,
        "start_commit": commit,
        "created_at_us": 0,
        "closed_at_us": 1,
        "first_offset": 0,
        "last_offset": 1,
        "chunk_count": 1,
        "event_count": len(events),
        "intact": True,
        "complete": True,
        "last_link": digest(b"link"),
        "head": digest(b"head"),
        "findings": (),
        "metrics": b"{}",
        "redactions": {},
        "document": zstandard.compress(document),
        "document_digest": digest(document),
        "document_size": len(document),
    }
    return TraceAssembled(**(plain | fields))


def _diff(path: str, before: str, after: str) -> str:
    if isinstance(after, Link):
        return _linked(path, before, after)
    old = f"a/{path}" if before else "/dev/null"
    return "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), old, f"b/{path}"))


def _linked(path: str, before: str, target: str) -> str:
    header, text = f"diff --git a/{path} b/{path}\n", ""
    if before:
        hunks = difflib.unified_diff(before.splitlines(True), [], f"a/{path}", "/dev/null")
        text += f"{header}deleted file mode 100644\n{''.join(hunks)}"
    if target:
        hunk = f"@@ -0,0 +1 @@\n+{target}\n\\ No newline at end of file\n"
        text += f"{header}new file mode 120000\n--- /dev/null\n+++ b/{path}\n{hunk}"
    return text
