"""Test reports as a session: each becomes a test run with its results, in the order in which they began.

A report says which tests ran and how they ended, and not by which command. What an event has no field for is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any

import orjson

from clients.importers.formats import Imported, NotThisFormat, acceptable
from clients.importers.loss import Loss
from clients.recorded import Session
from pipeline.reports.formats import parse
from pipeline.reports.model import Attempt, BadReport, Case, Report
from schemas.api import CreateTrace

MILLISECOND_US = 1000
# Room is left in a chunk; the whole report goes along as the output of the run.
MOST_RESULTS_BYTES = 100_000
LONGEST_MESSAGE_CHARS = 4_000
STATUSES = {"passed": "passed", "failed": "failed", "skipped": "skipped", "pending": "skipped", "other": "skipped"}
NO_START = "no report says when all runs began: counted from 1970-01-01 in the order given, by their durations"
SOME_START = "not every report says when its run began: those in the order given have the time of the one before"
OTHER = "skipped, where a report says pending or other"


@dataclass(frozen=True, slots=True)
class _Read:
    name: str
    data: bytes
    report: Report


def read_reports(files: Iterable[tuple[str, bytes]]) -> Imported:
    """The session of reports, by name. Raises NotThisFormat, which names the file."""
    found = [_Read(name, data, _parsed(name, data)) for name, data in files]
    starts = [each.report.start_ms for each in found]
    if all(start is not None for start in starts):
        found.sort(key=lambda each: each.report.start_ms or 0)
    loss = Loss(records=sum(len(each.report.cases) + len(each.report.broken) for each in found))
    events, now_us = [], 0
    for seq, each in enumerate(found):
        now_us = _end_us(each.report, now_us)
        if each.report.start_ms is None:
            loss.estimated["ts_client_us", SOME_START if any(start is not None for start in starts) else NO_START] += 1
        events.append({"id": f"evt-{seq + 1:04d}", "seq": seq, "ts_client_us": now_us, **_run(each, loss)})
    return Imported(Session(_trace(found), (events,)), loss)


def _parsed(name: str, data: bytes) -> Report:
    try:
        return parse(data)
    except BadReport as error:
        raise NotThisFormat(f"{name}: {error}") from error


def _end_us(report: Report, before_us: int) -> int:
    start_us = before_us if report.start_ms is None else report.start_ms * MILLISECOND_US
    return start_us + (report.duration_us or 0)


def _run(read: _Read, loss: Loss) -> dict[str, Any]:
    report, results = read.report, []
    for case in report.cases:
        results.append(_result(case))
        _left(case, loss)
        if case.status in ("pending", "other"):
            loss.estimated["results[].status", OTHER] += 1
    results += [
        {"id": acceptable(broken.where)[:4096] or "(outside of a test)", "status": "error", **_message(broken.message)}
        for broken in report.broken
    ]
    kept = _fitting(results)
    if len(kept) < len(results):
        loss.dropped["result beyond the event's size; it is in the report that goes along"] += len(results) - len(kept)
    for what, value in (("version", report.version), ("differences", list(report.differences))):
        loss.rest(value, f"report.{what}")
    totals = Counter(result["status"] for result in results)
    return {
        "type": "test_run",
        "framework": acceptable(report.framework)[:64] or report.format,
        **{status: totals[status] for status in ("passed", "failed", "skipped")},
        "errors": totals["error"],
        "results": kept,
        "output": acceptable(_text(read.data)),
        **({} if report.duration_us is None else {"duration_us": report.duration_us}),
    }


def _result(case: Case) -> dict[str, Any]:
    error = case.status == "failed" and case.raw_status.lower() in ("error", "errored", "broken")
    told = "\n".join(part for part in (case.message, case.trace) if part)
    return {
        "id": acceptable(case.id)[:4096] or "(unnamed)",
        "status": "error" if error else STATUSES[case.status],
        **({} if case.duration_us is None else {"duration_us": case.duration_us}),
        **_message(told),
    }


def _message(text: str) -> dict[str, str]:
    return {"message": acceptable(text)[:LONGEST_MESSAGE_CHARS]} if text else {}


def _left(case: Case, loss: Loss) -> None:
    """What a result has no field for; name, file, suites and class are its id."""
    told = "\n".join(part for part in (case.message, case.trace) if part)
    loss.rest(told[LONGEST_MESSAGE_CHARS:], "case.message")
    attempts = [{one.name: getattr(attempt, one.name) for one in fields(Attempt)} for attempt in case.attempts]
    left = {"line": case.line, "retries": case.retries or None, "flaky": case.flaky or None}
    loss.rest({**left, "attempts": attempts}, "case")


def _fitting(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many results as fit, those that failed before all others, in the order of the report."""
    sizes = [len(orjson.dumps(result)) + 1 for result in results]
    urgent = sorted(range(len(results)), key=lambda at: results[at]["status"] in ("passed", "skipped"))
    left, chosen = MOST_RESULTS_BYTES, set()
    for at in urgent:
        if sizes[at] > left:
            break
        left -= sizes[at]
        chosen.add(at)
    return [result for at, result in enumerate(results) if at in chosen]


def _text(data: bytes) -> str:
    return data.decode(
        "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8", errors="replace"
    ).removeprefix("\ufeff")


def _trace(found: Sequence[_Read]) -> CreateTrace:
    digest = sha256(b"".join(sha256(each.data).digest() for each in found)).hexdigest()
    kinds = sorted({each.report.format for each in found})
    names = ", ".join(each.name.rpartition("/")[2] for each in found)
    return CreateTrace(
        participant_id="test-reports",
        consent="research",
        task_id=f"test-reports-{digest[:16]}",
        task_title=acceptable(f"Test runs: {names}")[:1024],
        repo_origin="unknown",
        environment={"source_format": "test-report", "report_formats": ", ".join(kinds)[:1024]},
    )
