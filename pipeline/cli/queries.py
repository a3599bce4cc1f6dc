"""`sql`: analysts' read-only queries."""

import re
import sys
from typing import Annotated

import typer

from pipeline.cli.terminal import fail
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings, load

NAMES_A_FORMAT = re.compile(r"\bFORMAT\s+\w+$", re.IGNORECASE)
PEOPLE, SCRIPTS = "PrettyCompactMonoBlock", "JSONEachRow"


def sql(
    query: Annotated[str, typer.Argument(help="One read-only statement; the views are described in docs/schema.md.")],
    fmt: Annotated[str, typer.Option("--format", help="Any of ClickHouse's output formats.")] = PEOPLE,
    json: Annotated[bool, typer.Option("--json", help=f"The same as --format {SCRIPTS}.")] = False,
) -> None:
    """Run a query as the read-only analyst. Exit status 1 when ClickHouse refuses it or is away."""
    connection = ClickHouse(load(ClickHouseSettings), analyst=True)
    try:
        statement = query.rstrip().rstrip(";")
        chosen = None if NAMES_A_FORMAT.search(statement) else SCRIPTS if json else fmt
        sys.stdout.write(connection.raw(statement, chosen).decode(errors="replace"))
    except (QueryFailed, Retryable) as error:
        raise fail(" ".join(str(error).split())) from None
    finally:
        connection.close()
