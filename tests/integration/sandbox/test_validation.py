"""Right changes are called fixed, wrong ones are not, and no change can talk its way to a better verdict."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.checkout import BUNDLE, MIRROR
from sandbox.container import ContainerEnvironment, Containers
from sandbox.environment import Environments
from sandbox.failures import Outcome
from sandbox.job import Job, Task
from sandbox.patching import patches_of
from sandbox.runners.python import PYTEST_LOADS
from sandbox.spec import Limits
from sandbox.suites import Evidence
from sandbox.validation import validate
from sandbox.workspace import pack_objects
from tests.support.sandbox import CALC, FIXED, START, TESTS, Repository, commit, edits, make_repository

pytestmark = pytest.mark.integration

FORCED = """import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = "passed"
"""
LOADED = """
import importlib, pkgutil, sys, _pytest, pytest
for module in pkgutil.walk_packages(_pytest.__path__, "_pytest."):
    importlib.import_module(module.name)
found = [name for name, module in sys.modules.items() if "dist-packages" in (getattr(module, "__file__", None) or "")]
print(*sorted({name.partition(".")[0] for name in found}))
"""
OWN_TEST = "from calc import add\n\n\ndef test_own():\n    assert add(2, 2) == 4\n"


class Sandbox:
    """Validates changes of one repository."""

    def __init__(self, containers: Environments, limits: Limits, repository: Repository) -> None:
        self._containers, self._limits, self._repository = containers, limits, repository
        self.evidence = Evidence()
        self.detail = ""

    async def validate(self, events: list[dict[str, Any]], **more: Any) -> Outcome:
        repository = self._repository
        workspace = more.get("workspace") or {MIRROR: pack_objects(repository.objects, 10**8)}
        commit, limits = more.get("commit", repository.commit), more.get("limits", self._limits)
        job = Job(workspace=workspace, commit=commit, patches=patches_of(events), task=more.get("task", Task()))
        outcome, self.evidence = await validate(self._containers, job, limits, lambda: secrets.token_hex(16))
        self.detail = outcome.detail
        return outcome

    async def verdict(self, after: dict[str, str], start: dict[str, str] | None = None, **more: Any) -> str:
        outcome = await self.validate(edits(start or START, after), **more)
        return "/".join(filter(None, (outcome.verdict, outcome.level, outcome.reason)))


@pytest.fixture
def sandbox(containers: Containers, limits: Limits, repository: Repository) -> Sandbox:
    return Sandbox(containers, limits, repository)


async def test_the_right_change_is_verified(sandbox: Sandbox) -> None:
    assert await sandbox.verdict({"calc.py": FIXED}) == "fixed/verified"
    evidence = sandbox.evidence
    assert [(run.name, run.passed, run.failed, run.exit_code) for run in evidence.runs] == [
        ("original_before", 1, 1, 1),
        ("original_after", 2, 0, 0),
        ("original_before_repeat", 1, 1, 1),
        ("original_after_repeat", 2, 0, 0),
    ]
    assert [(test.id, test.category) for test in evidence.tests] == [
        ("tests/test_calc.py::test_add", "fail_to_pass"),
        ("tests/test_calc.py::test_sub", "pass_to_pass"),
    ]
    assert evidence.environment["network"] == "none"
    assert evidence.environment["image_id"].startswith("sha256:")


async def test_the_bundle_a_client_uploads_serves_as_well(sandbox: Sandbox, repository: Repository) -> None:
    workspace = {BUNDLE: repository.bundle()}
    assert await sandbox.verdict({"calc.py": FIXED}, workspace=workspace) == "fixed/verified"
    damaged = {BUNDLE: repository.bundle()[:-40]}
    assert await sandbox.verdict({"calc.py": FIXED}, workspace=damaged) == "unverifiable/bad_workspace"


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ({"calc.py": CALC.replace("a - b", "a * b", 1)}, "not_fixed"),
        ({}, "not_fixed"),
        ({"calc.py": FIXED.replace("return a - b", "return b - a")}, "regressed"),
        ({"calc.py": "def add(a, b):\n    return a + b\n"}, "regressed"),
        ({"calc.py": f"while True:\n    pass\n{FIXED}"}, "timeout"),
        ({"calc.py": f"import os\nos._exit(0)\n{FIXED}"}, "unverifiable/no_report"),
        ({"calc.py": f"big = bytearray(1 << 30)\n{FIXED}"}, "unverifiable/out_of_memory"),
        ({"calc.py": f"print('x' * 20_000_000)\n{FIXED}"}, "fixed/verified"),
    ],
    ids=["wrong", "none", "breaks another", "deletes another", "hangs", "ends the runner", "memory", "flood"],
)
async def test_what_the_change_does_decides(
    sandbox: Sandbox, limits: Limits, after: dict[str, str], verdict: str
) -> None:
    assert await sandbox.verdict(after, limits=replace(limits, run_timeout_s=6)) == verdict


@pytest.mark.parametrize(
    "after",
    [
        {"conftest.py": FORCED},
        {"tests/conftest.py": FORCED},
        {"pytest.ini": "[pytest]\naddopts = --deselect tests/test_calc.py::test_add\n"},
        {"sitecustomize.py": "import calc\ncalc.add = lambda a, b: a + b\n"},
        {"tests/test_calc.py": TESTS.replace("== 3", "== -1")},
        {"tests/test_calc.py": "def test_add():\n    assert True\n"},
        {"forged-1.0.dist-info/entry_points.txt": "[pytest11]\nforged = forged\n", "forged.py": FORCED},
    ],
    ids=["conftest", "conftest of the tests", "pytest.ini", "sitecustomize", "weak test", "empty test", "plugin"],
)
async def test_changing_what_passing_means_fixes_nothing(sandbox: Sandbox, after: dict[str, str]) -> None:
    assert (await sandbox.verdict(after)).partition("/")[0] != "fixed"


async def test_a_test_that_only_the_trace_has_verifies_less(
    tmp_path: Path, containers: Containers, limits: Limits
) -> None:
    start = {
        "calc.py": CALC,
        "tests/test_calc.py": "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 1) == 2\n",
    }
    sandbox = Sandbox(containers, limits, make_repository(tmp_path / "calc", start))
    after = {"calc.py": FIXED, "tests/test_own.py": OWN_TEST}
    assert await sandbox.verdict(after, start) == "fixed/verified_by_own_tests"
    assert await sandbox.verdict({"calc.py": FIXED}, start) == "unverifiable/no_failing_test"
    assert await sandbox.verdict({"tests/test_own.py": OWN_TEST}, start) == "not_fixed"


async def test_a_repository_without_tests_gets_no_verdict(
    tmp_path: Path, containers: Containers, limits: Limits
) -> None:
    start = {"calc.py": CALC}
    sandbox = Sandbox(containers, limits, make_repository(tmp_path / "calc", start))
    assert await sandbox.verdict({"calc.py": FIXED}, start) == "unverifiable/no_tests"


@pytest.mark.parametrize("path", ["iniconfig.py", "src/pluggy/__init__.py"])
async def test_what_the_runner_itself_runs_on_gets_no_verdict(
    tmp_path: Path, containers: Containers, limits: Limits, path: str
) -> None:
    start = {**START, path: ""}
    sandbox = Sandbox(containers, limits, make_repository(tmp_path / "calc", start))
    assert await sandbox.verdict({"calc.py": FIXED}, start) == "unverifiable/runner_tested"


async def test_the_modules_that_the_runner_loads_are_known(environment: ContainerEnvironment) -> None:
    done = await environment.run(["python3", "-P", "-c", LOADED], deadline_s=30, output_bytes=10_000)
    assert done.output.decode().split() == sorted(PYTEST_LOADS)


async def test_tests_that_change_their_mind_are_flaky(tmp_path: Path, containers: Containers, limits: Limits) -> None:
    coins = "import pytest\nfrom calc import add, coin\n\n\n@pytest.mark.parametrize('n', range(40))\n"
    coins += "def test_coin(n):\n    assert coin()\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
    steady = f"{CALC}\n\ndef coin():\n    return True\n"
    start = {"calc.py": steady, "tests/test_calc.py": coins}
    sandbox = Sandbox(containers, limits, make_repository(tmp_path / "calc", start))
    tossed = steady.replace("a - b", "a + b", 1).replace("return True", "import os\n    return os.urandom(1)[0] < 128")
    # 40 coins fall alike twice once in 10**12 times
    assert await sandbox.verdict({"calc.py": tossed}, start) == "flaky"


async def test_runs_leave_nothing_for_one_another(sandbox: Sandbox) -> None:
    traces = """
import os, subprocess, sys
left = [name for name in os.listdir('/tmp') if name not in ('work', 'home') and not name.startswith('report-')]
left += os.listdir('/dev/shm') + [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())
         and open(f'/proc/{p}/cmdline').read().startswith('sleep')]
open('/tmp/left', 'w').close(); open('/dev/shm/left', 'w').close()
subprocess.Popen(['sleep', '60'], start_new_session=True)
if left: sys.exit(str(left))
"""
    assert await sandbox.verdict({"calc.py": FIXED + traces}) == "fixed/verified"


async def test_a_later_fix_in_the_repository_s_history_cannot_be_read(
    tmp_path: Path, containers: Containers, limits: Limits
) -> None:
    repository = make_repository(tmp_path / "calc", START)
    (repository.folder / "calc.py").write_text(FIXED)
    later = commit(repository.folder)
    looking = f"""import subprocess
{CALC}
for name in ("repo.git", "trees.git"):
    shown = subprocess.run(["git", f"--git-dir=/workspace/{{name}}", "show", "{later}:calc.py"], capture_output=True)
    if shown.returncode == 0:
        exec(shown.stdout)
"""
    sandbox = Sandbox(containers, limits, repository)
    assert await sandbox.verdict({"calc.py": looking}) == "not_fixed"
    assert await sandbox.verdict({"calc.py": looking.replace("/workspace/{name}", "/tmp/work/.git")}) == "not_fixed"


async def test_edits_apply_one_after_the_other(sandbox: Sandbox) -> None:
    middle = CALC.replace("a - b", "a * b", 1)
    first, second = edits(START, {"calc.py": middle}), edits({"calc.py": middle}, {"calc.py": FIXED})
    events = [*first, second[0] | {"seq": 7}]
    assert (await sandbox.validate(events)).verdict == "fixed"
    outcome = await sandbox.validate([second[0]])
    assert (outcome.verdict, outcome.reason) == ("unverifiable", "patch_does_not_apply")
    assert "calc.py" in outcome.detail


async def test_a_diff_may_name_nothing_outside(sandbox: Sandbox) -> None:
    for path in ("../outside.py", "/tmp/outside.py", ".git/hooks/post-checkout"):
        assert await sandbox.verdict({path: "x = 1\n"}) == "unverifiable/patch_does_not_apply"


async def test_an_unknown_commit_is_said_to_be_unknown(sandbox: Sandbox) -> None:
    assert await sandbox.verdict({"calc.py": FIXED}, commit="0" * 40) == "unverifiable/no_start_commit"
