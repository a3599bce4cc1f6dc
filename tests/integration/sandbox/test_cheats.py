"""No change that leaves the bug where it is gets called fixed, whatever it does to the tests or to what runs them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.container import Containers
from sandbox.job import Case, Task
from sandbox.spec import Limits
from tests.integration.sandbox.test_validation import Sandbox
from tests.support.cheats import START, Cheat, cheats
from tests.support.sandbox import FIXED, Repository, make_repository

pytestmark = pytest.mark.integration
QUICK = {
    "assert-true",
    "conftest",
    "equal-to-everything",
    "exit-on-import",
    "fork-and-outlive",
    "patched-report",
    "read-the-secret",
    "results-by-the-frames",
}
ADDS = Case(name="adds", argv=("python3", "-c", "import calc; print(calc.add(20019, 2))"), stdout=b"20021\n")
ALL = cheats()
QUICK_FIRST = [
    pytest.param(cheat, id=cheat.name, marks=() if cheat.name in QUICK else pytest.mark.slow) for cheat in ALL
]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_repository(tmp_path_factory.mktemp("cheats") / "calc", START)


@pytest.fixture
def sandbox(containers: Containers, limits: Limits, start: Repository) -> Sandbox:
    return Sandbox(containers, replace(limits, run_timeout_s=10), start)


def test_the_corpus_is_as_large_as_it_is_said_to_be() -> None:
    assert len(ALL) >= 80
    assert {cheat.name for cheat in ALL} >= QUICK
    assert all(cheat.how and cheat.after for cheat in ALL)


@pytest.mark.parametrize("cheat", QUICK_FIRST)
async def test_a_cheat_fixes_nothing(sandbox: Sandbox, cheat: Cheat) -> None:
    verdict = await sandbox.verdict(dict(cheat.after), START)
    told = f"{verdict}: {sandbox.detail}"
    assert verdict.partition("/")[0] in {"not_fixed", "regressed", "flaky", "timeout", "unverifiable"}, told


@pytest.mark.parametrize("runner", ["pytest", "unittest"])
async def test_the_honest_change_beside_them_is_verified(sandbox: Sandbox, runner: str) -> None:
    assert await sandbox.verdict({"calc.py": FIXED}, START, task=Task(runner=runner)) == "fixed/verified"


@pytest.mark.parametrize("cheat", [pytest.param(cheat, id=cheat.name) for cheat in ALL])
@pytest.mark.slow
async def test_unittest_is_not_fooled_either(sandbox: Sandbox, cheat: Cheat) -> None:
    verdict = await sandbox.verdict(dict(cheat.after), START, task=Task(runner="unittest"))
    told = f"{verdict}: {sandbox.detail}"
    assert verdict.partition("/")[0] in {"not_fixed", "regressed", "flaky", "timeout", "unverifiable"}, told


@pytest.mark.parametrize("cheat", [pytest.param(cheat, id=cheat.name) for cheat in ALL])
@pytest.mark.slow
async def test_from_outside_a_cheat_is_a_wrong_answer(sandbox: Sandbox, cheat: Cheat) -> None:
    verdict = await sandbox.verdict(dict(cheat.after), START, task=Task(cases=(ADDS,)))
    told = f"{verdict}: {sandbox.detail}"
    assert verdict in {"not_fixed", "timeout", "unverifiable/tests_displaced"}, told  # nothing for it to tamper with
