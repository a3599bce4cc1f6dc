"""The test frameworks that the sandbox can run, and which of them a repository gets."""

from __future__ import annotations

from collections.abc import Collection

from sandbox.job import Task
from sandbox.runners.node import NODE
from sandbox.runners.python import PYTEST, UNITTEST
from sandbox.runners.runner import Runner

RUNNERS = {"pytest": PYTEST, "unittest": UNITTEST, "node": NODE}
DEFAULT = PYTEST
MARKERS = tuple(marker for runner in RUNNERS.values() for marker in runner.markers)
LOOKED_FOR = (*MARKERS, *(path for runner in RUNNERS.values() for path in runner.occupied))


def choose(task: Task, root: Collection[str]) -> Runner:
    """The task's runner, else the first of which a marker is among `root`, the names at the root of the start commit.

    Raises KeyError where the task names none of RUNNERS.
    """
    if task.runner is not None:
        return RUNNERS[task.runner]
    return next((runner for runner in RUNNERS.values() if any(name in root for name in runner.markers)), DEFAULT)
