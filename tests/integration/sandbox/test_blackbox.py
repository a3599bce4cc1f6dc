"""What runs beside the code under test can be fooled by code made for it; what is judged out here cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.container import Containers
from sandbox.job import Case, Task
from sandbox.spec import Limits
from tests.integration.sandbox.test_validation import Sandbox
from tests.support.sandbox import CALC, FIXED, START, make_repository

pytestmark = pytest.mark.integration
MAIN = (
    "import sys\n\nimport calc\n\na, b = map(int, sys.stdin.read().split())\nprint(getattr(calc, sys.argv[1])(a, b))\n"
)
PROGRAM = START | {"main.py": MAIN}
ADDS = Case(name="adds", argv=("python3", "main.py", "add"), stdin=b"1 2", stdout=b"3\n")
SUBTRACTS = Case(name="subtracts", argv=("python3", "main.py", "sub"), stdin=b"3 1", stdout=b"2\n")
REFUSES = Case(name="refuses", argv=("python3", "main.py"), stdin=b"1 2", exit_status=1)
TASK = Task(cases=(ADDS, SUBTRACTS, REFUSES))
ONLY_WHEN_TESTED = "import sys\n" + CALC.replace(
    "return a - b", "return a + b if 'pytest' in sys.modules else a - b", 1
)
ANY = "class Any(int):\n    def __eq__(self, other):\n        return True\n\n\n"


@pytest.fixture
def sandbox(tmp_path: Path, containers: Containers, limits: Limits) -> Sandbox:
    return Sandbox(containers, limits, make_repository(tmp_path / "calc", PROGRAM))


async def test_the_right_change_is_verified_case_by_case(sandbox: Sandbox) -> None:
    assert await sandbox.verdict({"calc.py": FIXED}, PROGRAM, task=TASK) == "fixed/verified"
    assert {(test.id, test.category, test.suite) for test in sandbox.evidence.tests} == {
        ("blackbox::adds", "fail_to_pass", "blackbox"),
        ("blackbox::subtracts", "pass_to_pass", "blackbox"),
        ("blackbox::refuses", "pass_to_pass", "blackbox"),
    }
    assert [run.name for run in sandbox.evidence.runs] == [
        "blackbox_original_before",
        "blackbox_trace_after",
        "blackbox_original_before_repeat",
        "blackbox_trace_after_repeat",
    ]


async def test_code_that_is_right_only_under_test_is_found_out_here_alone(sandbox: Sandbox) -> None:
    after = {"calc.py": ONLY_WHEN_TESTED}
    assert await sandbox.verdict(after, PROGRAM) == "fixed/verified"  # in the same process nobody can tell
    assert await sandbox.verdict(after, PROGRAM, task=TASK) == "not_fixed"


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ({"calc.py": FIXED.replace("return a - b", "return b - a")}, "regressed"),
        ({"calc.py": ANY + CALC.replace("return a - b", "return Any(a - b)", 1)}, "not_fixed"),
        ({"calc.py": f"import os\nos._exit(0)\n{FIXED}"}, "regressed"),
    ],
    ids=["breaks another", "equals everything", "ends itself"],
)
async def test_the_answers_decide(sandbox: Sandbox, after: dict[str, str], verdict: str) -> None:
    assert await sandbox.verdict(after, PROGRAM, task=TASK) == verdict
