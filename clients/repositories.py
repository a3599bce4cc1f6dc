"""What a client asks of a git repository of its own: commits, their diffs, and a bundle that holds one of them whole.

Only git's plumbing is used, which runs neither hooks nor filters nor the user's diff programs. Needs git on the PATH.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUNDLE_HEADER = b"# v2 git bundle\n%s refs/heads/start\n\n"
PATIENCE_S = 300
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


class GitFailed(ValueError):
    """Git is absent, or could not answer; the text is its own last line."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository in a folder, or one that the folder is inside of. Every method raises GitFailed."""

    folder: Path

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision names: a hash, a branch, a tag, `HEAD~2`."""
        if revision.startswith("-"):
            raise GitFailed(f"{revision} is no revision")
        try:
            return self.git("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}").decode().strip()
        except GitFailed as error:
            raise GitFailed(f"no commit {revision} in {self.folder}{f': {error}' if str(error) else ''}") from error

    def bundle(self, commit: str) -> bytes:
        """A git bundle of one commit with all its files and nothing before it: what a validation starts from.

        `git bundle unbundle` takes it anywhere; `git clone` does not, since the commit's parents are not in it.
        """
        objects = self.git("rev-list", "--objects", "--no-walk", commit)
        ids = b"\n".join(line.split()[0] for line in objects.splitlines()) + b"\n"
        return BUNDLE_HEADER % commit.encode() + self.git("pack-objects", "--stdout", "-q", given=ids)

    def git(self, *arguments: str, given: bytes | None = None) -> bytes:
        """The output of a git command; `given` is its standard input."""
        command = ["git", "-C", str(self.folder), "-c", "core.quotePath=true", *arguments]
        environment = os.environ | _QUIET
        try:
            done = subprocess.run(
                command, input=given, env=environment, capture_output=True, check=False, timeout=PATIENCE_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitFailed(f"git: {error}") from error
        if done.returncode != 0:
            raise GitFailed((done.stderr.decode(errors="replace").strip().splitlines() or [""])[-1])
        return done.stdout
