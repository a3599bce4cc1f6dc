"""`sql`: analysts' read-only queries, on the command line, from a file or from standard input."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import WRONG_USAGE, fail, note
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings, load

NAMES_A_FORMAT = re.compile(r"\bFORMAT\s+\w+$", re.IGNORECASE)
# What the client puts around ClickHouse's own words, and the several thousand letters that its parser would have taken.
WRAPPING = re.compile(
    r"^Received ClickHouse exception, code: \d+, server response: | Expected one of: .{200,}(?= \([A-Z_]+\))|"
    r" \(for url \S+\)$"
)
# What to do about a refusal, by a piece of ClickHouse's words.
ADVICE = {
    "Code: 241.": "ask for fewer columns or a shorter time, aggregate before joining; the limit of a query is"
    " CLICKHOUSE_ANALYST_MEMORY_MB",
    "Code: 159.": "narrow it by trace_id, project or time; the limit of a query is CLICKHOUSE_ANALYST_SECONDS",
    "Limit for result exceeded": "aggregate, or add a LIMIT; the most that a result may have is"
    " CLICKHOUSE_ANALYST_ROWS",
    "Limit for temporary files": "sort or group fewer rows; what may be spilled follows CLICKHOUSE_ANALYST_MEMORY_MB",
    "Code: 202.": "wait until others of yours have ended; the most at once is CLICKHOUSE_ANALYST_QUERIES",
    "Code: 201.": "wait for the next hour; the quota is CLICKHOUSE_ANALYST_HOURLY_QUERIES and"
    " CLICKHOUSE_ANALYST_HOURLY_S",
    "Code: 497.": "analysts read the v1_* views, which SHOW TABLES lists and docs/schema.md describes",
}
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
    connection = ClickHouse(load(ClickHouseSettings), analyst=True)
    try:
        chosen = None if NAMES_A_FORMAT.search(statement) else SCRIPTS if json else fmt
        answer = connection.raw(statement, chosen, parameters).decode(errors="replace")
    except (QueryFailed, Retryable) as error:
        raise fail(said(error)) from None
    finally:
        connection.close()
    sys.stdout.write(answer)
    if not answer and chosen == PEOPLE:
        note("no rows")


def said(error: Exception) -> str:
    """What ClickHouse said, in one line, and what to do where a limit of analysts was met."""
    text = WRAPPING.sub("", " ".join(str(error).split()))
    advice = next((what for words, what in ADVICE.items() if words in text), "")
    return f"{text}: {advice}" if advice else text


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
