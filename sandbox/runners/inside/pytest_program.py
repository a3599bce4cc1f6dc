"""Runs pytest inside the container and says on the channel what each test did, at the time it did it.

Everything of pytest is loaded before the tree is put on the path, so that no module of that tree can stand in for it.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import random
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from types import FunctionType
from typing import Any

import _pytest
import pytest
from _pytest.unittest import UnitTestCase

from sandbox.runners.inside.channel import Say, leave_by, open_channel
from sandbox.runners.inside.tree import Tree
from sandbox.runners.inside.watch import PROGRAMS, Watch

ROOTS = frozenset({"pytest", "_pytest", "pluggy", "unittest"})
BAD = {"failed", "error"}


class Reporter:
    """The plugin that says what happens, and puts the control tests between the others."""

    def __init__(self, say: Say, watch: Watch, tree: Tree, controls: str, seed: str) -> None:
        self._say, self._watch, self._tree = say, watch, tree
        self._controls, self._seed = controls, seed
        self._control_items: set[pytest.Item] = set()
        self._bodies: dict[pytest.Item, Any] = {}
        self._raised: dict[pytest.Item, bool] = {}
        self._items: dict[str, pytest.Item] = {}
        self._plugins: set[Any] = set()
        self._noted: set[str] = set()
        self.bad = 0  # failures and errors but those of the control tests

    def note(self, what: str | None) -> None:
        """Say once what should not be."""
        if what is not None and what not in self._noted:
            self._noted.add(what)
            self._say({"kind": "note", "what": what})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._plugins = set(session.config.pluginmanager.get_plugins())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        yield
        self._bodies = {item: body_of(item) for item in items}
        for path in {str(item.path) for item in items}:
            self.note(self._tree.changed(path))
        if items:
            self._mix(items, self._control_tests(session))

    def _control_tests(self, session: pytest.Session) -> list[pytest.Item]:
        folder = tempfile.mkdtemp()
        path = Path(folder, f"test_{self._seed}.py")
        path.write_text(self._controls)
        module = pytest.Module.from_parent(session, path=path)
        found: list[pytest.Item] = []
        for name, value in list(vars(module.obj).items()):  # not as the project's settings name its own tests
            if isinstance(value, FunctionType):
                found.append(pytest.Function.from_parent(module, name=name, callobj=value))
            elif isinstance(value, type):
                found.extend(session.genitems(UnitTestCase.from_parent(module, name=name, obj=value)))
        path.unlink()
        sys.path[:] = [entry for entry in sys.path if entry != folder]
        self._control_items = set(found)
        return found

    def _mix(self, items: list[pytest.Item], controls: list[pytest.Item]) -> None:
        # not within a module or package: its fixtures would be made twice
        places = [0, *(n for n in range(1, len(items)) if _apart(items[n - 1], items[n])), len(items)]
        chance = random.Random(self._seed)
        for place in sorted((chance.choice(places) for _ in controls), reverse=True):
            items.insert(place, controls.pop(chance.randrange(len(controls))))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed" and report.nodeid:
            status = "skipped" if report.skipped else "error"
            self.bad += status in BAD
            self._say({"kind": "file", "id": report.nodeid, "status": status})

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.note(self._watch.finished())
        self._look_at_plugins(session.config)
        self._items = {item.nodeid: item for item in session.items}
        self._say({"kind": "collected", "ids": [self._id(item) for item in session.items]})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._raised[item] = True
        given = yield
        self._raised[item] = False
        return given

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if type(report) is not pytest.TestReport:  # of a part of a test, whose own report follows
            if report.failed:
                self._tell("part", report)
            return
        if report.when == "call":
            self._look_at_test(self._items[report.nodeid], report)
        if report.when == "call" or not report.passed:
            self._tell(str(report.when), report)

    def _tell(self, kind: str, report: pytest.TestReport) -> None:
        item, status = self._items[report.nodeid], status_of(report)
        self.bad += status in BAD and item not in self._control_items
        self._say({"kind": kind, "id": self._id(item), "status": status, "us": _us(report) if kind != "part" else 0})

    def _look_at_test(self, item: pytest.Item, report: pytest.TestReport) -> None:
        self.note(self._watch.soon())
        raised = self._raised.pop(item, True)
        if raised and report.passed and not hasattr(report, "wasxfail"):
            self.note(f"{item.nodeid} raised and was reported as passed")
        if item in self._bodies and (self._bodies[item] is not body_of(item) or "runtest" in vars(item)):
            self.note(f"{item.nodeid} was replaced")

    def _look_at_plugins(self, config: pytest.Config) -> None:
        for plugin in set(config.pluginmanager.get_plugins()) - self._plugins:
            path = str(getattr(plugin, "__file__", None))
            if os.path.basename(path) == "conftest.py":
                self.note(self._tree.changed(path))
            elif not path.startswith(PROGRAMS):
                self.note(f"the plugin {getattr(plugin, '__name__', type(plugin).__name__)} was registered")
        for name, caller in vars(config.hook).items():
            registered = config.pluginmanager.get_plugins()
            if not all(hook.plugin in registered for hook in caller.get_hookimpls()):
                self.note(f"the hook {name} was changed")

    def _id(self, item: pytest.Item) -> str:
        return f"control::{item.name}" if item in self._control_items else item.nodeid

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        given = yield
        self.note(self._watch.finished())
        self._look_at_plugins(session.config)
        return given


def body_of(item: pytest.Item) -> Any:
    """The code that a test runs."""
    function = getattr(item, "obj", None)
    function = getattr(function, "__func__", function)
    return getattr(function, "__code__", function)


def status_of(report: pytest.TestReport) -> str:
    """passed, failed, skipped or error."""
    if report.passed or report.skipped:
        return report.outcome
    return "failed" if report.when == "call" else "error"


def _us(report: pytest.TestReport) -> int:
    return round(report.duration * 1_000_000)


def _apart(one: pytest.Item, other: pytest.Item) -> bool:
    shared = set(one.listchain()) & set(other.listchain())
    return not any(isinstance(node, pytest.Module | pytest.Package) for node in shared)


def main(plan: dict[str, Any]) -> None:
    """Run the tests and end the process."""
    say, leave = open_channel(plan.pop("nonce")), leave_by()
    for module in pkgutil.walk_packages(_pytest.__path__, "_pytest."):
        importlib.import_module(module.name)
    watch, tree = Watch(ROOTS), Tree(plan["work"])
    reporter = Reporter(say, watch, tree, plan.pop("controls"), plan.pop("seed"))
    sys.path[:0] = [plan["work"], os.path.join(plan["work"], "src")]
    status = int(pytest.main([*plan["options"], *plan["selection"]], plugins=[reporter]))
    say({"kind": "end", "status": status})
    # the control tests have made it 1; what it would be without them has to fit to what was said
    leave(int(reporter.bad > 0) if status in {0, 1} else status)
