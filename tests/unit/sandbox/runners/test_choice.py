"""Which test framework a repository gets."""

from __future__ import annotations

import pytest

from sandbox.job import Task
from sandbox.runners import DEFAULT, LOOKED_FOR, MARKERS, RUNNERS, choose


def test_without_a_marker_the_default_runs() -> None:
    assert choose(Task(), ()) is DEFAULT
    assert choose(Task(), {"README.md"}) is DEFAULT


@pytest.mark.parametrize(
    ("root", "name"),
    [
        ({"package.json", "lib"}, "node"),
        ({"package.json", "pyproject.toml"}, "pytest"),  # tools of a Python project
        ({"setup.py"}, "pytest"),
    ],
)
def test_the_root_of_the_tree_tells(root: set[str], name: str) -> None:
    assert choose(Task(), root) is RUNNERS[name]


@pytest.mark.parametrize("name", RUNNERS)
def test_the_task_s_word_outweighs_every_marker(name: str) -> None:
    assert choose(Task(runner=name), MARKERS) is RUNNERS[name]


def test_each_runner_is_found_by_its_name_and_each_marker_by_one() -> None:
    assert {name: runner.name for name, runner in RUNNERS.items()} == {name: name for name in RUNNERS}
    assert len(set(MARKERS)) == len(MARKERS)


def test_what_a_runner_runs_on_is_looked_for_and_chooses_none() -> None:
    occupied = RUNNERS["pytest"].occupied
    assert {"pluggy/__init__.py", "src/iniconfig/__init__.py", "src/py.py"} <= set(occupied) <= set(LOOKED_FOR)
    assert choose(Task(), occupied) is DEFAULT
