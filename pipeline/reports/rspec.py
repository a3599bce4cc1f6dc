"""What RSpec's `json` formatter writes. Errors outside of examples are counted there without being listed."""

from __future__ import annotations

from typing import Any

from pipeline.reports.jsonform import document, optional, records, status_of, texts
from pipeline.reports.model import Breakage, Case, Report, Stated, Status, checked
from pipeline.reports.values import SECOND_US, count, duration_us, name, prose

_STATUS: dict[str, Status] = {"passed": "passed", "failed": "failed", "pending": "pending"}


def parse_rspec(data: bytes) -> Report:
    """The report. Raises BadReport."""
    content = document(data)
    summary = optional(content, "summary")
    outside = count(summary.get("errors_outside_of_examples_count")) or 0
    messages = prose("\n".join(texts(content.get("messages")))) or "see the output of the run"
    return checked(
        Report(
            format="rspec",
            framework="rspec",
            version=name(content.get("version")) or None,
            cases=tuple(map(_case, records(content, "examples"))),
            broken=(Breakage(f"{outside} errors outside of examples", messages),) if outside else (),
            stated=Stated(
                tests=count(summary.get("example_count")),
                failed=count(summary.get("failure_count")),
                pending=count(summary.get("pending_count")),
            ),
            duration_us=duration_us(summary.get("duration"), SECOND_US),
        )
    )


def _case(example: dict[str, Any]) -> Case:
    error = optional(example, "exception")
    title, full = name(example.get("description")), name(example.get("full_description"))
    suite = full.removesuffix(title).strip()
    status = status_of(_STATUS, example.get("status"))
    return Case(
        name=title,
        status=status,
        raw_status=status,
        suite=(suite,) if suite else (),
        file=name(example.get("file_path")) or None,
        line=count(example.get("line_number")),
        duration_us=duration_us(example.get("run_time"), SECOND_US),
        message=prose(error.get("message") or example.get("pending_message")),
        trace=prose("\n".join(texts(error.get("backtrace")))),
    )
