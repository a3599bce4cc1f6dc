"""The programs that run beside the code under test: what they say of each test, and what they notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.reports.model import BadReport
from sandbox.results import Report, Unfinished
from sandbox.runners import RUNNERS
from sandbox.runners.runner import Plan
from sandbox.spec import WORK

NONCE = "5e" * 16
PYTHON = [name for name, runner in RUNNERS.items() if runner.image == "python"]
CLASSIC = """
import unittest

class TestGroup(unittest.TestCase):
    def test_passes(self): pass
    def test_fails(self): self.assertEqual(1, 2)
    def test_breaks(self): raise OSError
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n): self.assertNotEqual(n, 1)
    @unittest.skip("no")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()

class TestUnmade(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError
    def test_never(self): pass
"""
MODERN = """
import pytest

class TestGroup:
    @pytest.mark.parametrize("text", ["x.y", "a::b"])
    def test_parameter(self, text): pass

@pytest.fixture
def broken():
    yield
    raise OSError

def test_broken_afterwards(broken): pass
def test_fails_and_breaks(broken): assert 0
def test_fails(): assert 0
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.mark.skip
def test_skipped(): pass
"""


def run(folder: Path, files: dict[str, str], runner: str = "pytest", selection: tuple[str, ...] = ()) -> Report:
    """What the runner's program says of a folder with these files, and that its exit status fits."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    chosen, plan = RUNNERS[runner], Plan(selection=selection, nonce=NONCE)
    sent = json.loads(chosen.stdin(plan)) | {"work": str(folder)}
    data = json.dumps(sent).encode()
    command = [sys.executable, *chosen.command(plan)[1:-1], str(len(data))]
    done = subprocess.run(
        command,
        input=data,
        cwd=folder,
        env=dict(chosen.environment),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert WORK not in chosen.command(plan)
    report = chosen.parse(done.stdout, plan)
    not_passed = sum(status in {"failed", "error"} for status in report.results.values())
    assert done.returncode == chosen.statuses.expected(len(report.results), not_passed), done.stderr.decode()
    return report


def test_pytest_s_tests_have_their_status_and_id(tmp_path: Path) -> None:
    report = run(tmp_path, {"tests/test_all.py": MODERN, "tests/test_unloadable.py": "import not_there\n"})
    assert report.results == {
        "tests/test_unloadable.py": "error",
        "tests/test_all.py::TestGroup::test_parameter[x.y]": "passed",
        "tests/test_all.py::TestGroup::test_parameter[a::b]": "passed",
        "tests/test_all.py::test_broken_afterwards": "error",
        "tests/test_all.py::test_fails_and_breaks": "error",
        "tests/test_all.py::test_fails": "failed",
        "tests/test_all.py::test_expected": "skipped",
        "tests/test_all.py::test_skipped": "skipped",
    }
    assert report.notes == ()


@pytest.mark.parametrize("runner", PYTHON)
@pytest.mark.parametrize("package", [True, False])
def test_unittest_s_tests_have_the_same_ids_with_either_runner(tmp_path: Path, runner: str, package: bool) -> None:
    files = {"tests/test_all.py": CLASSIC} | ({"tests/__init__.py": ""} if package else {})
    results = run(tmp_path, files, runner).results
    expected = {
        "TestGroup::test_passes": {"passed"},
        "TestGroup::test_fails": {"failed"},
        "TestGroup::test_breaks": {"failed", "error"},
        "TestGroup::test_parts": {"failed"},
        "TestGroup::test_skipped": {"skipped"},
        "TestGroup::test_expected": {"skipped"},
        "TestUnmade::test_never": {"error"},
    }
    assert results.keys() == {f"tests/test_all.py::{name}" for name in expected}
    for name, statuses in expected.items():
        assert results[f"tests/test_all.py::{name}"] in statuses, name


@pytest.mark.parametrize("runner", PYTHON)
def test_only_what_is_selected_runs(tmp_path: Path, runner: str) -> None:
    files = {"test_a.py": CLASSIC, "test_b.py": CLASSIC}
    assert {id.partition("::")[0] for id in run(tmp_path, files, runner, ("test_a.py",)).results} == {"test_a.py"}
    one = "test_b.py::TestGroup::test_passes"
    assert run(tmp_path, files, runner, (one,)).results == {one: "passed"}


@pytest.mark.parametrize("module", ["tests.test_a", "tests.test_a.TestGroup", "tests.test_a.TestGroup.test_passes"])
def test_unittest_takes_names_with_dots(tmp_path: Path, module: str) -> None:
    results = run(tmp_path, {"tests/test_a.py": CLASSIC, "tests/test_ab.py": CLASSIC}, "unittest", (module,)).results
    assert results["tests/test_a.py::TestGroup::test_passes"] == "passed"
    assert {id.partition("::")[0] for id in results} == {"tests/test_a.py"}


@pytest.mark.parametrize("runner", PYTHON)
def test_a_tree_without_tests_has_no_results(tmp_path: Path, runner: str) -> None:
    assert run(tmp_path, {"calc.py": ""}, runner).results == {}


PASSES = (
    "import unittest, calc\n\nclass TestOne(unittest.TestCase):\n    def test_one(self): assert calc.add(1, 2) == 3\n"
    "    def test_two(self): assert calc.add(1, 1) == 2\n"
)
TRICKS = {
    "test method": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n",
    "test code": "import unittest\nunittest.TestCase.run.__code__ = (lambda self, result=None: None).__code__\n",
    "builtin": "import builtins\nbuiltins.isinstance = lambda *a: True\n",
    "module": "import sys, types\nsys.modules['unittest'] = types.ModuleType('unittest')\n",
    "tracing": "import sys\nsys.settrace(lambda *a: None)\n",
    "equality": "class Yes:\n    def __eq__(self, other): return True\nadd = lambda a, b: Yes()\n",
    "equal number": "class Yes(int):\n    __hash__ = None\n    def __eq__(self, other): return True\n",
    "run": "def add(a, b):\n    import gc, unittest\n    for case in gc.get_objects():\n"
    "        if isinstance(case, unittest.TestCase): case.run = lambda result=None: None\n    return a + b\n",
    "rewritten": "import pathlib\nfor p in pathlib.Path().rglob('test_*.py'): p.write_text('')\n",
}


@pytest.mark.parametrize("runner", PYTHON)
@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
def test_reaching_for_the_framework_is_noticed(tmp_path: Path, trick: str, runner: str) -> None:
    try:
        report = run(
            tmp_path, {"calc.py": f"def add(a, b): return a + b\n{trick}", "tests/test_one.py": PASSES}, runner
        )
    except BadReport:
        return
    assert report.notes


def test_a_test_of_unittest_that_is_exchanged_after_it_was_found_is_noticed(tmp_path: Path) -> None:
    exchanging = """import sys

def add(a, b):
    for module in list(sys.modules.values()):
        if found := getattr(module, "TestOne", None):
            found.test_two = lambda self: None
    return a + b
"""
    report = run(tmp_path, {"calc.py": exchanging, "tests/test_one.py": PASSES}, "unittest")
    assert report.notes == ("test_one.TestOne.test_two was replaced",)
    # pytest runs the method that it has found
    assert run(tmp_path, {"calc.py": exchanging.replace("a + b", "3")}).results == {
        "tests/test_one.py::TestOne::test_one": "passed",
        "tests/test_one.py::TestOne::test_two": "failed",
    }


def test_a_loader_that_is_changed_while_tests_are_found_is_noticed(tmp_path: Path) -> None:
    changing = "def load_tests(loader, tests, pattern):\n"
    changing += "    loader.getTestCaseNames = lambda case: ['test_one']\n    return tests\n"
    files = {"calc.py": "def add(a, b): return a + b\n", "tests/__init__.py": "", "tests/test_one.py": PASSES}
    assert run(tmp_path, files, "unittest").notes == ()
    changed = run(tmp_path, {**files, "testaaa.py": changing}, "unittest")
    assert changed.notes == ("the loader's getTestCaseNames was replaced",)


HONEST = """
import builtins, unittest, typing, dataclasses, enum, collections, unittest.mock, gettext
gettext.install("calc")
unittest.TestCase.maxDiff = None
unittest.TestCase.longMessage = False
Point = collections.namedtuple("Point", "x y")
@dataclasses.dataclass
class Data:
    x: int = 0
class Colour(enum.Enum):
    RED = 1
class Loose:
    def __eq__(self, other): return isinstance(other, Loose) or NotImplemented
class Bare:
    def __eq__(self, other): return self.x == other.x
def add(a, b): return a + b
with unittest.mock.patch("builtins.open"), unittest.mock.patch("unittest.TestCase.assertEqual"): pass
"""


@pytest.mark.parametrize("runner", PYTHON)
def test_what_honest_programs_do_is_not_noticed(tmp_path: Path, runner: str) -> None:
    report = run(tmp_path, {"calc.py": HONEST, "tests/test_one.py": PASSES}, runner)
    assert (set(report.results.values()), report.notes) == ({"passed"}, ())


@pytest.mark.parametrize("runner", PYTHON)
def test_a_runner_that_is_ended_early_has_no_report(tmp_path: Path, runner: str) -> None:
    with pytest.raises(Unfinished):
        run(tmp_path, {"calc.py": "import os\nos._exit(0)\n", "tests/test_one.py": PASSES}, runner)
