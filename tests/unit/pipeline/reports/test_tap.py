"""TAP: versions 12 to 14, subtests, directives, plans, and what Node writes."""

from __future__ import annotations

import pytest

from pipeline.reports import tap
from pipeline.reports.model import BadReport, Report
from pipeline.reports.tap import parse_tap


def read(text: str) -> Report:
    return parse_tap(text.encode())


@pytest.mark.parametrize(
    ("line", "name", "status", "raw"),
    [
        ("ok 1 - adds", "adds", "passed", "ok"),
        ("ok", "", "passed", "ok"),
        ("ok 1 adds", "adds", "passed", "ok"),
        ("not ok 1 - adds", "adds", "failed", "not ok"),
        ("ok 1 - adds # SKIP no net", "adds", "skipped", "ok # SKIP"),
        ("ok 1 - adds # skipped: no net", "adds", "skipped", "ok # SKIP"),
        ("not ok 1 - adds # TODO soon", "adds", "pending", "not ok # TODO"),
        ("ok 1 - adds \\# TODO", "adds # TODO", "passed", "ok"),
        ("ok 1 - 3 todos", "3 todos", "passed", "ok"),
    ],
)
def test_a_point(line: str, name: str, status: str, raw: str) -> None:
    (case,) = read(f"1..1\n{line}\n").cases
    assert (case.name, case.status, case.raw_status) == (name, status, raw)


def test_diagnostics_are_the_failure() -> None:
    (case,) = read(
        "not ok 1 - t\n  ---\n  duration_ms: 1.5\n  error: 'no'\n  stack: |-\n    a\n    b\n  ...\n1..1\n"
    ).cases
    assert (case.duration_us, case.message, case.trace) == (1500, "no", "a\n  b")


def test_the_innermost_points_are_the_tests() -> None:
    report = read(
        "TAP version 14\n# Subtest: outer\n    # Subtest: inner\n        ok 1 - deep\n        1..1\n    ok 1 - inner\n"
        "    not ok 2 - flat\n    1..2\nnot ok 1 - outer\nok 2 - alone\n1..2\n"
    )
    assert [(case.suite, case.name, case.status) for case in report.cases] == [
        (("outer", "inner"), "deep", "passed"),
        (("outer",), "flat", "failed"),
        ((), "alone", "passed"),
    ]
    assert report.broken == ()


def test_a_parent_that_fails_alone_is_a_breakage() -> None:
    report = read("# Subtest: outer\n    ok 1 - in\n    1..1\nnot ok 1 - outer\n  ---\n  error: 'hook'\n  ...\n1..1\n")
    assert [(one.where, one.message) for one in report.broken] == [("outer", "hook")]


def test_node_counts_parents_that_are_no_suites() -> None:
    report = read(
        "TAP version 13\n# Subtest: parent\n    ok 1 - child\n    1..1\nok 1 - parent\n"
        "# Subtest: suite\n    ok 1 - in it\n    1..1\nok 2 - suite\n  ---\n  type: 'suite'\n  ...\n1..2\n"
        "# tests 3\n# suites 1\n# pass 3\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 7.5\n"
    )
    assert [case.name for case in report.cases] == ["child", "parent", "in it"]
    assert (report.framework, report.differences, report.duration_us) == ("node", (), 7500)


def test_totals_that_are_wrong_are_told() -> None:
    assert read("1..1\nok 1\n# tests 2\n# pass 2\n# fail 0\n").differences == (
        "tests: 2 stated, 1 found",
        "passed: 2 stated, 1 found",
    )


def test_a_plan_that_is_not_kept_is_a_breakage_and_a_difference() -> None:
    report = read("1..3\nok 1\nok 2\n")
    assert [one.message for one in report.broken] == ["1 of 3 planned tests did not report"]
    assert report.differences == ("tests: 3 stated, 2 found",)
    assert read("1..1\nok 1\nok 2\n").differences == ("tests: 1 stated, 2 found",)


def test_bail_out_is_a_breakage() -> None:
    assert [one.message for one in read("ok 1\nBail out! no database\n").broken] == ["no database"]


def test_a_run_that_skips_everything_is_empty() -> None:
    assert read("1..0 # SKIP no browser\n").cases == ()


def test_output_of_the_tests_is_passed_over() -> None:
    report = read("1..1\nhello\n        indented\n    at x (y.js:1)\nok 1 - t\n")
    assert (len(report.cases), report.differences) == (1, ())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"ok 1\nok 2\n", "no plan"),
        (b"TAP version 13\n", "no plan"),
        (b"1..1\nok \xff\n", "not UTF-8"),
        (" " * 400 + "ok 1", "deeper than"),
    ],
)
def test_what_is_no_tap_is_refused(data: bytes | str, reason: str) -> None:
    with pytest.raises(BadReport, match=reason):
        parse_tap(data.encode() if isinstance(data, str) else data)


def test_too_many_tests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap, "MAX_CASES", 2)
    with pytest.raises(BadReport, match="more than 2"):
        read("1..3\nok\nok\nok\n")
