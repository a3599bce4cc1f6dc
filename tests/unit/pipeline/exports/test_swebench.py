"""SWE-bench: what it applies applies, and what decides is there."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.exports.reading import referred
from pipeline.exports.swebench import split_patch, swe_bench
from pipeline.exports.view import NotExportable, View
from tests.support.exports import patch, view

TESTS = (
    {"test_id": "tests/test_calc.py::a", "category": "fail_to_pass", "suite": "original"},
    {"test_id": "tests/test_calc.py::own", "category": "fail_to_pass", "suite": "trace"},
    {"test_id": "tests/test_calc.py::b", "category": "pass_to_pass", "suite": "original"},
)
NEW_TEST = "--- /dev/null\n+++ tests/test_calc.py\n@@ -0,0 +1,1 @@\n+import calc\n"


def edit(path: str, diff: str) -> dict[str, Any]:
    return {"type": "file_edit", "file_path": path, "diff_unified": diff}


def fixed(number: int = 1, **changes: Any) -> View:
    bare = patch().replace("a/calc", "calc").replace("b/calc", "calc")
    events = [edit("calc.py", bare), edit("tests/test_calc.py", NEW_TEST)]
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return replace(view(number, events=events, created_at=at, **changes), tests=TESTS)


def lines(*views: View) -> dict[str, dict[str, Any]]:
    return {line.part: line.value for line in swe_bench(*views)}


def test_an_instance_has_all_that_the_harness_asks_for() -> None:
    one = fixed()
    instance = lines(one)["instances"]
    assert instance["repo"] == "acme/calc-1"
    assert instance["instance_id"].startswith("acme__calc-1-")
    assert instance["base_commit"] == one.trace["start_commit"]
    assert instance["problem_statement"] == "add() subtracts\n\nadd(2, 3) returns -1."
    assert json.loads(instance["FAIL_TO_PASS"]) == ["tests/test_calc.py::a"]
    assert json.loads(instance["PASS_TO_PASS"]) == ["tests/test_calc.py::b"]
    assert instance["created_at"] == "2026-01-02T03:04:05+00:00"


def test_tests_of_its_own_decide_where_they_did() -> None:
    own = replace(fixed(), validation={"verdict": "fixed", "level": "verified_by_own_tests"})
    assert json.loads(lines(own)["instances"]["FAIL_TO_PASS"]) == ["tests/test_calc.py::own"]


def test_another_trace_of_the_task_predicts_the_same_instance() -> None:
    wrong = view(8, events=[edit("calc.py", patch(new="return a"))], verdict="not_fixed", environment={"model": "m-1"})
    first, second = lines(fixed()), lines(fixed(), wrong)
    assert list(second) == ["predictions"]
    predicted = second["predictions"]
    assert predicted["instance_id"] == first["instances"]["instance_id"] == first["predictions"]["instance_id"]
    assert (predicted["model_name_or_path"], first["predictions"]["model_name_or_path"]) == ("m-1", "human")
    assert "+    return a\n" in predicted["model_patch"]
    assert list(referred(["g", "h"], ["a", "g", "h"])) == [("g",), ("g", "a"), ("g", "h")]


def test_both_patches_apply_with_git(tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    instance = lines(fixed())["instances"]
    for name in ("patch", "test_patch"):
        subprocess.run(["git", "-C", tmp_path, "apply", "-"], input=instance[name].encode(), check=True)
    assert (tmp_path / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert (tmp_path / "tests" / "test_calc.py").read_text() == "import calc\n"
    assert "tests/" not in instance["patch"]
    assert "calc.py\n" not in instance["test_patch"].replace("test_calc.py", "")


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/data.txt", True),
        ("src/test_a.py", True),
        ("conftest.py", True),
        ("pkg/a_test.go", True),
        ("src/a.spec.ts", True),
        ("src/__tests__/a.js", True),
        ("src/contest.py", False),
        ("src/attest/a.py", False),
        ("src/testament.py", False),
    ],
)
def test_what_counts_as_a_test(path: str, is_test: bool) -> None:
    source, tests = split_patch(patch(path))
    assert (bool(source), bool(tests)) == (not is_test, is_test)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (fixed(start_commit=""), "start commit"),
        (replace(fixed(), tests=()), "failing to passing"),
        (fixed(verdict="flaky"), "verdict changed"),
        (replace(view(events=[edit("a.py", "--- a\n+++ b\n@@ -1,9 +1 @@\n x\n")]), tests=TESTS), "unified diff"),
    ],
)
def test_what_is_no_instance_is_left_out(one: View, reason: str) -> None:
    with pytest.raises(NotExportable, match=reason):
        lines(one)
