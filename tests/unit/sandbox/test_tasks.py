"""What an operator says of a task is understood, or refused with the place."""

from __future__ import annotations

import json

import pytest

from sandbox.job import Task
from sandbox.tasks import BadTask, task_of, with_command


def test_an_instance_of_swe_bench_is_a_task() -> None:
    instance = {
        "instance_id": "team__calc-1",
        "FAIL_TO_PASS": '["tests/test_calc.py::test_add"]',
        "PASS_TO_PASS": ["tests/test_calc.py::test_sub"],
        "test_patch": "diff --git a/t b/t\n",
        "runner": "pytest",
        "tests": ["tests"],
    }
    assert task_of(json.dumps(instance).encode()) == Task(
        fail_to_pass=("tests/test_calc.py::test_add",),
        pass_to_pass=("tests/test_calc.py::test_sub",),
        test_patch=b"diff --git a/t b/t\n",
        runner="pytest",
        selection=("tests",),
    )
    assert task_of(b"{}") == Task()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"FAIL_TO_PASS": "test_a"}', "FAIL_TO_PASS is not a list"),
        (b'{"PASS_TO_PASS": [1]}', "PASS_TO_PASS is not a list of texts"),
        (b'{"test_patch": ["x"]}', "test_patch is not a text"),
        (b'{"runner": "make"}', "no runner make; there are: pytest"),
    ],
)
def test_another_file_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(BadTask, match=reason):
        task_of(document)


@pytest.mark.parametrize(
    ("command", "runner", "selection"),
    [
        ("pytest", "pytest", ()),
        (
            "pytest tests/test_a.py 'tests/test_b.py::test_c[a b]'",
            "pytest",
            ("tests/test_a.py", "tests/test_b.py::test_c[a b]"),
        ),
        ("python -m unittest tests.test_a", "unittest", ("tests.test_a",)),
    ],
)
def test_a_command_is_a_runner_and_what_it_runs(command: str, runner: str, selection: tuple[str, ...]) -> None:
    assert with_command(Task(fail_to_pass=("a",)), command) == Task(
        fail_to_pass=("a",), runner=runner, selection=selection
    )


@pytest.mark.parametrize("command", ["", "make test", "pytest -p evil", "python -m", "pytest 'open"])
def test_another_command_is_refused(command: str) -> None:
    with pytest.raises(BadTask):
        with_command(Task(), command)
