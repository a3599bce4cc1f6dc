"""What runs beside the code under test can be fooled by code made for it; what is judged outside of it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.container import Containers
from sandbox.environment import Environment, ExecResult
from sandbox.hardening import GVISOR
from sandbox.job import Case, Task
from sandbox.spec import Limits
from tests.integration.sandbox.test_validation import Sandbox
from tests.support.sandbox import CALC, FIXED, START, make_repository

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]  # each call has a container
MAIN = (
    "import sys\n\nimport calc\n\na, b = map(int, sys.stdin.read().split())\nprint(getattr(calc, sys.argv[1])(a, b))\n"
)
PROGRAM = START | {"main.py": MAIN}
ADDS = Case(name="adds", argv=("python3", "main.py", "add"), stdin=b"20019 2", stdout=b"20021\n")
SUBTRACTS = Case(name="subtracts", argv=("python3", "main.py", "sub"), stdin=b"3 1", stdout=b"2\n")
REFUSES = Case(name="refuses", argv=("python3", "main.py"), stdin=b"1 2", exit_status=1)
TASK = Task(cases=(ADDS, SUBTRACTS, REFUSES))
TESTS = b"""import os
import pathlib

from program import Program, run


def test_adds():
    assert run("python3", "main.py", "add", stdin="20019 2").text == "20021\\n"


def test_subtracts():
    answer = run("python3", "main.py", "sub", stdin=b"3 1")
    assert (answer.stdout, answer.stderr, answer.exit_status) == (b"2\\n", b"", 0)


def test_refuses():
    assert b"list index out of range" in run("python3", "main.py", stdin="1 2").stderr


def test_nothing_of_the_program_is_here():
    everywhere = [name for top in ("/tmp", "/workspace", "/dev/shm") for _, _, names in os.walk(top) for name in names]
    assert not {"calc.py", "main.py"} & set(everywhere)


def test_files_stay_for_a_program_and_for_no_other():
    with Program() as one, Program() as other:
        one.run("sh", "-c", "echo kept >note")
        assert one.run("cat", "note").text == "kept\\n"
        assert other.run("cat", "note").exit_status == run("cat", "note").exit_status == 1
"""
DRIVEN = Task(black_box_tests={"test_program.py": TESTS})
ONLY_WHEN_TESTED = "import sys\n" + CALC.replace(
    "return a - b", "return a + b if 'pytest' in sys.modules else a - b", 1
)
ANY = "class Any(int):\n    def __eq__(self, other):\n        return True\n\n\n"
# looks for the expected answer in everything that its container lets it read
SEARCHING = """import os, re, sys


def everything():
    for top in ("/workspace", "/tmp", "/dev/shm", "/run", "/var", "/etc", "/opt", "/proc"):
        for folder, _, names in os.walk(top):
            for path in (os.path.join(folder, name) for name in names):
                try:
                    if os.path.isfile(path) and not path.endswith(("kmsg", "kcore", "kpagecount", "kpageflags")):
                        yield open(path, "rb").read(1 << 20)
                except OSError:
                    pass


def add(a, b):
    found = {number for text in everything() for number in re.findall(rb"\\\\b200[0-9]{2}\\\\b", text)} - {b"20019"}
    return int(min(found, default=b"0"))


def sub(a, b):
    return a - b
""".replace("\\\\", "\\")
# leaves a process and files for the next call, and answers it with what they know
REMEMBERING = """import os, subprocess

NOTES = ("/tmp/note", "/dev/shm/note", "/tmp/home/note", "/tmp/work/note")


def add(a, b):
    return sum(os.path.exists(note) for note in NOTES)


def sub(a, b):
    for note in NOTES:
        open(note, "w").close()
    again = "while :; do for n in %s; do : >$n; done; done" % " ".join(NOTES)
    subprocess.Popen(["sh", "-c", again], start_new_session=True)
    return a - b
"""


@pytest.fixture
def sandbox(tmp_path: Path, containers: Containers, limits: Limits) -> Sandbox:
    return Sandbox(containers, limits, make_repository(tmp_path / "calc", PROGRAM))


async def test_the_right_change_is_verified_case_by_case(sandbox: Sandbox) -> None:
    assert await sandbox.verdict({"calc.py": FIXED}, PROGRAM, task=TASK) == "fixed/verified"
    assert {(test.id, test.category, test.suite) for test in sandbox.evidence.tests} == {
        ("blackbox::adds", "fail_to_pass", "blackbox"),
        ("blackbox::subtracts", "pass_to_pass", "blackbox"),
        ("blackbox::refuses", "pass_to_pass", "blackbox"),
        ("tests/test_calc.py::test_add", "fail_to_pass", "original"),
        ("tests/test_calc.py::test_sub", "pass_to_pass", "original"),
    }
    assert [run.name for run in sandbox.evidence.runs] == [
        "blackbox_original_before",
        "blackbox_trace_after",
        "blackbox_original_before_repeat",
        "blackbox_trace_after_repeat",
        "original_before",
        "original_after",
    ]
    assert sandbox.evidence.environment["regressions"] == "looked for by 1 tests of the start commit"


@pytest.mark.parametrize("runtime", ["runc", pytest.param(GVISOR, marks=pytest.mark.slow)])
async def test_tests_in_a_second_container_call_the_program(sandbox: Sandbox) -> None:
    assert await sandbox.verdict({"calc.py": FIXED}, PROGRAM, task=DRIVEN) == "fixed/verified"
    rows = {test.id.rpartition("::")[2]: test.category for test in sandbox.evidence.tests if test.suite == "blackbox"}
    assert rows == {
        "test_adds": "fail_to_pass",
        "test_subtracts": "pass_to_pass",
        "test_refuses": "pass_to_pass",
        "test_nothing_of_the_program_is_here": "pass_to_pass",
        "test_files_stay_for_a_program_and_for_no_other": "pass_to_pass",
    }


async def test_code_that_is_right_only_under_test_is_found_out_here_alone(sandbox: Sandbox) -> None:
    after = {"calc.py": ONLY_WHEN_TESTED}
    assert await sandbox.verdict(after, PROGRAM) == "fixed/verified"  # in the same process nobody can tell
    assert await sandbox.verdict(after, PROGRAM, task=TASK) == "not_fixed"
    assert await sandbox.verdict(after, PROGRAM, task=DRIVEN) == "not_fixed"


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ({"calc.py": FIXED.replace("return a - b", "return b - a")}, "regressed"),
        ({"calc.py": ANY + CALC.replace("return a - b", "return Any(a - b)", 1)}, "not_fixed"),
        ({"calc.py": f"import os\nos._exit(0)\n{FIXED}"}, "regressed"),
        ({"calc.py": SEARCHING}, "not_fixed"),
        ({"calc.py": REMEMBERING}, "not_fixed"),
        ({"calc.py": f"while True:\n    pass\n{FIXED}"}, "timeout"),
        ({"calc.py": f"big = bytearray(1 << 30)\n{FIXED}"}, "unverifiable/out_of_memory"),
    ],
    ids=["breaks another", "equals everything", "ends itself", "searches", "remembers", "hangs", "memory"],
)
@pytest.mark.parametrize(
    "task", [pytest.param(TASK, id="cases"), pytest.param(DRIVEN, id="tests", marks=pytest.mark.slow)]
)
async def test_the_answers_decide(
    sandbox: Sandbox, limits: Limits, task: Task, after: dict[str, str], verdict: str
) -> None:
    found = await sandbox.verdict(after, PROGRAM, task=task, limits=replace(limits, run_timeout_s=4))
    assert found == verdict, sandbox.detail


async def test_much_input_and_output_may_come_in_any_order(sandbox: Sandbox, limits: Limits) -> None:
    much = b"x" * (3 << 20)
    late = "import sys; sys.stdout.write('y' * (3 << 20)); sys.stdout.flush(); print(len(sys.stdin.read()))"
    cases = (
        ADDS,
        Case(name="reads nothing", argv=("true",), stdin=much),
        Case(name="sleeps", argv=("sleep", "1"), stdin=much),
        Case(name="reads late", argv=("python3", "-c", late), stdin=much, stdout=b"y" * len(much) + b"3145728\n"),
    )
    once = replace(limits, repeats=0)
    assert await sandbox.verdict({"calc.py": FIXED}, PROGRAM, task=Task(cases=cases), limits=once) == "fixed/verified"
    assert [test.category for test in sandbox.evidence.tests if test.suite == "blackbox"] == [
        "fail_to_pass",
        *["pass_to_pass"] * 3,
    ]


async def test_answers_by_chance_are_flaky(sandbox: Sandbox) -> None:
    tossing = b"""import pytest
from program import run

TOSSED = run("python3", "-c", "import calc; print(*(calc.add(1, 2) for _ in range(40)))").text.split()


@pytest.mark.parametrize("n", range(40))
def test_adds(n):
    assert TOSSED[n] == "3"
"""
    tossed = CALC.replace("return a - b", "import os\n    return a + b + os.urandom(1)[0] % 2", 1)
    task = Task(black_box_tests={"test_toss.py": tossing})
    # 40 coins fall alike twice once in 10**12 times
    assert await sandbox.verdict({"calc.py": tossed}, PROGRAM, task=task) == "flaky"


async def test_a_program_that_hung_before_the_change_is_one_that_failed(
    tmp_path: Path, containers: Containers, limits: Limits
) -> None:
    start = PROGRAM | {"calc.py": CALC.replace("return a - b", "while True:\n        pass", 1)}
    sandbox = Sandbox(containers, replace(limits, run_timeout_s=3), make_repository(tmp_path / "calc", start))
    assert await sandbox.verdict({"calc.py": FIXED}, start, task=TASK) == "fixed/verified"
    assert sandbox.evidence.environment["regressions"] == "not looked for: timeout at the start commit"


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        (b"import calc\n", "unverifiable/bad_task"),
        (b"def test_nothing(:\n", "unverifiable/bad_task"),
        (b"import os\nos._exit(0)\n", "unverifiable/bad_task"),
        (
            b"from program import Program\n\n\ndef test():\n    [Program().run('true') for _ in range(9)]\n",
            "unverifiable/bad_task",
        ),
    ],
    ids=["imports the program", "no Python", "ends itself", "too many programs"],
)
async def test_what_is_wrong_with_the_operator_s_tests_is_no_verdict(
    sandbox: Sandbox, test: bytes, verdict: str
) -> None:
    task = Task(black_box_tests={"test_program.py": test})
    assert await sandbox.verdict({"calc.py": FIXED}, PROGRAM, task=task) == verdict, sandbox.detail


class Watched:
    """Containers, with what went into each, and whether code of the tree was called there."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self.made: list[WatchedEnvironment] = []

    async def start(self, lifetime_s: float, image: str) -> Environment:
        """See Environments."""
        self.made.append(WatchedEnvironment(await self._containers.start(lifetime_s, image)))
        return self.made[-1]


class WatchedEnvironment:
    """One of them."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.received: list[bytes] = []
        self.calls = 0
        self.out_of_memory, self.describe, self.close = (
            environment.out_of_memory,
            environment.describe,
            environment.close,
        )

    async def write_files(self, files: Mapping[str, bytes]) -> None:
        """See Environment."""
        self.received += files.values()
        await self._environment.write_files(files)

    async def run(self, command: Sequence[str], **how: Any) -> ExecResult:
        """See Environment."""
        self.received += [how.get("stdin") or b"", *(word.encode() for word in command)]
        self.calls += "main.py" in command
        return await self._environment.run(command, **how)


@pytest.mark.parametrize("task", [TASK, DRIVEN], ids=["cases", "tests"])
async def test_no_container_has_both_the_program_and_what_is_expected_of_it(
    tmp_path: Path, containers: Containers, limits: Limits, task: Task
) -> None:
    watched = Watched(containers)
    sandbox = Sandbox(watched, limits, make_repository(tmp_path / "calc", PROGRAM))
    wrong = {"calc.py": CALC + "\nFIXED = True\n"}  # no tests run beside the program where nothing is to be lost
    assert await sandbox.verdict(wrong, PROGRAM, task=task) == "not_fixed"
    called = [one for one in watched.made if one.calls]
    assert [one.calls for one in called] == [1] * (2 * 2 * 3)  # three calls before and after the change, and again
    for one in called:
        assert not any(b"20021" in text or b"test_program" in text for text in one.received)
        assert not any(b"git" in text.split(b"/")[-1] for text in one.received if len(text) < 100)
    knowing = [one for one in watched.made if any(b"20021" in text for text in one.received)]
    assert len(knowing) == (0 if task is TASK else 4)
    for one in knowing:
        assert not any(b"def sub" in text for text in one.received)


async def test_the_start_commit_s_tests_can_only_take_away(sandbox: Sandbox) -> None:
    task = Task(cases=(ADDS,))
    assert (
        await sandbox.verdict({"calc.py": FIXED.replace("return a - b", "return 0")}, PROGRAM, task=task) == "regressed"
    )
    assert "tests/test_calc.py::test_sub" in sandbox.detail
    patched = "\n\nimport sys\n\nif 'pytest' in sys.modules:\n    sys.modules['pytest'].raises = None\n"
    assert await sandbox.verdict({"calc.py": FIXED + patched}, PROGRAM, task=task) == "unverifiable/tampered"
