"""Every file of five public collections of reports is read, or refused for the reason that is listed here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from pipeline.reports.ctrf import parse_ctrf
from pipeline.reports.ctrfwriter import ctrf
from pipeline.reports.formats import parse
from pipeline.reports.model import BadReport
from tests.support.data import SHARED_DATA, shared_data

ROOT = SHARED_DATA / "test-reports"
FILES = tuple(sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()))
DORNY, GO, JEST = "dorny/__tests__/fixtures", "gotestsum", "jest-junit/__mocks__"

HIDING = "internal/junitxml/testdata/junitxml-report-hide-skipped-tests.golden"

NO_REPORTS = {
    **{file: "none of the formats" for file in FILES if file.endswith(("LICENSE", "files.txt", ".err"))},
    **{file: "JSON, none of the formats" for file in FILES if file.startswith(("ctrf/schema", "ctrf/tests"))},
    # what gotestsum prints for people
    **{file: "none of the formats" for file in FILES if "/format/" in file or "/summary/" in file},
    **{file: "none of the formats" for file in FILES if file.endswith("expected") or "/expected/" in file},
    "junit-to-ctrf/reports/not-junit.xml": "root <catalog>",
}
CONTRADICTORY = {
    f"{DORNY}/junit-with-message.xml": "suite Test: tests: 6 stated, 1 found",
    # pytest counts subtests that it does not list
    f"{DORNY}/python-xunit-pytest.xml": "suite pytest: tests: 15 stated, 10 found",
    # gotestsum counts a package that failed to build without listing it, and TestMain in no suite
    f"{GO}/{HIDING}": "suite test: failed: 14 stated, 13 found",
    f"{GO}/testjson/testdata/go-test-json-missing-test-events.out": "it says success, its tests say otherwise",
    f"{JEST}/failing-compilation.json": "tests: 0 stated, 1 found",
    f"{JEST}/failing-import.json": "tests: 1 stated, 0 found",
    f"{JEST}/failing-tests.json": "passed: 1 stated, 0 found",
    f"{JEST}/failing-tests-with-esc.json": "passed: 1 stated, 0 found",
    f"{JEST}/failing-tests-with-failure-details.json": "passed: 1 stated, 0 found",
    f"{JEST}/no-failing-tests-with-testexec-failure.json": "it says success, its tests say otherwise",
    f"{JEST}/test-with-console-output.json": "it says failure, its tests say otherwise",
}
"""Reports, edited by hand most of them, whose statement is not what they hold."""
KNOWN = {
    f"{DORNY}/external/jest/jest-test-results.xml": (4239, 2, 30),
    f"{DORNY}/external/java/pulsar-test-report.xml": (808, 1, 14),
    f"{DORNY}/external/FluentValidation.Tests.trx": (804, 0, 1),
    f"{DORNY}/external/nunit-sample.xml": (18, 2, 3),
    f"{GO}/testjson/testdata/input/go-test-json-missing-skip-msg.out": (42, 0, 2),  # DONE 42 tests, 2 skipped
    f"{GO}/testjson/testdata/input/go-test-json-with-cover-go1.20.out": (59, 12, 5),  # 13 failures with the package
}


def test_the_lists_name_files_that_are_there() -> None:
    shared_data("test-reports")
    assert {*NO_REPORTS, *CONTRADICTORY, *KNOWN} <= set(FILES)


@pytest.mark.parametrize("file", FILES or ("-",))
def test_a_file_of_the_collections(file: str) -> None:
    data = (shared_data("test-reports") / file).read_bytes()
    if file in NO_REPORTS:
        with pytest.raises(BadReport, match=NO_REPORTS[file]):
            parse(data)
        return
    report = parse(data)
    assert report.differences[:1] == ((CONTRADICTORY[file],) if file in CONTRADICTORY else ())
    totals = report.totals()
    assert (len(report.cases), totals["failed"], totals["skipped"]) == KNOWN.get(
        file, (len(report.cases), totals["failed"], totals["skipped"])
    )
    again = parse_ctrf(orjson.dumps(ctrf([(file, report)])))
    assert (again.totals()["passed"], again.flaky, again.differences) == (totals["passed"], report.flaky, ())


NOT_READ = re.compile(
    r"(?i)unknown property|(report|spec)(Format|Version) property|attachment|step|insights|baseline|metricdelta|"
    r"environment|labels|tags|std(out|err)|parameters|(report|run|test|execution|attempt|legacy )id\b|timestamp|"
    r"generatedBy|extra|tool with version|summary with (suites|duration)|"
    r"test with (start|stop)|with suite (as string|viol)"
)
"""Invalid by the schema, and read: what they break is not used, or older writers write it so."""


def conformance() -> list[Any]:
    """(file, description, whether it is valid, document) of CTRF's own suite."""
    tests = ROOT / "ctrf" / "tests" / "normative"
    return [(path, test) for path in sorted(tests.glob("*.json")) for test in json.loads(path.read_text())["tests"]]


@pytest.mark.parametrize(
    ("path", "test"), [pytest.param(path, test, id=test["description"]) for path, test in conformance()]
)
def test_the_conformance_suite_of_ctrf(path: Path, test: dict[str, Any]) -> None:
    data = (path.parent / test["dataPath"]).read_bytes() if "dataPath" in test else orjson.dumps(test["data"])
    if test["valid"] or NOT_READ.search(test["description"]):
        assert parse_ctrf(data).framework == "runner" or test["valid"]
        return
    with pytest.raises(BadReport):
        parse_ctrf(data)
