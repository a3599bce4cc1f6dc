"""The runners of Python's test frameworks: the programs of `inside`, sent to the container for each run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from sandbox.results import Report
from sandbox.runners.controls import for_pytest, for_unittest
from sandbox.runners.events import read_events
from sandbox.runners.runner import PINNED, Plan, Runner
from sandbox.spec import WORK, Statuses

# What stands in the process list has no secret: the programs and the plan come by standard input.
_BOOT = """
import json, sys, types
sent = json.loads(sys.stdin.buffer.read(int(sys.argv.pop())))
for name, source in sent["modules"]:
    sys.modules[name] = types.ModuleType(name)
    exec(compile(source, f"/usr/{name}", "exec"), vars(sys.modules[name]))
main = vars(sys.modules[name])["main"]
for name, _ in sent.pop("modules"):
    del sys.modules[name]
main(sent)
"""
_INSIDE = Path(__file__).parent / "inside"
_SHARED = ("channel", "tree", "watch")
PYTEST_LOADS = ("_pytest", "iniconfig", "pluggy", "py", "pygments", "pytest")  # modules that are not Python's own
_PYTEST_OPTIONS = (
    "-q",
    "--color=no",
    "--tb=short",
    "-p",
    "no:cacheprovider",
    "--continue-on-collection-errors",
    "--maxfail=0",  # a run that stops at the first failure says nothing about the rest
)
_NO_TESTS = 5

Controls = Callable[[str], tuple[str, Mapping[str, str]]]


def _command(plan: Plan, program: str, controls: Controls) -> tuple[str, ...]:
    return ("python3", "-P", "-c", _BOOT, str(len(_stdin(plan, program, controls))))


def _stdin(plan: Plan, program: str, controls: Controls) -> bytes:
    source, _ = controls(plan.nonce)
    modules = [[f"sandbox.runners.inside.{name}", (_INSIDE / f"{name}.py").read_text()] for name in (*_SHARED, program)]
    sent = {
        "modules": modules,
        "nonce": plan.nonce,
        "seed": plan.nonce[:8],
        "controls": source,
        "selection": plan.selection,
        "options": _PYTEST_OPTIONS,
        "work": WORK,
    }
    return json.dumps(sent).encode()


def _parse(report: bytes, plan: Plan, controls: Controls) -> Report:
    return read_events(report, plan.nonce, controls(plan.nonce)[1], controls_status=1)


def _paths(modules: Iterable[str]) -> tuple[str, ...]:
    """Where a tree would have modules of these names that are on its path."""
    suffixes = ("/__init__.py", ".py")
    return tuple(f"{root}{name}{suffix}" for name in modules for root in ("", "src/") for suffix in suffixes)


def _runner(
    name: str, program: str, controls: Controls, stopped: frozenset[int], markers: tuple[str, ...] = ()
) -> Runner:
    return Runner(
        name=name,
        image="python",
        markers=markers,
        environment={
            **PINNED,
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            # a *.dist-info folder in the tree would otherwise load itself into the runner as a plugin
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        command=lambda plan: _command(plan, program, controls),
        stdin=lambda plan: _stdin(plan, program, controls),
        # what only passes for one order of a set's members is flaky
        varied=lambda repeat: {"PYTHONHASHSEED": str(repeat)},
        parse=lambda report, plan: _parse(report, plan, controls),
        statuses=Statuses(no_tests=_NO_TESTS, stopped=stopped),
    )


# A Python project may have a package.json for its tools, so that these come before the marks of other languages.
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", "conftest.py", "requirements.txt")
PYTEST = replace(
    _runner("pytest", "pytest_program", for_pytest, frozenset({2, 3, 4}), _PROJECT), occupied=_paths(PYTEST_LOADS)
)
UNITTEST = _runner("unittest", "unittest_program", for_unittest, frozenset())
