"""The verdict follows from the four runs, and no run that is not fit to be trusted can make it better."""

from __future__ import annotations

import pytest

from sandbox.environment import ExecResult
from sandbox.failures import REASONS, contradicting, unfinished, unreported
from sandbox.grading import compare, flaky, grade
from sandbox.job import Task
from sandbox.results import Report, Results
from sandbox.runners.python import PYTEST

ADD, SUB, OWN = "t/test_a.py::test_add", "t/test_a.py::test_sub", "t/test_own.py::test_own"
BUGGY = {ADD: "failed", SUB: "passed"}
FIXED = {ADD: "passed", SUB: "passed"}


def four(original: tuple[Results, Results], trace: tuple[Results, Results] | None = None) -> dict[str, Results]:
    names = ("original_before", "original_after", "trace_before", "trace_after")
    return dict(zip(names, (*original, *(trace or original)), strict=True))


def verdict(original: tuple[Results, Results], trace: tuple[Results, Results] | None = None, **more: bool) -> str:
    outcome = grade(four(original, trace), more.get("configuration", False), Task()).outcome
    return "/".join(filter(None, (outcome.verdict, outcome.level, outcome.reason)))


def test_tests_of_the_start_commit_verify_a_fix() -> None:
    assert verdict((BUGGY, FIXED)) == "fixed/verified"
    assert verdict((BUGGY, FIXED), (BUGGY | {OWN: "failed"}, FIXED | {OWN: "passed"})) == "fixed/verified"


def test_the_trace_s_own_tests_verify_less() -> None:
    silent = {SUB: "passed"}
    own = (silent | {OWN: "failed"}, silent | {OWN: "passed"})
    assert verdict((silent, silent), own) == "fixed/verified_by_own_tests"
    assert verdict((silent, silent), (silent | {OWN: "failed"}, silent | {OWN: "failed"})) == "not_fixed"


def test_a_fix_that_no_failing_test_shows_is_not_established() -> None:
    assert verdict((FIXED, FIXED)) == "unverifiable/no_failing_test"
    assert verdict((FIXED, FIXED), (FIXED | {OWN: "passed"}, FIXED | {OWN: "passed"})) == "unverifiable/no_failing_test"
    assert verdict((FIXED, FIXED), configuration=True) == "unverifiable/configuration_changed"


def test_configuration_cannot_excuse_tests_that_go_on_failing() -> None:
    assert verdict((BUGGY, BUGGY), configuration=True) == "not_fixed"


@pytest.mark.parametrize("after", ["failed", "error", "skipped", None])
def test_a_lost_pass_to_pass_outweighs_a_fix(after: str | None) -> None:
    broken = {ADD: "passed"} | ({SUB: after} if after else {})
    assert verdict((BUGGY, broken)) == "regressed"
    assert verdict((FIXED, FIXED), (FIXED, broken)) == "regressed"


def test_rewriting_a_test_that_broke_neither_fixes_nor_regresses() -> None:
    broken = {ADD: "passed", SUB: "failed"}
    assert verdict((BUGGY, broken), ({ADD: "failed", SUB: "failed"}, FIXED)) == "unverifiable/tests_rewritten"


def test_a_file_that_could_not_be_loaded_failed_all_its_tests() -> None:
    unloadable: Results = {"t/test_a.py": "error", "t/test_b.py::test": "passed"}
    loaded = FIXED | {"t/test_b.py::test": "passed"}
    assert verdict((unloadable, loaded)) == "fixed/verified"
    assert verdict((loaded, unloadable)) == "regressed"
    assert {test.id for test in compare(unloadable, loaded, "original")} == {ADD, SUB, "t/test_b.py::test"}


def test_without_a_test_there_is_no_verdict() -> None:
    assert verdict(({}, {})) == "unverifiable/no_tests"
    assert verdict(({"t/a.py": "error"}, {"t/a.py": "error"})) == "unverifiable/collection_failed"


def test_rows_are_not_repeated_when_the_trace_left_the_tests_alone() -> None:
    before, after = dict(BUGGY), dict(FIXED)
    assert len(grade(four((before, after)), False, Task()).tests) == 2
    suites = [
        test.suite for test in grade(four((before, after), (before, after | {OWN: "passed"})), False, Task()).tests
    ]
    assert suites == ["original", "original", "trace", "trace", "trace"]


def test_own_tests_do_not_outvote_failing_ones_of_the_start_commit() -> None:
    own = (BUGGY | {OWN: "failed"}, BUGGY | {OWN: "passed"})
    assert verdict((BUGGY, BUGGY), own) == "unverifiable/original_still_fails"
    assert verdict((BUGGY, BUGGY), (BUGGY, FIXED)) == "unverifiable/tests_rewritten"
    unmade = {ADD: "error", SUB: "passed"}
    assert verdict((unmade, unmade), (unmade | {OWN: "failed"}, unmade | {OWN: "passed"})) == (
        "fixed/verified_by_own_tests"
    )


def test_only_tests_that_decide_make_a_verdict_flaky() -> None:
    noise = "t/test_noise.py::test"
    before = BUGGY | {noise: "failed"}
    fixed = grade(four((before, FIXED | {noise: "failed"})), False, Task())
    assert flaky(fixed, before, FIXED | {noise: "passed"}) is None
    for repeat in ({ADD: "failed", SUB: "passed"}, {ADD: "passed", SUB: "error"}, {ADD: "passed"}):
        outcome = flaky(fixed, before, repeat)
        assert outcome is not None
        assert outcome.verdict == "flaky"
    regressed = grade(four((FIXED, BUGGY)), False, Task())
    assert flaky(regressed, FIXED, BUGGY) is None
    assert flaky(regressed, FIXED, FIXED) is not None


def test_a_test_that_failed_by_chance_before_the_change_shows_nothing() -> None:
    fixed = grade(four((BUGGY, FIXED)), False, Task())
    assert flaky(fixed, FIXED, FIXED) is not None
    own = (FIXED | {OWN: "failed"}, FIXED | {OWN: "passed"})
    by_own = grade(four((FIXED, FIXED), own), False, Task())
    assert flaky(by_own, own[1], own[1]) is not None
    assert flaky(by_own, *own) is None


@pytest.mark.parametrize(
    ("task", "runs", "expected"),
    [
        (Task(fail_to_pass=(ADD,)), (BUGGY, FIXED), "fixed/verified"),
        (Task(fail_to_pass=(ADD, OWN)), (BUGGY, FIXED), "not_fixed"),
        (Task(fail_to_pass=(OWN,)), (FIXED, FIXED | {OWN: "passed"}), "fixed/verified"),
        (Task(fail_to_pass=(SUB,)), (BUGGY, FIXED), "unverifiable/task_mismatch"),
        (Task(fail_to_pass=(ADD,)), (BUGGY, {ADD: "passed", SUB: "failed"}), "regressed"),
        (Task(fail_to_pass=(ADD,), pass_to_pass=(OWN,)), (BUGGY, {ADD: "passed", SUB: "failed"}), "fixed/verified"),
        (Task(pass_to_pass=(SUB,)), (BUGGY, FIXED), "fixed/verified"),
        (Task(pass_to_pass=(SUB,)), (FIXED, FIXED), "unverifiable/no_failing_test"),
    ],
)
def test_lists_of_the_task_decide_where_there_are_some(
    task: Task, runs: tuple[Results, Results], expected: str
) -> None:
    outcome = grade(four(runs), False, task).outcome
    assert "/".join(filter(None, (outcome.verdict, outcome.level, outcome.reason))) == expected


def ended(code: int | None, timed_out: bool = False) -> ExecResult:
    return ExecResult(code, b"last words", False, timed_out, 1)


@pytest.mark.parametrize(
    ("code", "collected", "not_passed", "reason"),
    [
        (0, 2, 0, None),
        (1, 2, 1, None),
        (5, 0, 0, None),
        (0, 2, 1, "report_mismatch"),
        (1, 2, 0, "report_mismatch"),
        (0, 0, 0, "report_mismatch"),
        (5, 1, 0, "report_mismatch"),
        (2, 2, 0, "runner_failed"),
        (137, 2, 0, "runner_failed"),
    ],
)
def test_a_run_counts_only_when_status_and_report_agree(
    code: int, collected: int, not_passed: int, reason: str | None
) -> None:
    statuses = ["failed"] * not_passed + ["passed"] * (collected - not_passed)
    report = Report({f"t.py::test_{n}": status for n, status in enumerate(statuses)})
    outcome = contradicting("original_after", ended(code), PYTEST.statuses, report)
    assert (outcome.reason if outcome else None) == reason
    assert outcome is None or outcome.verdict == "unverifiable"


def test_tests_that_took_longer_than_their_run_are_not_believed() -> None:
    report = Report({"t.py::test": "passed"}, busy_us=2)
    outcome = contradicting("original_after", ended(0), PYTEST.statuses, report)
    assert outcome is not None
    assert outcome.reason == "report_mismatch"


@pytest.mark.parametrize(("code", "reason"), [(0, "no_report"), (137, "no_report"), (4, "runner_failed")])
def test_a_run_without_a_report_neither_passed_nor_failed(code: int, reason: str) -> None:
    assert unreported("original_after", ended(code), PYTEST.statuses).reason == reason


def test_a_run_that_was_ended_from_outside_says_by_whom() -> None:
    late = unfinished("trace_after", ended(None, timed_out=True), 20, False)
    assert late is not None
    assert (late.verdict, late.detail) == ("timeout", "run trace_after did not end within 20 s")
    killed = unfinished("trace_after", ended(137), 20, True)
    assert killed is not None
    assert killed.reason == "out_of_memory"
    assert unfinished("trace_after", ended(137), 20, False) is None
    assert all(REASONS.values())
