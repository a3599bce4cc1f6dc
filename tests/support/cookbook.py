"""The analysts' cookbook: its recipes in docs/cookbook/*.sql, run over fixed sessions, as docs/cookbook.md.

`python -m tests.support.cookbook > docs/cookbook.md` makes the page anew, on an engine of its own.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.settings import ClickHouseSettings
from pipeline.telemetry import logs_beside_results
from schemas.records import Record, TraceAssembled
from sinks.blocks import Entry, block_of, columns
from sinks.letter_rows import letter_rows
from sinks.migrate import migrate
from sinks.rows import Position, Rows, rows_of
from tests.support.cookbook_log import policies, transparency
from tests.support.cookbook_operations import letters, operations
from tests.support.cookbook_results import erased, results_of, runs_of
from tests.support.cookbook_sessions import sessions
from tests.support.cookbook_telling import Assembled, assembled
from tests.support.data import PROJECT
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import running
from tests.support.stack import clickhouse_command

PAGE, FOLDER = PROJECT / "docs" / "cookbook.md", PROJECT / "docs" / "cookbook"
AGAIN = "make it anew: python -m tests.support.cookbook > docs/cookbook.md"
FORMAT = "PrettyCompactMonoBlock"
FOREVER_DAYS = 20_000
"""The sessions are of March 2026, whenever the page is made."""
QUERYABLE_US, ROW_US = 220_000, 15_000
"""From the record to its rows: a constant and a share of each event, so that answers differ."""
VIEW = re.compile(r"\bv1_\w+")


@dataclass(frozen=True)
class Recipe:
    """A question: the title, what to look at, the statement, and values of its parameters that the page shows."""

    path: Path
    title: str
    advice: str
    parameters: dict[str, str]
    statement: str

    @property
    def name(self) -> str:
        """Its place in the repository."""
        return self.path.relative_to(PROJECT).as_posix()

    @property
    def views(self) -> set[str]:
        """The views that it asks."""
        return set(VIEW.findall(self.statement))


def recipes() -> list[Recipe]:
    """All recipes in the order of their numbers."""
    return [_recipe(path) for path in sorted(FOLDER.glob("*.sql"))]


def _recipe(path: Path) -> Recipe:
    """Comment lines first: the question, what to look at, and `param name=value` for each parameter."""
    text = path.read_text()
    head, statement = re.fullmatch(r"((?:--[^\n]*\n)+)(.+)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    title, *rest = [line.removeprefix("--").strip() for line in head.splitlines()]
    said = [line for line in rest if not line.startswith("param ")]
    given = [line.removeprefix("param ").partition("=") for line in rest if line.startswith("param ")]
    return Recipe(path, title, " ".join(said), {name: value for name, _, value in given}, statement.strip())


def load(clickhouse: ClickHouse) -> None:
    """Put the rows of all sessions into an empty, migrated database."""
    told = [assembled(one) for one in sessions()]
    ended = [one for one in told if one.revisions and one.told.end != "erased"]
    documents = {(r.trace_id, r.revision): document for one in ended for r, document in one.revisions}
    records = list(_records(told, ended))
    for offset, record in enumerate([*records, *transparency(records), *policies()]):
        document = documents.get((record.trace_id, record.revision)) if isinstance(record, TraceAssembled) else None
        _insert(clickhouse, rows_of(record, Position("topic", 0, offset), document), offset)
    for offset, letter in enumerate(letters(ended)):
        _insert(clickhouse, letter_rows(letter), offset)


def _records(told: Iterable[Assembled], ended: list[Assembled]) -> Iterator[Record]:
    for one in told:
        if one.told.end == "erased":
            yield from erased(one)
            continue
        yield from one.log
        yield from (revision for revision, _ in one.revisions)
        yield from results_of(one)
    yield from runs_of(ended)
    yield from operations(ended)


def _insert(clickhouse: ClickHouse, rows: Rows, offset: int) -> None:
    for row in rows.get("traces", []):
        queryable_at = row["closed_at"] + QUERYABLE_US + row["event_count"] * ROW_US
        rows = {**rows, "traces": [{**row, "inserted_at": queryable_at}]}
    block = block_of("topic", 0, [Entry(offset, rows)])
    for table, of_table in block.rows.items():
        clickhouse.insert(table, *columns(of_table), block.token(table))


def answer(analyst: ClickHouse, recipe: Recipe) -> str:
    """What the analyst sees, as `pr-telemetry sql` prints it."""
    parameters: dict[str, Any] = dict(recipe.parameters)
    return analyst.raw(recipe.statement, FORMAT, parameters).decode()


def page(analyst: ClickHouse) -> str:
    """The whole page, as Markdown; the hand-written parts are docs/cookbook/head.md and tail.md."""
    parts = [_recipe_shown(number, recipe, answer(analyst, recipe)) for number, recipe in enumerate(recipes(), 1)]
    contents = [f"{number}. [{one.title}](#{_anchor(number, one.title)})" for number, one in enumerate(recipes(), 1)]
    head, tail = ((FOLDER / name).read_text().strip() for name in ("head.md", "tail.md"))
    return "\n\n".join([head, "\n".join(contents), *parts, tail]) + "\n"


def _anchor(number: int, title: str) -> str:
    return re.sub(r"[^\w\- ]", "", f"{number} {title}".lower()).replace(" ", "-")


def _recipe_shown(number: int, recipe: Recipe, shown: str) -> str:
    given = "".join(f" --param {name}={value}" for name, value in recipe.parameters.items())
    command = f"$ pr-telemetry sql --file {recipe.name}{given}"
    return (
        f"## {number}. {recipe.title}\n\n{recipe.advice}\n\n```sql\n{recipe.statement}\n```\n\n"
        f"```\n{command}\n{shown.rstrip()}\n```"
    )


def filled(url: str, database: str, password: str) -> ClickHouseSettings:
    """Settings of a database in which all sessions are by now; `password` is the analyst's."""
    settings = ClickHouseSettings(
        clickhouse_url=url,
        clickhouse_database=database,
        clickhouse_analyst_password=password,
        retention_days=FOREVER_DAYS,
    )
    migrate(settings)
    client = ClickHouse(settings)
    load(client)
    client.close()
    return settings


def main() -> None:
    """Print the page."""
    logs_beside_results()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environment = {"CLICKHOUSE_PASSWORD": "", "CLICKHOUSE_ANALYST_PASSWORD": "analyst"}
        log, command = Path(folder) / "clickhouse.log", clickhouse_command(port, Path(folder) / "data")
        with running(command, log, lambda: accepts_connections(port), environment):
            settings = filled(f"http://127.0.0.1:{port}", f"cookbook_{now_us()}", "analyst")
            sys.stdout.write(page(ClickHouse(settings, analyst=True)))


if __name__ == "__main__":
    main()
