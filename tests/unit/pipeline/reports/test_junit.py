"""JUnit XML in its dialects; what the document states is compared with what it holds."""

from __future__ import annotations

import pytest

from pipeline.reports import junit, xmlform
from pipeline.reports.junit import parse_junit
from pipeline.reports.model import BadReport, Report


def suite(inner: str, attributes: str = "name='s'") -> Report:
    return parse_junit(f"<testsuite {attributes}>{inner}</testsuite>".encode())


@pytest.mark.parametrize(
    ("inside", "status", "raw"),
    [
        ("", "passed", "passed"),
        ("<failure message='no'/>", "failed", "failed"),
        ("<error/>", "failed", "error"),
        ("<skipped/>", "skipped", "skipped"),
        ("<skipped type='pytest.xfail'/>", "skipped", "xfail"),
        ("<skipped/><failure/>", "failed", "failed"),
        ("<failure/><error/>", "failed", "error"),
        ("<system-out>failure</system-out>", "passed", "passed"),
    ],
)
def test_the_worst_mark_is_the_status(inside: str, status: str, raw: str) -> None:
    (case,) = suite(f"<testcase name='t'>{inside}</testcase>").cases
    assert (case.status, case.raw_status) == (status, raw)


@pytest.mark.parametrize("attribute", ["status='notrun'", "status='disabled'", "result='suppressed'"])
def test_a_case_that_says_that_it_did_not_run_is_skipped(attribute: str) -> None:
    assert suite(f"<testcase name='t' {attribute}/>").cases[0].status == "skipped"


def test_parts_of_the_id_and_the_failure_are_kept() -> None:
    (case,) = suite(
        "<testsuite name='inner'><testcase name='t' classname='C' file='a.py' line='7' time='1,234.5'>"
        "<failure message='wanted 1'>at a.py:7</failure></testcase></testsuite>",
    ).cases
    assert (case.suite, case.classname, case.name, case.file, case.line) == (("s", "inner"), "C", "t", "a.py", 7)
    assert (case.message, case.trace, case.duration_us) == ("wanted 1", "at a.py:7", 1_234_500_000)
    assert case.id == "a.py::s::inner::C::t"


@pytest.mark.parametrize("time", ["NaN", "inf", "-1", "1e400", "soon", ""])
def test_a_time_that_is_none_is_unknown(time: str) -> None:
    assert suite(f"<testcase name='t' time='{time}'/>").cases[0].duration_us is None


def test_reruns_that_end_well_make_a_flaky_case_and_those_that_do_not_a_failed_one() -> None:
    report = suite(
        "<testcase name='flaky'><flakyFailure message='1st'>trace</flakyFailure><flakyError message='2nd'/></testcase>"
        "<testcase name='broken'><failure message='1st'/><rerunFailure message='2nd'><stackTrace>at</stackTrace>"
        "<system-out>talk</system-out></rerunFailure></testcase>"
    )
    flaky, broken = report.cases
    assert (flaky.status, flaky.flaky, flaky.retries) == ("passed", True, 2)
    assert [(one.status, one.message) for one in flaky.attempts] == [
        ("failed", "1st"),
        ("failed", "2nd"),
        ("passed", None),
    ]
    assert (broken.status, broken.flaky, broken.retries) == ("failed", False, 1)
    assert [(one.message, one.trace) for one in broken.attempts] == [("1st", None), ("2nd", "at")]
    assert report.framework == "surefire"


def test_stated_totals_are_compared_at_every_level() -> None:
    report = parse_junit(
        b"<testsuites tests='2' failures='1' errors='0'><testsuite name='a' tests='1'><testcase name='t'/></testsuite>"
        b"<testsuite name='b' tests='2' failures='1'><testcase name='u'><failure/></testcase></testsuite></testsuites>"
    )
    assert report.stated.tests == 2
    assert report.differences == ("suite b: tests: 2 stated, 1 found",)


def test_without_a_total_of_its_own_the_root_states_the_sum_of_its_suites() -> None:
    report = parse_junit(
        b"<testsuites><testsuite tests='1' errors='0'><testsuite tests='1'><testcase name='t'/></testsuite></testsuite>"
        b"<testsuite tests='0' errors='0'/></testsuites>"
    )
    assert (report.stated.tests, report.stated.failed, report.differences) == (1, 0, ())


def test_a_test_of_pytest_that_fails_twice_is_one() -> None:
    report = suite(
        "<testcase classname='m' name='t'><failure/></testcase><testcase classname='m' name='t'><error/></testcase>",
        "name='pytest' tests='1' failures='1' errors='1'",
    )
    assert [case.raw_status for case in report.cases] == ["error"]
    assert report.differences == ()


def test_a_file_that_did_not_run_is_a_breakage_and_no_test() -> None:
    report = suite(
        "<testcase classname='Test suite failed to run' name='a.js'><error>boom</error></testcase>",
        "tests='0' errors='1'",
    )
    assert (report.cases, report.differences, report.green) == ((), (), False)
    assert [(one.where, one.message) for one in report.broken] == [("a.js", "boom")]


def test_an_error_of_a_suite_itself_is_a_breakage() -> None:
    assert suite("<error message='fixture'/>").broken[0].message == "fixture"


BOMB = (
    "<!DOCTYPE t [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {chr(98 + n)} '{('&' + chr(97 + n) + ';') * 10}'>" for n in range(9))
    + "]><testsuite name='&j;'/>"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not well-formed"),
        (b"<testsuites><testsuite name='x'>", "not well-formed"),
        (b"\xff\xfe<nonsense", "not well-formed"),
        (b"<testsuite name='\xff'/>", "not well-formed"),
        (b"<?xml version='1.0' encoding='klingon'?><testsuite/>", "encoding"),
        (b"<html></html>", "no <testsuite>"),
        (BOMB.encode(), "document type"),
        (b"<!DOCTYPE t SYSTEM 'file:///etc/passwd'><testsuite/>", "document type"),
        (b"<testsuite>" * 65 + b"</testsuite>" * 65, "deeper than 64"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadReport, match=reason):
        parse_junit(data)


def test_a_report_of_too_many_tests_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit, "MAX_CASES", 2)
    with pytest.raises(BadReport, match="more than 2"):
        suite("<testcase classname='t' name='n'/>" * 3)


def test_a_report_of_too_many_elements_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlform, "MAX_ELEMENTS", 2)
    with pytest.raises(BadReport, match="more than 2 elements"):
        suite("<failure/><failure/>")


def test_long_texts_are_cut() -> None:
    (case,) = suite(f"<testcase name='{'n' * 9000}'><failure>{'t' * 90_000}</failure></testcase>").cases
    assert len(case.name) < 2200
    assert len(case.trace or "") < 8300
