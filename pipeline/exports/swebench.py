"""Traces as SWE-bench instances and predictions.

An instance is a task: the repository at the start commit, what is to be fixed, and, from a trace of which the sandbox
says that it fixes it, the patch, its tests, and the tests that must go from failing to passing or keep passing
(lists of ids as JSON, as in SWE-bench itself). Every trace of the task with a change of one patch predicts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import orjson
from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from pipeline.exports.patches import patch_of
from pipeline.exports.splits import repository
from pipeline.exports.view import Line, NotExportable, Row, View

_TEXT = ("repo", "instance_id", "base_commit", "patch", "test_patch", "problem_statement", "hints_text", "created_at")
COLUMNS: dict[str, dict[str, Any]] = {
    "instances": dict.fromkeys(
        (*_TEXT, "version", "FAIL_TO_PASS", "PASS_TO_PASS", "environment_setup_commit", "trace_id"), "string"
    ),
    "predictions": {
        **dict.fromkeys(
            ("instance_id", "model_name_or_path", "model_patch", "trace_id", "reference_trace_id"), "string"
        ),
        "verdict": "string",
    },
}
_TESTS = re.compile(
    r"(^|/)(tests?|testing|__tests__|spec)/|(^|/)(test_[^/]*|conftest\.py)$|_test\.[a-z]+$|[.-](test|spec)\.[cm]?[jt]sx?$"
)
_NO_NAME = "/dev/null"


def swe_bench(reference: View, other: View | None = None) -> Iterator[Line]:
    """The instance that the reference gives, with its own prediction; or what another trace of the task predicts."""
    instance_id = _instance_id(reference.trace)
    instance = _instance(reference, instance_id)
    if other is None:
        yield Line("instances", instance)
    yield Line("predictions", _prediction(other or reference, instance_id, reference.id))


def _instance(view: View, instance_id: str) -> dict[str, Any]:
    if view.verdict != "fixed":
        raise NotExportable("its verdict changed since")
    if not view.trace["start_commit"]:
        raise NotExportable("its start commit is unknown")
    if (failing := _ids(view, "fail_to_pass")) == "[]":
        raise NotExportable("no test is known that goes from failing to passing")
    source, tests = split_patch(patch_of(view.events))
    trace = view.trace
    return {
        "repo": "/".join(repository(trace["repo_origin"]).split("/")[-2:]),
        "instance_id": instance_id,
        "base_commit": trace["start_commit"],
        "patch": source,
        "test_patch": tests,
        "problem_statement": "\n\n".join(filter(None, (trace["task_title"], trace["task_description"]))),
        "hints_text": "",
        "created_at": trace["created_at"].isoformat(),
        "version": "",
        "FAIL_TO_PASS": failing,
        "PASS_TO_PASS": _ids(view, "pass_to_pass"),
        "environment_setup_commit": trace["start_commit"],
        "trace_id": view.id,
    }


def _prediction(view: View, instance_id: str, reference: str) -> dict[str, Any]:
    labels = view.trace["environment"]
    return {
        "instance_id": instance_id,
        "model_name_or_path": labels.get("model") or labels.get("agent") or "human",
        "model_patch": "".join(split_patch(patch_of(view.events))),
        "trace_id": view.id,
        "reference_trace_id": reference,
        "verdict": view.verdict,
    }


def split_patch(text: str) -> tuple[str, str]:
    """What a patch changes outside of test files, and in them; paths as `git apply` expects them. Raises
    NotExportable for what is no unified diff."""
    try:
        files = PatchSet(text)
    except UnidiffParseError:
        raise NotExportable("its change is no unified diff") from None
    sides: tuple[list[str], list[str]] = ([], [])
    for file in files:
        path = file.path
        for side, letter in (("source_file", "a"), ("target_file", "b")):
            name = getattr(file, side)
            if name != _NO_NAME and not name.startswith(f"{letter}/"):
                setattr(file, side, f"{letter}/{name}")
        sides[bool(_TESTS.search(path))].append(str(file))
    return "".join(sides[0]), "".join(sides[1])


def _ids(view: View, category: str) -> str:
    """Of the tests of the start commit where they decide, else of the trace's own."""
    own = "trace" if view.validation and view.validation["level"] == "verified_by_own_tests" else "original"
    found = [row["test_id"] for row in view.tests if row["category"] == category and row["suite"] == own]
    return orjson.dumps(found).decode()


def _instance_id(trace: Row) -> str:
    owner_and_name = "__".join(repository(trace["repo_origin"]).split("/")[-2:])
    task = [trace["project"], trace["repo_origin"], trace["task_id"], trace["start_commit"]]
    return f"{owner_and_name}-{sha256(orjson.dumps(task)).hexdigest()[:12]}"
