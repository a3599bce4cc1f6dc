"""What a client claimed of its tests is held against the rerun, test by test, and only where it is about the same."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.claims import Checked, check_claims
from schemas.records import DifferingClaim

RERUN = {
    "tests/test_calc.py::TestAdd::test_add": "passed",
    "tests/test_calc.py::test_sub[1.5-a/b]": "failed",
    "tests/test_calc.py::test_sub[2]": "passed",
    "tests/test_calc.py::test_odd": "skipped",
    "tests/unit/test_io.py::test_open": "passed",
    "tests/other/test_io.py::test_open": "passed",
    "tests/test_broken.py": "error",
}
ADD = "tests/test_calc.py::TestAdd::test_add"


def run_of(seq: int, statuses: dict[str, str]) -> dict[str, Any]:
    results = [{"id": id, "status": status} for id, status in statuses.items()]
    return {"seq": seq, "type": "test_run", "framework": "pytest", "results": results}


def check(*events: dict[str, Any], last_change: int | None = 3) -> Checked:
    return check_claims(events, last_change, RERUN)


@pytest.mark.parametrize(
    "id",
    [
        ADD,
        f"./{ADD}",
        f"/home/me/project/{ADD}",
        "tests\\test_calc.py::TestAdd::test_add",
        "test_calc.py::TestAdd::test_add",
        "tests.test_calc.TestAdd::test_add",
        "tests.test_calc.TestAdd.test_add",
        "test_add (tests.test_calc.TestAdd)",
        "test_add (tests.test_calc.TestAdd.test_add)",
        "TestAdd.test_add",
        "TestAdd::test_add",
        "test_add",
    ],
)
def test_an_id_of_any_style_finds_its_test(id: str) -> None:
    assert check(run_of(4, {id: "passed"})) == Checked(compared=1)
    differing = DifferingClaim(event_seq=4, id=id, claimed="failed", rerun="passed")
    assert check(run_of(4, {id: "failed"})) == Checked(1, 0, (differing,))


@pytest.mark.parametrize(
    "id",
    ["test_open", "test_io.py::test_open", "tests/test_calc.py::test_sub", "test_nowhere", "a/b.py::test_x", "", "::"],
)
def test_an_id_that_may_mean_several_tests_or_none_is_counted_and_not_compared(id: str) -> None:
    checked = check(run_of(4, {id: "passed"}))
    assert checked == Checked(incomparable=1)
    assert checked.reproduced is None


@pytest.mark.parametrize(
    ("id", "rerun"),
    [
        ("tests/test_calc.py::test_invented", "absent"),
        ("tests/test_broken.py::test_any", "error"),
        ("tests.test_calc::test_sub[1.5-a/b]", "failed"),
    ],
)
def test_a_test_that_a_run_file_does_not_have_or_could_not_show_differs(id: str, rerun: str) -> None:
    checked = check(run_of(4, {id: "passed"}))
    assert checked.reproduced is False
    assert [claim.rerun for claim in checked.differing] == [rerun]


def test_what_was_claimed_before_the_last_change_is_about_something_else() -> None:
    before, after = run_of(2, {ADD: "failed"}), run_of(5, {ADD: "passed"})
    assert check(before, after).reproduced is True
    assert check(before) == Checked()
    assert check(before, last_change=None).reproduced is False


def test_the_last_claim_about_a_test_counts_whatever_its_style() -> None:
    runs = run_of(5, {"TestAdd.test_add": "failed"}), run_of(4, {ADD: "passed"})
    assert [claim.id for claim in check(*runs).differing] == ["TestAdd.test_add"]
    assert check(run_of(5, {ADD: "passed"}), run_of(4, {ADD: "failed"})).reproduced is True


def test_failed_and_error_are_one_claim_and_skipped_is_another() -> None:
    failed = {"tests/test_calc.py::test_sub[1.5-a/b]": "error"}
    assert check(run_of(4, failed)).reproduced is True
    assert check(run_of(4, {"tests/test_calc.py::test_odd": "passed"})).reproduced is False
    assert check(run_of(4, {"tests/test_calc.py::test_odd": "skipped"})).reproduced is True


def test_totals_alone_and_a_rerun_without_results_claim_nothing() -> None:
    totals = {"seq": 4, "type": "test_run", "framework": "pytest", "passed": 3}
    assert check(totals) == Checked()
    assert check_claims([run_of(4, {ADD: "passed"})], None, {}) == Checked(incomparable=1)
