"""One status per test, by the id that its own runner would use, from the report of a suite run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from pipeline.reports.junit import parse_junit as read_junit
from pipeline.reports.model import BadReport as BadReport
from pipeline.reports.model import Case

Results = Mapping[str, str]
"""Test id -> passed, failed, skipped or error. An id without `::` is a file that could not be loaded."""

NOT_PASSED = frozenset({"failed", "error"})
_SEVERITY = ("passed", "skipped", "failed", "error")


def parse_junit(data: bytes) -> Results:
    """The results in a JUnit report (`junit_family=xunit1`). A test with several entries gets the worst of them.

    Raises BadReport.
    """
    results: dict[str, str] = {}
    for case in read_junit(data).cases:
        id = test_id(case.file, case.classname, case.name)
        results[id] = max(results.get(id, "passed"), _status(case), key=_SEVERITY.index)
    return results


def test_id(file: str | None, classname: str, name: str) -> str:
    """pytest's node id, as far as JUnit XML keeps it: `tests/test_a.py::TestB::test_c[1]`, or the file alone.

    pytest writes a file that could not be loaded as a nameless class with the dotted module as the test's name.
    """
    if not classname:
        return file or name.replace(".", "/") + ".py"
    if file is None:
        return f"{classname}::{name}"
    module = ".".join(PurePosixPath(file).with_suffix("").parts)
    classes = classname.removeprefix(module).strip(".").split(".")
    return "::".join([file, *filter(None, classes), name])


def _status(case: Case) -> str:
    return "error" if case.raw_status == "error" else case.status
