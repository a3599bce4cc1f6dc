"""`report`: test reports of any format as one table, or as CTRF."""

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from pipeline.cli.terminal import fail, out
from pipeline.reports.ctrfwriter import ctrf
from pipeline.reports.formats import AUTO, PARSERS, parse
from pipeline.reports.model import BadReport, Report
from pipeline.reports.table import aligned, markdown, row
from pipeline.reports.values import MAX_BYTES

STDIN = "-"
Named = tuple[str, Report]


def report(
    files: Annotated[
        list[Path],
        typer.Argument(help="Test reports; `-` is standard input."),
    ],
    format_name: Annotated[
        str, typer.Option("--format", help=f"Of all files, where it is not to be found out: {', '.join(PARSERS)}.")
    ] = AUTO,
    json: Annotated[
        bool, typer.Option("--json", help="Print one CTRF document; several reports are merged into it.")
    ] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
) -> None:
    """Show what test reports say, and whether their totals are right. Exit status: 0 all are read, 1 one is refused."""
    if format_name not in (AUTO, *PARSERS):
        raise typer.BadParameter(f"no format {format_name}; there are: {', '.join(PARSERS)}")
    read = [_read(file, format_name) for file in files]
    reports = [named for named in read if named is not None]
    if json:
        out.file.write(orjson.dumps(ctrf(reports), option=orjson.OPT_INDENT_2).decode() + "\n")
    elif reports:
        rows = [row(file, report) for file, report in reports]
        for line in markdown(rows) if as_markdown else aligned(rows):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(reports) < len(files):
        raise typer.Exit(1)


def _read(file: Path, format: str) -> Named | None:
    """The file's report; None where it is refused, which is told at once."""
    try:
        return str(file), parse(_content(file), format)
    except BadReport as error:
        fail(f"{file}: {error}")
    except OSError as error:
        fail(f"{file}: {error.strerror or error}")
    return None


def _content(file: Path) -> bytes:
    """As much as is ever read, and one byte more to know that there is more."""
    if str(file) == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with file.open("rb") as content:
        return content.read(MAX_BYTES + 1)
