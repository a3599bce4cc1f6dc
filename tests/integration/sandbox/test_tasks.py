"""What the operator knows of a task decides before anything that a trace brings along."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.container import Containers
from sandbox.job import Task
from sandbox.spec import Limits
from tests.integration.sandbox.test_validation import OWN_TEST, Sandbox
from tests.support.sandbox import CALC, FIXED, make_repository

pytestmark = pytest.mark.integration
START = {
    "calc.py": CALC,
    "tests/test_calc.py": "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 1) == 2\n",
}
PATCH = b"""--- /dev/null
+++ b/tests/test_hidden.py
@@ -0,0 +1,5 @@
+from calc import add
+
+
+def test_hidden():
+    assert add(1, 2) == 3
"""
HIDDEN = "tests/test_hidden.py::test_hidden"
FORGED_HIDDEN = {"tests/test_hidden.py": "def test_hidden():\n    pass\n"}


@pytest.fixture
def sandbox(tmp_path: Path, containers: Containers, limits: Limits) -> Sandbox:
    return Sandbox(containers, limits, make_repository(tmp_path / "calc", START))


async def test_tests_that_the_operator_adds_verify_and_the_trace_s_do_not_stand_in_for_them(sandbox: Sandbox) -> None:
    task = Task(test_patch=PATCH, fail_to_pass=(HIDDEN,))
    assert await sandbox.verdict({"calc.py": FIXED}, START, task=task) == "fixed/verified"
    wrong = {"calc.py": CALC + "\nFIXED = True\n", **FORGED_HIDDEN, "tests/test_own.py": OWN_TEST}
    assert await sandbox.verdict(wrong, START, task=task) == "not_fixed"


async def test_without_lists_the_added_tests_are_graded_as_the_start_commit_s(sandbox: Sandbox) -> None:
    task = Task(test_patch=PATCH, selection=("tests/test_hidden.py", "tests/test_calc.py"))
    assert await sandbox.verdict({"calc.py": FIXED, **FORGED_HIDDEN}, START, task=task) == "fixed/verified"


async def test_a_diff_of_tests_that_does_not_apply_is_the_task_s_fault(sandbox: Sandbox) -> None:
    task = Task(test_patch=PATCH.replace(b"test_hidden.py", b"test_calc.py"))
    assert await sandbox.verdict({"calc.py": FIXED}, START, task=task) == "unverifiable/bad_task"
