"""A patch file becomes what the sandbox applies, and an outcome an exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.direct import WrongUsage, exit_status, main, patch_of
from sandbox.failures import Outcome
from tests.support.sandbox import START, make_repository

DIFF = b"--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-a\n+b\n"


def test_a_letter_around_a_diff_stays_and_a_diff_without_prefixes_gets_them() -> None:
    letter = (
        b"From 0123 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\n---\n calc.py | 2 +-\n\ndiff --git a/c b/c\n" + DIFF
    )
    assert patch_of(letter).diff == letter
    bare = patch_of(b"--- calc.py\n+++ calc.py\n@@ -1 +1 @@\n-\xe9\n+b\n")
    assert bare.diff == b"--- a/calc.py\n+++ b/calc.py\n@@ -1 +1 @@\n-\xe9\n+b\n"


@pytest.mark.parametrize("content", [b"", b"fixed it\n", b"\0\0"])
def test_a_file_without_a_diff_is_refused(content: bytes) -> None:
    with pytest.raises(WrongUsage, match="no diff"):
        patch_of(content)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome("fixed", "", level="verified"), 0),
        (Outcome("not_fixed", ""), 1),
        (Outcome("unverifiable", "", "no_tests"), 1),
        (Outcome("unverifiable", "", "no_docker"), 3),
        (Outcome("infra_failure", "", "engine_lost"), 3),
    ],
)
def test_the_exit_status_tells_the_kinds_of_outcome_apart(outcome: Outcome, status: int) -> None:
    assert exit_status(outcome) == status


def test_wrong_usage_is_one_line_and_the_machinery_is_not_blamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    made = make_repository(tmp_path / "calc", START)
    patch = tmp_path / "fix.patch"
    patch.write_bytes(DIFF)
    given = ["--repo", str(made.folder), "--patch", str(patch), "--base"]
    for wrong in (["nowhere"], [made.commit, "--tests", "make test"], [made.commit, "--task", str(patch)]):
        assert main([*given, *wrong]) == 2
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
    assert main([*given, made.commit]) == 3
    assert '"reason": "no_docker"' in capsys.readouterr().out
