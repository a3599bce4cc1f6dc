"""Runs unittest's tests inside the container and says on the channel what each did, at the time it did it."""

from __future__ import annotations

import importlib
import os
import pkgutil
import random
import sys
import types
import unittest
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.runners.inside.channel import Say, leave_by, open_channel
from sandbox.runners.inside.tree import Tree
from sandbox.runners.inside.watch import Watch

ROOTS = frozenset({"unittest"})
NO_TESTS = 5
CONTROLS = "control"
_TEST_FOLDERS = ("test", "tests")
_LOADER_HAS = {"errors", "_loading_packages", "_top_level_dir"}


class Reporter(unittest.TestResult):
    """The result that says each test's status when the test stops; of several the worst."""

    _WORSE = ("passed", "skipped", "failed", "error")

    def __init__(self, say: Say, watch: Watch, work: str, tests: Sequence[unittest.TestCase]) -> None:
        super().__init__()
        self._say, self._watch, self._work = say, watch, work
        self._left = {id for test in tests if not (id := id_of(test, work)).startswith(CONTROLS)}
        self._bodies = {test: body_of(test) for test in tests}
        self._now: dict[unittest.TestCase, str] = {}
        self._noted: set[str] = set()
        self.bad = 0

    def note(self, what: str | None) -> None:
        """Say once what should not be."""
        if what is not None and what not in self._noted:
            self._noted.add(what)
            self._say({"kind": "note", "what": what})

    def _meet(self, test: Any, status: str) -> None:
        if isinstance(test, unittest.TestCase):
            self._now[test] = max(self._now.get(test, status), status, key=self._WORSE.index)
        else:  # what is made for a whole class or module failed: none of its tests runs
            for id in sorted(id for id in self._left if _made_for(test.id(), id)):
                self._tell(id, status)

    def _tell(self, id: str, status: str) -> None:
        self._left.discard(id)
        self.bad += status in {"failed", "error"} and not id.startswith(CONTROLS)
        self._say({"kind": "call", "id": id, "status": status, "us": 0})

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.note(self._watch.soon())
        body = body_of(test)
        if self._bodies.get(test, body) is not body or "run" in vars(test):
            self.note(f"{test.id()} was replaced")
        self._tell(id_of(test, self._work), self._now.pop(test, "error"))

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._meet(test, "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: ARG002
        self._meet(test, "skipped")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: ARG002
        self._meet(test, "failed")

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: ARG002
        self._meet(test, "error")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: ARG002
        if err is not None:
            self._meet(test, "failed")

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: ARG002
        self._meet(test, "skipped")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._meet(test, "failed")


def id_of(test: unittest.TestCase, work: str) -> str:
    """`file::Class::method`, as pytest names the same test; the file alone where it could not be loaded."""
    name = getattr(test, "_testMethodName", "")
    if type(test).__name__ == "_FailedTest":
        return name.replace(".", "/") + ".py"
    if type(test).__module__ == CONTROLS:
        return f"{CONTROLS}::{name}"
    path = getattr(sys.modules.get(type(test).__module__), "__file__", None) or type(test).__module__
    return "::".join([os.path.relpath(path, work), *type(test).__qualname__.split("."), name])


def body_of(test: unittest.TestCase) -> Any:
    """The code that a test runs."""
    function = getattr(test, getattr(test, "_testMethodName", ""), None)
    function = getattr(function, "__func__", function)
    return getattr(function, "__code__", function)


def _made_for(description: str, id: str) -> bool:
    where = description.partition("(")[2].rstrip(")").split(".")  # setUpClass (tests.test_a.TestB)
    parts = [*id.partition("::")[0].removesuffix(".py").split("/"), *id.split("::")[1:-1]]
    return any(parts[n : n + len(where)] == where for n in range(len(parts)))


def _flat(tests: Any) -> Iterator[unittest.TestCase]:
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _discovered(work: str) -> tuple[list[unittest.TestCase], str | None]:
    """All tests below `work`, also those in folders of tests that are no packages; and what was done to a loader.

    A module's `load_tests` is given the loader, which could then make other tests of the modules that follow.
    """
    folders = [os.path.join(work, name) for name in _TEST_FOLDERS]
    apart = [name for name in folders if os.path.isdir(name) and not os.path.exists(os.path.join(name, "__init__.py"))]
    found: list[unittest.TestCase] = []
    changed = None
    for folder in (work, *apart):
        loader = unittest.TestLoader()
        found += _flat(loader.discover(folder, top_level_dir=folder))
        if more := vars(loader).keys() - _LOADER_HAS:
            changed = f"the loader's {min(more)} was replaced"
    return found, changed


def _selected(id: str, selection: Sequence[str]) -> bool:
    """Whether a test is in a file, folder, class or module of `selection`: by path, or by unittest's dotted name."""
    dotted = id.replace(".py::", ".").replace("::", ".").replace("/", ".")
    return not selection or any(
        id == wanted or id.startswith((f"{wanted}::", f"{wanted}/")) or f"{dotted}.".startswith(f"{wanted}.")
        for wanted in selection
    )


def _controls(source: str) -> list[unittest.TestCase]:
    module = types.ModuleType(CONTROLS)
    exec(compile(source, CONTROLS, "exec"), vars(module))
    return list(_flat(unittest.TestLoader().loadTestsFromModule(module)))


def _mixed(tests: list[unittest.TestCase], controls: list[unittest.TestCase], seed: str) -> list[unittest.TestCase]:
    chance = random.Random(seed)
    places = [0, *(n for n in range(1, len(tests)) if type(tests[n]) is not type(tests[n - 1])), len(tests)]
    for place in sorted((chance.choice(places) for _ in controls), reverse=True):
        tests.insert(place, controls.pop(chance.randrange(len(controls))))
    return tests


def main(plan: dict[str, Any]) -> None:
    """Run the tests and end the process."""
    say, leave = open_channel(plan.pop("nonce")), leave_by()
    for module in pkgutil.iter_modules(unittest.__path__, "unittest."):
        if module.name != "unittest.__main__":
            importlib.import_module(module.name)
    watch, tree, work = Watch(ROOTS), Tree(plan["work"]), plan["work"]
    sys.path[:0] = [work, os.path.join(work, "src")]
    found, changed_loader = _discovered(work)
    tests = [test for test in found if _selected(id_of(test, work), plan["selection"])]
    ids = [id_of(test, work) for test in tests]
    files = {os.path.join(work, id.partition("::")[0]) for id in ids}
    if tests:
        tests = _mixed(tests, _controls(plan.pop("controls")), plan.pop("seed"))
    reporter = Reporter(say, watch, work, tests)
    reporter.note(changed_loader)
    for changed in map(tree.changed, sorted(files)):
        reporter.note(changed)
    reporter.note(watch.finished())
    say({"kind": "collected", "ids": [id_of(test, work) for test in tests]})
    unittest.TestSuite(tests).run(reporter)
    reporter.note(watch.finished())
    status = int(reporter.bad > 0) if ids else NO_TESTS
    say({"kind": "end", "status": 1 if ids else NO_TESTS})
    leave(status)
