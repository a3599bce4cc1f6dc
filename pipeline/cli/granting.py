"""`grants`: SQL that lets analysts into a ClickHouse server, for its administrator to look through and to run."""

import sys
from typing import Annotated

import typer

from pipeline.access import PROJECT
from pipeline.analysts import COLUMN, PUBLIC, server_statements
from pipeline.cli.tables import reading
from pipeline.cli.terminal import WRONG_USAGE, fail
from pipeline.settings import AnalystSettings, ClickHouseSettings, load

HEAD = """-- What analysts may read and take on a ClickHouse server, from `pr-telemetry grants`: docs/operations.md.
-- Taking it again changes nothing; users are made apart.

"""
# A parameterised view has no columns before it is called; one without a project fails by its policy.
VIEWS = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, {public:String}) AND engine != 'Dictionary'
AND (notEmpty(parameterized_view_parameters) OR name IN
    (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = {column:String}))
ORDER BY name
"""


def grants(
    project: Annotated[
        list[str] | None, typer.Option(help="Make a role that sees this project only; repeatable.")
    ] = None,
) -> None:
    """Print SQL for a ClickHouse server: role, limits and quota of analysts, and a role for each project that is named.

    Name every project that has a role, each time: policies are written anew. With a project the server is asked for its
    views, as CLICKHOUSE_USER. The embedded engine takes CLICKHOUSE_ANALYSTS instead.
    """
    for name in project or ():
        if not PROJECT.fullmatch(name):
            raise fail("a project has 1 to 64 letters, digits, dots, dashes and underscores", WRONG_USAGE)
    database = load(ClickHouseSettings).clickhouse_database
    views = _views(database) if project else []
    sys.stdout.write(script(load(AnalystSettings), database, list(project or ()), views))


def script(most: AnalystSettings, database: str, projects: list[str], views: list[str]) -> str:
    """The statements as a file for `clickhouse client`."""
    return HEAD + "".join(f"{statement};\n" for statement in server_statements(most, database, projects, views))


def _views(database: str) -> list[str]:
    with reading(analyst=False) as clickhouse:
        found = [str(row["name"]) for row in clickhouse.rows(VIEWS, {"public": PUBLIC, "column": COLUMN})]
    if not found:
        raise fail(f"the database {database} has no views yet: migrate it first")
    return found
