"""Reads CTRF, the Common Test Report Format (https://ctrf.io, specification 1.0).

What is used is held to the schema: required members, types, statuses. Members that are not used may be anything, and
the two that older writers leave out (`reportFormat`, `specVersion`) may be absent: reports of any age can be read.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.reports.jsonform import document, optional, record, records, status_of, texts
from pipeline.reports.model import STATUSES, Attempt, BadReport, Case, Report, Stated, Status, checked
from pipeline.reports.values import MS_US, count, duration_us, epoch_ms, name, prose

_STATUS: dict[str, Status] = {status: status for status in STATUSES}
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_TEXTS = ("rawStatus", "message", "trace", "filePath")
_COUNTS = ("retries", "line")


def parse_ctrf(data: bytes) -> Report:
    """The report. Raises BadReport."""
    content = document(data)
    _check_head(content)
    results = record(content.get("results"), "results")
    tool, summary = record(results.get("tool"), "results.tool"), record(results.get("summary"), "results.summary")
    stated: dict[str, Any] = {key: _whole(summary, key, "results.summary") for key in ("tests", *STATUSES)}
    start, stop = (_whole(summary, key, "results.summary") for key in ("start", "stop"))
    if summary.get("flaky") is not None:
        stated["flaky"] = _whole(summary, "flaky", "results.summary")
    return checked(
        Report(
            format="ctrf",
            framework=_text(tool, "name", "results.tool"),
            version=name(tool.get("version")) or None,
            cases=tuple(map(_case, records(results, "tests"))),
            stated=Stated(**stated),
            start_ms=epoch_ms(start),
            duration_us=duration_us(stop - start, MS_US),
        )
    )


def _check_head(content: dict[str, Any]) -> None:
    if content.get("reportFormat", "CTRF") != "CTRF":
        raise BadReport("reportFormat is not CTRF: give --format, or correct its writer")
    version = content.get("specVersion", "0.0.0")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise BadReport("specVersion is not MAJOR.MINOR.PATCH: correct its writer")


def _case(test: dict[str, Any]) -> Case:
    for key in _TEXTS:
        _of_type(test, key, str)
    for key in _COUNTS:
        _of_type(test, key, int)
    _of_type(test, "flaky", bool)
    status = status_of(_STATUS, test.get("status"))
    attempts = records(test, "retryAttempts") if test.get("retryAttempts") is not None else []
    return Case(
        name=_text(test, "name", "a test"),
        status=status,
        raw_status=name(test.get("rawStatus")) or status,
        suite=tuple(name(each) for each in _suite(test)),
        file=name(test.get("filePath")) or None,
        line=count(test.get("line")),
        duration_us=duration_us(_number(test, "duration", "a test"), MS_US),
        message=prose(test.get("message")),
        trace=prose(test.get("trace")),
        attempts=tuple(map(_attempt, attempts)),
        retries=count(test.get("retries")) or max(len(attempts) - 1, 0),
        flaky=test.get("flaky") is True,
    )


def _suite(test: dict[str, Any]) -> list[str]:
    """From top to bottom; older writers give one text."""
    suite = test.get("suite")
    if suite is not None and (not isinstance(suite, str | list) or len(texts(suite)) != _length(suite)):
        raise BadReport("suite is no array of texts: the file is damaged, or correct its writer")
    return texts(suite)


def _length(suite: str | list[object]) -> int:
    return len(suite) if isinstance(suite, list) else 1


def _attempt(attempt: dict[str, Any]) -> Attempt:
    if _whole(attempt, "attempt", "a retry attempt") < 1:
        raise BadReport("attempt is below 1 in a retry attempt: correct its writer")
    for key in ("message", "trace"):
        _of_type(attempt, key, str)
    return Attempt(
        status=status_of(_STATUS, attempt.get("status")),
        duration_us=duration_us(attempt.get("duration"), MS_US),
        message=prose(attempt.get("message")),
        trace=prose(attempt.get("trace")),
    )


def _of_type(parent: dict[str, Any], key: str, kind: type) -> None:
    value = parent.get(key)
    if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise BadReport(f"{key} of a test is no {kind.__name__}: the file is damaged, or correct its writer")


def _number(parent: dict[str, Any], key: str, where: str) -> float:
    value = parent.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadReport(f"{key} is no number in {where}: the file is damaged, or correct its writer")
    return value


def _whole(parent: dict[str, Any], key: str, where: str) -> int:
    """A whole number; older writers give times as fractions."""
    return int(_number(parent, key, where))


def _text(parent: dict[str, Any], key: str, where: str) -> str:
    if not (text := name(parent.get(key))):
        raise BadReport(f"{key} is no text in {where}: the file is damaged, or correct its writer")
    return text


def is_ctrf(content: dict[str, Any]) -> bool:
    """Whether a JSON document says that it is CTRF, or looks as older ones do."""
    return content.get("reportFormat") == "CTRF" or "summary" in optional(content, "results")
