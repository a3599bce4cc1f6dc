"""A repository's commit leaves it whole and alone, under its own id."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from clients.repositories import GitFailed, Repository
from tests.support.sandbox import START, make_repository


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_bundle_has_one_commit_whole_and_nothing_before_it(tmp_path: Path) -> None:
    made = make_repository(tmp_path / "calc", START)
    git(made.folder, "commit", "-q", "--allow-empty", "-m", "Second")
    repository = Repository(made.folder)
    second = repository.commit("HEAD")
    assert repository.commit("HEAD~1") == made.commit
    (tmp_path / "one.bundle").write_bytes(repository.bundle(second))
    elsewhere = tmp_path / "elsewhere"
    git(tmp_path, "init", "-q", "--bare", str(elsewhere))
    assert git(elsewhere, "bundle", "unbundle", "../one.bundle").split() == [second, "refs/heads/start"]
    assert git(elsewhere, "ls-tree", "-r", "--name-only", second).split() == list(START)
    assert git(elsewhere, "cat-file", "blob", f"{second}:calc.py") == START["calc.py"]
    missing = subprocess.run(["git", "cat-file", "-e", made.commit], cwd=elsewhere, check=False, capture_output=True)
    assert missing.returncode != 0


@pytest.mark.parametrize("revision", ["no-such-branch", "--all", "HEAD~9", ""])
def test_what_is_no_commit_is_said_in_one_line(tmp_path: Path, revision: str) -> None:
    made = make_repository(tmp_path / "calc", START)
    with pytest.raises(GitFailed, match=r"no commit|no revision") as failed:
        Repository(made.folder).commit(revision)
    assert "\n" not in str(failed.value)


def test_a_folder_without_a_repository_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="not a git repository"):
        Repository(tmp_path).git("status")
