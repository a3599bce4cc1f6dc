"""Which test framework a repository gets."""

from __future__ import annotations

import pytest

from sandbox.job import Task
from sandbox.runners import DEFAULT, MARKERS, RUNNERS, choose


def test_without_a_marker_the_default_runs() -> None:
    assert choose(Task(), ()) is DEFAULT
    assert choose(Task(), {"README.md"}) is DEFAULT


@pytest.mark.parametrize("name", RUNNERS)
def test_the_task_s_word_outweighs_every_marker(name: str) -> None:
    assert choose(Task(runner=name), MARKERS) is RUNNERS[name]


def test_each_runner_is_found_by_its_name_and_each_marker_by_one() -> None:
    assert {name: runner.name for name, runner in RUNNERS.items()} == {name: name for name in RUNNERS}
    assert len(set(MARKERS)) == len(MARKERS)
