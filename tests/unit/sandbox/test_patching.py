"""Diffs of any editor become what `git apply` takes, and no path that decides what "passes" means counts as source."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.redacted import placeholder
from sandbox.diffs import appliable
from sandbox.failures import NoVerdict
from sandbox.patching import TouchedPath, index_lines, part_of, patches_of, touched_paths

HUNK = "@@ -1,2 +1,2 @@\n one\n-two\n+2\n"


def edit(seq: int, diff: str) -> dict[str, object]:
    return {"seq": seq, "type": "file_edit", "file_path": "src/a.py", "diff_unified": diff}


@pytest.mark.parametrize(
    "diff",
    [
        HUNK,
        f"--- src/a.py\n+++ src/a.py\n{HUNK}",
        f"--- a/src/a.py\n+++ b/src/a.py\n{HUNK}",
        f"--- a/src/a.py\t2026-01-01 10:00\n+++ b/src/a.py\t2026-01-01 10:01\n{HUNK}",
        f"diff --git a/src/a.py b/src/a.py\n--- a/src/a.py\n+++ b/src/a.py\n{HUNK}",
        HUNK.rstrip("\n"),
    ],
)
def test_every_spelling_of_a_diff_applies(tmp_path: Path, diff: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("one\ntwo\n")
    subprocess.run(["git", "apply", "-"], input=appliable(diff, "src/a.py").encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "src/a.py").read_text() == "one\n2\n"


@pytest.mark.parametrize("header", ["", "--- /dev/null\n+++ src/a.py\n", "--- src/a.py\n+++ src/a.py\n"])
def test_a_new_file_is_made(tmp_path: Path, header: str) -> None:
    text = appliable(f"{header}@@ -0,0 +1 @@\n+one\n", "src/a.py")
    subprocess.run(["git", "apply", "-"], input=text.encode(), cwd=tmp_path, check=True)
    assert (tmp_path / "src/a.py").read_text() == "one\n"


def test_a_folder_named_a_is_not_taken_for_a_prefix() -> None:
    assert appliable(f"--- a/x.py\n+++ a/x.py\n{HUNK}", "a/x.py") == f"--- a/a/x.py\n+++ b/a/x.py\n{HUNK}"


def test_a_removed_line_of_dashes_is_no_header() -> None:
    diff = "--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n--- old note\n+++ new note\n x\n"
    assert appliable(diff, "q.sql") == diff


def test_edits_come_in_order_and_commits_only_without_them() -> None:
    commit = {"seq": 3, "type": "commit", "sha": "abcdef1", "diff_unified": f"--- a/b.py\n+++ b/b.py\n{HUNK}"}
    assert [patch.seq for patch in patches_of([edit(2, HUNK), edit(1, HUNK), commit])] == [1, 2]
    assert [patch.seq for patch in patches_of([edit(1, ""), commit])] == [3]
    assert patches_of([{"seq": 0, "type": "commit", "message": "no diff"}]) == ()


def final(seq: int, **changes: object) -> dict[str, object]:
    return {"seq": seq, "type": "commit", "message": "m", "diff_unified": f"--- a/b.py\n+++ b/b.py\n{HUNK}", **changes}


@pytest.mark.parametrize(
    ("events", "taken"),
    [
        ([edit(1, HUNK), edit(2, HUNK), final(3)], [3]),
        ([edit(1, HUNK), final(2, sha="abcdef1")], [1]),
        ([edit(1, HUNK), final(2), edit(3, HUNK)], [1, 3]),
        ([edit(1, HUNK), final(2), final(3)], [1]),
        ([{**edit(1, HUNK), "buffer_hash_after": "sha256:" + "0" * 64}, final(2)], [1]),
        ([edit(1, HUNK), final(2, diff_unified=" ")], [1]),
    ],
)
def test_what_was_handed_in_at_the_end_stands_for_edits_that_a_shell_may_have_gone_beside(
    events: list[dict[str, object]], taken: list[int]
) -> None:
    assert [patch.seq for patch in patches_of(events)] == taken


def test_a_redacted_diff_is_refused_and_a_redacted_command_is_not() -> None:
    hidden = placeholder("some-rule", "what was there", b"key")
    with pytest.raises(NoVerdict) as refused:
        patches_of([edit(1, HUNK), edit(2, HUNK.replace("2", hidden))])
    assert (refused.value.outcome.verdict, refused.value.outcome.reason) == ("unverifiable", "redacted")
    command = {"seq": 0, "type": "cmd_run", "command": f"login {hidden}"}
    assert len(patches_of([command, edit(1, HUNK)])) == 1


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("src/app/login.py", "source"),
        ("app/testing_tools.py", "source"),
        ("README.md", "source"),
        ("tests/test_login.py", "test"),
        ("app/test_login.py", "test"),
        ("app/login_test.py", "test"),
        ("tests/data/users.json", "test"),
        ("lib/calc.js", "source"),
        ("lib/latest.js", "source"),
        ("lib/calc.test.js", "test"),
        ("lib/calc_test.mjs", "test"),
        ("lib/calc.spec.cjs", "test"),
        ("test/help.js", "test"),
        ("test-calc.js", "test"),
        ("package.json", "configuration"),
        ("conftest.py", "configuration"),
        ("tests/unit/conftest.py", "configuration"),
        ("Tests/CONFTEST.py", "configuration"),
        ("pytest.ini", "configuration"),
        ("pyproject.toml", "configuration"),
        ("setup.cfg", "configuration"),
        ("tox.ini", "configuration"),
        ("src/sitecustomize.py", "configuration"),
        ("src/hooks.pth", "configuration"),
        ("forged-1.0.dist-info/entry_points.txt", "configuration"),
    ],
)
def test_each_path_has_its_part(path: str, part: str) -> None:
    assert part_of(path) == part


@given(st.lists(st.sampled_from(["app", "src", "tests", "x.dist-info", "a b"]), max_size=4))
def test_a_conftest_is_configuration_wherever_it_is(folders: list[str]) -> None:
    assert part_of("/".join([*folders, "conftest.py"])) == "configuration"


def test_git_s_raw_listing_is_read_whatever_the_names_are() -> None:
    old, new, gone = "1" * 40, "2" * 40, "0" * 40
    raw = f":100644 100644 {old} {new} M\0src/a b.py\0:100644 000000 {old} {gone} D\0tests/test_ü.py\0".encode()
    source, test = touched_paths(raw)
    assert (source, source.part) == (TouchedPath(b"src/a b.py", "100644", new), "source")
    assert (test.path.decode(), test.mode, test.part) == ("tests/test_ü.py", "000000", "test")
    assert index_lines([source, test], ["test"]) == f"000000 {gone}\ttests/test_ü.py\0".encode()
    assert touched_paths(b"") == ()
