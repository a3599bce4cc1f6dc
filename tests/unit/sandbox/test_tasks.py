"""What an operator says of a task is understood, or refused with the place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.failures import NoVerdict
from sandbox.job import Case, Task
from sandbox.taskfolder import find_task
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
        (b'{"PASS_TO_PASS": ["-pevil"]}', "PASS_TO_PASS has -pevil"),
        (b'{"cases": {}}', "cases is not a list of objects"),
        (b'{"black_box_tests": ["test_a.py"]}', "black_box_tests is not an object of texts"),
        (b'{"black_box_tests": {"../test_a.py": ""}}', "black_box_tests has '../test_a.py'"),
        (b'{"black_box_tests": {"test_a.py": "", "program.py": ""}}', "black_box_tests has 'program.py'"),
        (b'{"black_box_tests": {"data.json": "{}"}}', "black_box_tests has no file of tests"),
        (b'{"cases": [{"name": "no argv"}]}', "a case has a name"),
        (b'{"cases": [{"name": "a", "argv": ["a"], "exit_status": "0"}]}', "exit_status of the case a"),
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


def test_a_case_says_what_a_program_answers() -> None:
    given = [
        {"name": "adds", "argv": ["python3", "main.py"], "stdin": "1 2", "stdout": "3\n"},
        {"name": "usage", "argv": ["python3", "main.py"], "exit_status": 2},
    ]
    adds, usage = task_of(json.dumps({"cases": given}).encode()).cases
    assert adds == Case(name="adds", argv=("python3", "main.py"), stdin=b"1 2", stdout=b"3\n", exit_status=0)
    assert (usage.name, usage.stdin, usage.stdout, usage.exit_status) == ("usage", b"", b"", 2)


def test_black_box_tests_are_files_by_name() -> None:
    task = task_of(b'{"black_box_tests": {"test_a.py": "from program import run\\n", "data.json": "{}"}}')
    assert task.black_box_tests == {"test_a.py": b"from program import run\n", "data.json": b"{}"}
    assert task.black_box
    assert task_of(b'{"cases": [{"name": "a", "argv": ["a"]}]}').black_box
    assert not Task().black_box


@pytest.mark.parametrize("task_id", ["unknown", "../team__calc-1", "/etc/passwd", "", ".hidden"])
def test_only_a_file_of_the_folder_itself_is_a_task_s(tmp_path: Path, task_id: str) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "team__calc-1.json").write_text('{"runner": "unittest"}')
    assert find_task(tmp_path / "tasks", task_id) == find_task(None, "team__calc-1") == Task()
    assert find_task(tmp_path, "team__calc-1") == Task(runner="unittest")


def test_a_file_that_cannot_be_used_ends_the_validation(tmp_path: Path) -> None:
    (tmp_path / "team__calc-1.json").write_text("[]")
    with pytest.raises(NoVerdict) as ended:
        find_task(tmp_path, "team__calc-1")
    assert ended.value.outcome.reason == "bad_task"
