"""`sql`: analysts' read-only queries, on the command line, from a file or from standard input."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.tables import reading
from pipeline.cli.terminal import WRONG_USAGE, fail, note

NAMES_A_FORMAT = re.compile(r"\bFORMAT\s+\w+$", re.IGNORECASE)
PEOPLE, SCRIPTS = "PrettyCompactMonoBlock", "JSONEachRow"
STDIN = "-"
PARAMETER = re.compile(r"\{\s*(\w+)\s*:\s*\w")


def sql(
    query: Annotated[
        str, typer.Argument(help="One read-only statement, - for standard input; the views: docs/schema.md.")
    ] = "",
    fmt: Annotated[str, typer.Option("--format", help="Any of ClickHouse's output formats.")] = PEOPLE,
    json: Annotated[bool, typer.Option("--json", help=f"The same as --format {SCRIPTS}.")] = False,
    file: Annotated[str, typer.Option("--file", help="File with the statement, - for standard input.")] = "",
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE of a {NAME:Type} in it.")] = None,
) -> None:
    """Run a query as the read-only analyst. Exit status 1 when ClickHouse refuses it or is away."""
    statement = _statement(query, file).strip().rstrip(";").rstrip()
    if not statement:
        raise fail("the query is empty", WRONG_USAGE)
    parameters = _parameters(statement, param or [])
    chosen = None if NAMES_A_FORMAT.search(statement) else SCRIPTS if json else fmt
    with reading(analyst=True) as clickhouse:
        answer = clickhouse.raw(statement, chosen, parameters).decode(errors="replace")
    sys.stdout.write(answer)
    if not answer and chosen == PEOPLE:
        note("no rows")


def _statement(query: str, file: str) -> str:
    if query and file:
        raise fail("give a query or --file, not both", WRONG_USAGE)
    if STDIN in (query, file):
        return sys.stdin.read()
    if not file:
        return query
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise fail(f"{file} cannot be read: {error}", WRONG_USAGE) from None


def _parameters(statement: str, given: Iterable[str]) -> dict[str, str]:
    """Values by name. One that the statement does not name is refused: it would seem to have restricted something."""
    named = set(PARAMETER.findall(statement))
    values: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise fail(f"--param {pair}: NAME=VALUE is expected", WRONG_USAGE)
        if name not in named:
            known = f"; it has {', '.join(sorted(named))}" if named else ""
            raise fail(f"--param {name}: the query has no {{{name}:Type}}{known}", WRONG_USAGE)
        values[name] = value
    return values
