"""Two releases as two commits of one git repository, and the diffs between them by the part a file has in a run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sandbox.patching import CONFIGURATION, SOURCE, TEST, part_of
from tests.evidence.sdists import unpack
from tests.support.sandbox import commit, git

ALL = (SOURCE, TEST, CONFIGURATION)


@dataclass(frozen=True, slots=True)
class History:
    """A repository and its only two commits."""

    folder: Path
    earlier: str
    later: str

    @property
    def objects(self) -> Path:
        """The folder of the repository's objects."""
        return self.folder / ".git" / "objects"

    def diff(self, start: str, end: str, parts: Collection[str]) -> bytes:
        """What leads from `start` to `end` in the files of these parts; empty where that is nothing."""
        listed = git(self.folder, "diff", "--name-only", "--no-renames", "-z", start, end)
        paths = [path for path in listed.decode().split("\0") if path and part_of(path) in parts]
        options = ("--no-renames", "--binary", start, end, "--", *paths)
        return git(self.folder, "--literal-pathspecs", "diff", *options) if paths else b""


def make_history(folder: Path, earlier: Path, later: Path) -> History:
    """Commit the files of two source distributions, one after the other, into a new repository in `folder`."""
    folder.mkdir()
    git(folder, "init", "-q")
    commits = [_commit_release(folder, archive) for archive in (earlier, later)]
    return History(folder, *commits)


def _commit_release(folder: Path, archive: Path) -> str:
    for path in sorted(folder.rglob("*"), reverse=True):
        if ".git" not in path.relative_to(folder).parts:
            path.unlink() if path.is_file() else path.rmdir()
    unpack(archive, folder)
    return commit(folder)
