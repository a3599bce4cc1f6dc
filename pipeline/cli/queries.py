"""`sql`: analysts' read-only queries."""

import re
import sys
from typing import Annotated

import typer

from pipeline.cli.terminal import WRONG_USAGE, fail
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings, load

NAMES_A_FORMAT = re.compile(r"\bFORMAT\s+\w+$", re.IGNORECASE)
# What the client puts around ClickHouse's own words, and the several thousand letters that its parser would have taken.
WRAPPING = re.compile(
    r"^Received ClickHouse exception, code: \d+, server response: | Expected one of: .{200,}(?= \([A-Z_]+\))|"
    r" \(for url \S+\)$"
)
PEOPLE, SCRIPTS = "PrettyCompactMonoBlock", "JSONEachRow"


def sql(
    query: Annotated[str, typer.Argument(help="One read-only statement; the views are described in docs/schema.md.")],
    fmt: Annotated[str, typer.Option("--format", help="Any of ClickHouse's output formats.")] = PEOPLE,
    json: Annotated[bool, typer.Option("--json", help=f"The same as --format {SCRIPTS}.")] = False,
) -> None:
    """Run a query as the read-only analyst. Exit status 1 when ClickHouse refuses it or is away."""
    statement = query.strip().rstrip(";").rstrip()
    if not statement:
        raise fail("the query is empty", WRONG_USAGE)
    connection = ClickHouse(load(ClickHouseSettings), analyst=True)
    try:
        chosen = None if NAMES_A_FORMAT.search(statement) else SCRIPTS if json else fmt
        sys.stdout.write(connection.raw(statement, chosen).decode(errors="replace"))
    except (QueryFailed, Retryable) as error:
        raise fail(WRAPPING.sub("", " ".join(str(error).split()))) from None
    finally:
        connection.close()
