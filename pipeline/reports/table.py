"""One row per report: its totals, and whether they are those that the report itself states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.reports.model import STATUSES, Report

COLUMNS = ("file", "framework", "format", *STATUSES, "total", "flaky", "broken", "as stated")
Row = tuple[str, ...]


def row(file: str, report: Report) -> Row:
    """The cells of COLUMNS, on one line each and printable whatever the report says."""
    totals = report.totals()
    counts = (*(totals[status] for status in STATUSES), len(report.cases), report.flaky, len(report.broken))
    cells = (file, report.framework, report.format, *map(str, counts), _as_stated(report))
    return tuple(map(_printable, cells))


def _as_stated(report: Report) -> str:
    if report.differences:
        more = f" (and {len(report.differences) - 1} more)" if len(report.differences) > 1 else ""
        return f"no: {report.differences[0]}{more}"
    return "yes" if report.stated.anything else "-"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def aligned(rows: Sequence[Row]) -> Iterable[str]:
    """The table for a terminal."""
    lines = [COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def markdown(rows: Sequence[Row]) -> Iterable[str]:
    """The table for a document."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|" + "---|" * len(COLUMNS)
    for line in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
