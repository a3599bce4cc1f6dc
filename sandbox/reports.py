"""Reads JUnit XML as pytest writes it into one status per test.

Streams through expat, so that memory is bounded by the report's own tests; a document type definition, and with it
every entity, is refused before it can expand.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from xml.parsers.expat import ExpatError, ParserCreate

Results = Mapping[str, str]
"""Test id -> passed, failed, skipped or error. An id without `::` is a file that could not be loaded."""

NOT_PASSED = frozenset({"failed", "error"})
MAX_TESTS = 100_000
_SEVERITY = {"passed": 0, "skipped": 1, "failed": 2, "error": 3}
_STATUS_OF = {"failure": "failed", "error": "error", "skipped": "skipped"}


class BadReport(ValueError):
    """Not a report that can be trusted: damaged, with a DTD, too many tests, or no JUnit XML at all."""


def parse_junit(data: bytes) -> Results:
    """The results in a JUnit report (`junit_family=xunit1`). A test with several entries gets the worst of them.

    Raises BadReport.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except ExpatError as error:
        raise BadReport(f"not well-formed XML: {error}") from error
    if not reader.suites:
        raise BadReport("no <testsuite> in it")
    return reader.results


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


class _Reader:
    def __init__(self) -> None:
        self.parser = ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.results: dict[str, str] = {}
        self.suites = 0
        self._current: str | None = None

    def _refuse(self, *_: object) -> None:
        raise BadReport("it has a document type definition")

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        if element == "testsuite":
            self.suites += 1
        elif element == "testcase":
            self._current = test_id(attributes.get("file"), attributes.get("classname", ""), attributes.get("name", ""))
            self._record("passed")
        elif element in _STATUS_OF and self._current is not None:
            self._record(_STATUS_OF[element])

    def _record(self, status: str) -> None:
        assert self._current is not None
        known = self.results.get(self._current, status)
        self.results[self._current] = max(known, status, key=_SEVERITY.__getitem__)
        if len(self.results) > MAX_TESTS:
            raise BadReport(f"more than {MAX_TESTS} tests")
