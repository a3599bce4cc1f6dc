"""Several diffs as one do to a file what they do one after the other."""

from __future__ import annotations

import difflib
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unidiff.patch import PatchSet

from pipeline.exports.composing import composed
from pipeline.exports.view import NotExportable

TEXTS = st.lists(st.sampled_from("abcdefgh"), max_size=25)


def diff(old: list[str], new: list[str], context: int = 3, path: str = "f") -> str:
    before, after = ([f"{line}\n" for line in text] for text in (old, new))
    return "".join(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", n=context))


def applied(text: list[str], patch: str) -> list[str]:
    """What any patch program would do, strictly."""
    lines, shift = list(text), 0
    for hunk in (hunk for file in PatchSet(patch) for hunk in file):
        old = [line.value.rstrip("\n") for line in hunk if line.line_type != "+"]
        new = [line.value.rstrip("\n") for line in hunk if line.line_type != "-"]
        start = hunk.source_start - (1 if hunk.source_length else 0) + shift
        assert lines[start : start + len(old)] == old
        lines[start : start + len(old)] = new
        shift += len(new) - len(old)
    return lines


@given(st.lists(TEXTS, min_size=2, max_size=6), st.integers(0, 3))
def test_it_does_what_they_do(texts: list[list[str]], context: int) -> None:
    steps = [diff(old, new, context) for old, new in pairwise(texts)]
    one = composed(filter(None, steps))
    assert applied(texts[0], one) == texts[-1]
    assert not one or one.count("--- a/f") == 1


def test_what_is_taken_back_is_no_change() -> None:
    a, b = list("abcdefghij"), list("abcdXfghij")
    assert not composed([diff(a, b), diff(b, a)])


def test_each_file_is_there_once_and_git_applies_it(tmp_path: Path) -> None:
    a, b, c = [str(n) for n in range(40)], [str(n) for n in range(40) if n != 5], ["x", *map(str, range(41))]
    made = "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1,2 @@\n+1\n+2\n\\ No newline at end of file\n"
    more = "--- a/new.txt\n+++ b/new.txt\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+3\n"
    gone = "--- a/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-o\n"
    brief = "--- /dev/null\n+++ b/brief.txt\n@@ -0,0 +1 @@\n+x\n"
    ended = "--- a/brief.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    one = composed([diff(a, b), made, diff(b, c), gone, more, brief, ended])
    (tmp_path / "f").write_text("".join(f"{line}\n" for line in a))
    (tmp_path / "old.txt").write_text("o\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "apply", "-"], input=one.encode(), check=True)
    assert (tmp_path / "f").read_text().split() == c
    assert (tmp_path / "new.txt").read_text() == "1\n3\n"
    assert not (tmp_path / "old.txt").exists()
    assert "brief" not in one


@pytest.mark.parametrize(
    ("diffs", "reason"),
    [
        ([diff(["a"], ["b"]), diff(["c"], ["d"])], "do not fit"),
        (["--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n", diff([*"abcdefg"], [*"abcdefgh"])], "do not fit"),
        (["--- a/f\n+++ b/f\n@@ -1,9 +1 @@\n x\n"], "no unified diff"),
        (["diff --git a/f b/g\nsimilarity index 100%\nrename from f\nrename to g\n"], "renames"),
    ],
)
def test_what_does_not_fit_is_said(diffs: list[str], reason: str) -> None:
    with pytest.raises(NotExportable, match=reason):
        composed(diffs)
