"""TRX and NUnit 3 XML."""

from __future__ import annotations

import pytest

from pipeline.reports.model import BadReport
from pipeline.reports.nunit import parse_nunit
from pipeline.reports.trx import parse_trx

TRX = """<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
<Times start="2026-01-02T03:04:05Z" finish="2026-01-02T03:04:07Z"/><Results>
<UnitTestResult testId="1" testName="Space.Sums.Adds" duration="00:01:02.5000000" outcome="Passed"/>
<UnitTestResult testId="2" testName="Custom name" outcome="Failed"><Output><StdOut>talk</StdOut><ErrorInfo>
<Message>no</Message><StackTrace>at x</StackTrace></ErrorInfo></Output></UnitTestResult>
<UnitTestResult testId="3" testName="Waits" outcome="NotExecuted"/>
<UnitTestResult testId="4" testName="Dies"/></Results>
<TestDefinitions><UnitTest id="1"><TestMethod className="Space.Sums, Assembly" name="Adds"/></UnitTest>
</TestDefinitions>
<ResultSummary>
<Counters total="4" executed="3" passed="1" failed="1" error="1" timeout="0" aborted="0"/></ResultSummary>
</TestRun>"""


def test_trx() -> None:
    report = parse_trx(TRX.encode())
    assert [(case.classname, case.name, case.status, case.raw_status) for case in report.cases] == [
        ("Space.Sums", "Adds", "passed", "Passed"),
        ("", "Custom name", "failed", "Failed"),
        ("", "Waits", "skipped", "NotExecuted"),
        ("", "Dies", "failed", "Error"),
    ]
    assert (report.cases[0].duration_us, report.duration_us) == (62_500_000, 2_000_000)
    assert (report.cases[1].message, report.cases[1].trace, report.cases[2].message) == ("no", "at x", None)
    assert report.differences == ()


def test_trx_totals_that_are_wrong_are_told() -> None:
    assert parse_trx(TRX.replace('passed="1"', 'passed="2"').encode()).differences == ("passed: 2 stated, 1 found",)


NUNIT = """<test-run total="3" passed="1" failed="1" inconclusive="1" skipped="0" start-time="2026-01-02 03:04:05Z">
<test-suite name="Space" fullname="Space" result="Failed" site="SetUp"><failure><message>no base</message></failure>
<test-case name="Adds" classname="Space.Sums" result="Passed" duration="0.5"/>
<test-case name="Fails" result="Failed">
<failure><message>no</message><stack-trace>at x</stack-trace></failure></test-case>
<test-case name="Unsure" result="Inconclusive"/></test-suite></test-run>"""


def test_nunit() -> None:
    report = parse_nunit(NUNIT.encode())
    assert [case.status for case in report.cases] == ["passed", "failed", "other"]
    assert (report.cases[0].id, report.cases[0].duration_us) == ("Space::Space.Sums::Adds", 500_000)
    assert (report.cases[1].message, report.cases[1].trace) == ("no", "at x")
    assert [one.message for one in report.broken] == ["no base"]
    assert report.differences == ()


@pytest.mark.parametrize("parse", [parse_trx, parse_nunit])
def test_other_xml_is_refused(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(BadReport, match="--format"):
        parse(b"<testsuite/>")


def test_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(BadReport, match="no status"):
        parse_trx(TRX.replace('outcome="Passed"', 'outcome="Great"').encode())
