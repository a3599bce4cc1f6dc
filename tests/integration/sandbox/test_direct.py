"""`pr-telemetry validate`: a patch in a local repository gets its verdict from the real engine, by the real command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox import FIXED, START, Repository, make_repository

pytestmark = pytest.mark.integration
GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.com")
OWN_TEST = "from sums import add\n\n\ndef test_own():\n    assert add(2, 2) == 4\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One of two commits: a work tree with uncommitted changes must not matter."""
    made = make_repository(tmp_path / "calc", START)
    (made.folder / "calc.py").write_text("uncommitted")
    return made


def patch_of(repository: Repository, files: dict[str, str | bytes], *more: str) -> Path:
    """What `git format-patch` makes of files that differ from the start commit."""
    work = repository.folder.parent / "work"
    subprocess.run([*GIT, "clone", "-q", str(repository.folder), str(work)], check=True)
    for name, content in files.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for command in (*([list(more)] if more else []), ["add", "-A"], ["commit", "-q", "-m", "The fix"]):
        subprocess.run([*GIT, *command], cwd=work, check=True)
    made = subprocess.run([*GIT, "format-patch", "-1", "--stdout", "-M"], cwd=work, check=True, capture_output=True)
    (file := work / "fix.patch").write_bytes(made.stdout)
    return file


def validate(docker_host: str, repository: Repository, patch: Path, *more: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "pipeline.cli", "validate", "--json", "--repo", str(repository.folder)]
    done = subprocess.run(
        [*command, "--base", repository.commit, "--patch", str(patch), *more],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": "/root", "DOCKER_HOST": docker_host},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def test_a_patch_with_a_binary_a_rename_and_a_new_test_is_verified(docker_host: str, repository: Repository) -> None:
    files: dict[str, str | bytes] = {"sums.py": FIXED, "data.bin": bytes(range(256)), "tests/test_own.py": OWN_TEST}
    patch = patch_of(repository, files | {"calc.py": "from sums import *\n"})
    status, document = validate(docker_host, repository, patch)
    assert (status, document["verdict"], document["level"]) == (0, "fixed", "verified")
    assert [run["name"] for run in document["runs"]][:2] == ["original_before", "original_after"]
    fixed = {test["id"] for test in document["tests"] if test["category"] == "fail_to_pass"}
    assert fixed == {"tests/test_calc.py::test_add", "tests/test_own.py::test_own"}
    assert document["commit"] == repository.commit
    assert document["environment"]["image_id"].startswith("sha256:")


def test_a_renamed_file_and_another_verdict(docker_host: str, repository: Repository) -> None:
    patch = patch_of(repository, {"note.txt": "no fix"}, "mv", "calc.py", "moved.py")
    status, document = validate(docker_host, repository, patch, "--tests", "pytest tests/test_calc.py")
    assert (status, document["verdict"]) == (1, "regressed"), document
