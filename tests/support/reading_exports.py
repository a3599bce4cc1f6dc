"""What each format's own readers must find in an export, whatever traces it is of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeline.exports.formats import FORMATS
from tests.support.readers import Readers

SHAPES = {
    "chat": [["text"]],
    "prompt-completion": [["completion", "prompt"]],
    "preference": [["chosen", "prompt", "rejected"]],
}
_ARROW = {"string": "Value('string')", "int64": "Value('int64')", "float64": "Value('float64')"}


def read_back(readers: Readers, export: Path, name: str) -> None:
    """Every reader of the format reads the folder and finds what is in it."""
    _hub(readers, export, name)
    if name in SHAPES:
        _trainer(readers, export, name)
    elif name in _DOCUMENTS:
        _DOCUMENTS[name](readers, export)


def _hub(readers: Readers, export: Path, name: str) -> None:
    found = readers.python("hub", export)
    head = yaml.safe_load((export / "README.md").read_text().split("---")[1])
    assert (found["license"], found["tags"]) == (head["license"], head["tags"])
    assert found["viewer"] is bool(FORMATS[name].columns or FORMATS[name].rows)
    for part, columns in FORMATS[name].columns.items():
        splits = found["configs"][part]
        written = {path.name.split("-")[0] for path in export.glob(f"{part}/*.jsonl")}
        assert set(splits) == written
        for split, loaded in splits.items():
            lines = [line for path in export.glob(f"{part}/{split}-*.jsonl") for line in path.read_bytes().splitlines()]
            assert loaded["rows"] == len(lines)
            assert sorted(loaded["trace_ids"]) == sorted(
                filter(None, (json.loads(one).get("trace_id") for one in lines))
            )
            assert loaded["columns"] == {column: _feature(of) for column, of in columns.items()}


def _feature(of: Any) -> str:
    if isinstance(of, list):
        inner = ", ".join(f"'{name}': {_feature(kind)}" for name, kind in of[0].items())
        return f"List({{{inner}}})"
    return _ARROW[of]


def _trainer(readers: Readers, export: Path, name: str) -> None:
    found = readers.python("trainer", export)
    rows = sum(len(path.read_bytes().splitlines()) for path in export.glob("data/*.jsonl"))
    assert (found["rows"], found["conversational"], found["shapes"]) == (rows, True, SHAPES[name])
    if name == "preference":
        assert (found["unpaired"], found["prompt_found"]) == (2 * rows, True)


def _harness(readers: Readers, export: Path) -> None:
    found = readers.python("harness", export)
    lines = [json.loads(line) for path in export.glob("[!.]*/*.jsonl") for line in path.read_bytes().splitlines()]
    instances = [line for line in lines if "base_commit" in line]
    assert sorted(found["instances"]) == sorted(one["instance_id"] for one in instances)
    assert sorted(found["tests"]) == sorted(json.loads(one["FAIL_TO_PASS"]) for one in instances)
    assert found["lacking"] == []
    assert found["predictions"] == found["evaluated"] == len(lines) - len(instances)


def _trajectories(readers: Readers, export: Path) -> None:
    files = [json.loads(path.read_bytes()) for path in export.glob("trajectories/*/*.json")]
    assert readers.python("trajectories", export) == {one["trajectory_id"]: len(one["steps"]) for one in files}


def _sessions(readers: Readers, export: Path) -> None:
    found = readers.python("sessions", export)
    files = list(export.glob("sessions/*/*.jsonl"))
    assert {(one, told["split"]) for one, told in found.items()} == {(path.stem, path.parent.name) for path in files}
    for path in files:
        _, *lines = (json.loads(line) for line in path.read_bytes().splitlines())
        roles = [line["message"]["role"] for line in lines]
        told = found[path.stem]
        assert told["users"] == roles.count("user")
        assert told["roles"].count("user") == roles.count("user")
        assert told["prompt"] == lines[0]["message"]["content"]


def _junit(readers: Readers, export: Path) -> None:
    found = readers.python("junit_xml", export)
    assert set(found) == {path.name for path in export.glob("reports/*/*.xml")}
    assert all(tests for tests, *_ in found.values())


def _ctrf(readers: Readers, export: Path) -> None:
    found = readers.node("ctrf_reports", export)
    assert set(found) == {path.name for path in export.glob("reports/*/*.json")}
    assert all(tests for tests, *_ in found.values())


_DOCUMENTS: dict[str, Callable[[Readers, Path], None]] = {
    "swe-bench": _harness,
    "atif": _trajectories,
    "session-trace": _sessions,
    "junit": _junit,
    "ctrf": _ctrf,
}
