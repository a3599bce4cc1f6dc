"""Which format a report has, from its content: the root element, the members of the document, the first event. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from pipeline.reports.ctrf import is_ctrf
from pipeline.reports.jsonform import BOM, document
from pipeline.reports.model import BadReport

FORMATS = "junit, trx, nunit, ctrf, jest, mocha, rspec, gotest, dart, tap"
NONE = f"none of the formats that are read ({FORMATS})"
_ROOTS = {"testsuites": "junit", "testsuite": "junit", "TestRun": "trx", "test-run": "nunit"}
_MEMBERS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "ctrf": is_ctrf,
    "jest": lambda content: "testResults" in content,
    "mocha": lambda content: "stats" in content and "tests" in content,
    "rspec": lambda content: "examples" in content,
}
_TAP = re.compile(rb"^(TAP version 1[2-4]|1\.\.\d+|Bail out!)", re.MULTILINE)  # `ok` alone begins lines of Go, too
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PROLOG = re.compile(r"(?s)\A\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<(?:[\w.-]+:)?([\w.-]+)")
_LOOKED_AT = 65_536
_LONGEST_EVENT = 1_048_576  # go test cuts its output into far smaller ones; a longer line is a whole document


def detect(data: bytes) -> str:
    """A key of PARSERS. Raises BadReport where it is none of them, with what to do."""
    start = data.removeprefix(BOM).lstrip()
    if not start:
        raise BadReport("it is empty: the run wrote no report, look at its output")
    if data.startswith(_UTF16) or start.startswith(b"<"):
        return _xml(data)
    if start.startswith(b"{"):
        return _json(start)
    if event := _first_event(data):
        return event
    if _TAP.search(data):
        return "tap"
    raise BadReport(f"{NONE}: give --format where it is one of them")


def _xml(data: bytes) -> str:
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8"
    text = data[:_LOOKED_AT].decode(encoding, errors="replace").removeprefix("\ufeff")
    if re.search(r"<!DOCTYPE", text):
        raise BadReport("it has a document type definition, which no test report needs: remove it")
    root = found[1] if (found := _PROLOG.match(text)) else ""
    if root not in _ROOTS:
        raise BadReport(f"XML with the root <{root[:80]}>, {NONE}: give the file that the test runner wrote")
    return _ROOTS[root]


def _json(start: bytes) -> str:
    if event := _event(start.split(b"\n", 1)[0]):
        return event
    content = document(start)
    for format, fits in _MEMBERS.items():
        if fits(content):
            return format
    raise BadReport(f"JSON, {NONE}: give --format where it is one of them")


def _first_event(data: bytes) -> str:
    """The format of the first line that is an event; plain output may come before it."""
    lines = data[:_LOOKED_AT].split(b"\n")
    return next((event for line in lines if line.startswith(b"{") and (event := _event(line))), "")


def _event(line: bytes) -> str:
    if len(line) > _LONGEST_EVENT:
        return ""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(event, dict):
        return ""
    if isinstance(event.get("Action"), str):
        return "gotest"
    return "dart" if event.get("type") == "start" and "protocolVersion" in event else ""
