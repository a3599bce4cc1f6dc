"""A story's start files as a git repository whose commits have the same ids on every machine, and its bundle."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOS = Path(__file__).parent / "repos"
COMMITTED_AT = "2026-01-05T09:00:00Z"
IDENTITY = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (("NAME", "Example Developer"), ("EMAIL", "developer@example.com"), ("DATE", COMMITTED_AT))
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """The commit a session starts from, a git bundle that holds it, and the commit of its fix (None: it has no fix)."""

    start_commit: str
    bundle: bytes
    fix_commit: str | None


def start_files(story: str) -> dict[str, str]:
    """Content of every file that a story starts from, by its path in the repository."""
    root = REPOS / story
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and "cache" not in path.parent.name)
    return {path.relative_to(root).as_posix(): path.read_text() for path in files}


def build_workspace(files: Mapping[str, str], fixed: Mapping[str, str] | None, fix_message: str) -> Workspace:
    """The workspace of `files`; `fixed` has the contents that the fix changes. Needs git on the PATH."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        git(repo, "init", "--quiet", "--initial-branch=main", "--object-format=sha1")
        start = commit(repo, files, "Start of the session")
        git(repo, "bundle", "create", "--quiet", "workspace.bundle", "HEAD", "main")
        bundle = (repo / "workspace.bundle").read_bytes()
        return Workspace(start, bundle, commit(repo, fixed, fix_message) if fixed else None)


def commit(repo: Path, files: Mapping[str, str], message: str) -> str:
    """Write and commit `files`; the new commit's id."""
    for name, content in files.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(content)
    git(repo, "add", "--", *files)
    git(repo, "commit", "--quiet", "-m", message)
    return git(repo, "rev-parse", "HEAD").strip()


def git(repo: Path, *arguments: str) -> str:
    """Output of a git command that neither the user's configuration nor an enclosing repository can influence."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = kept | IDENTITY | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    settings = ("-c", "core.fileMode=false", "-c", "core.autocrlf=false", "-c", "commit.gpgSign=false")
    program = shutil.which("git") or "git"
    done = subprocess.run(
        [program, "-C", str(repo), *settings, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout
