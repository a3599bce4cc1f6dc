"""docs/schema.md, from the comments in the DDL.

`python -m sinks.schema_doc > docs/schema.md` asks the ClickHouse of the settings, which must be migrated.
"""

import sys

from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings, load

VIEWS = """
SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'v1_') ORDER BY name
"""
COLUMNS = """
SELECT name, type, comment FROM system.columns
WHERE database = currentDatabase() AND table = {view:String} ORDER BY position
"""
HEAD = """# Tables for analysts

What analysts query are the `v1_*` views of the database `telemetry`. Their columns keep their meaning; new ones may be
added. They show each thing once, whatever was replayed. The tables behind them are private and may change. Made by
`python -m sinks.schema_doc` from the comments in `sinks/migrations/`.

Times are UTC with microseconds, durations are seconds (names end in `_s`). Text that is absent is empty, a count of
nothing is 0, any other number that is absent is NULL. Rows are kept for RETENTION_DAYS (90) days, counted from the time
in the trace id; those of `v1_audit` are kept for ever.
"""


def document(clickhouse: ClickHouse) -> str:
    """The page, as Markdown."""
    return HEAD + "".join(_view(clickhouse, view["name"], view["comment"]) for view in clickhouse.rows(VIEWS))


def _view(clickhouse: ClickHouse, name: str, comment: str) -> str:
    lines = [f"\n## {name}\n", f"{comment}.\n", "| column | type | what it is |", "|---|---|---|"]
    for column in clickhouse.rows(COLUMNS, {"view": name}):
        kind, meaning = " ".join(column["type"].split()), column["comment"].replace("<", "&lt;")
        lines.append(f"| `{column['name']}` | `{kind}` | {meaning} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Entry point of the command."""
    sys.stdout.write(document(ClickHouse(load(ClickHouseSettings))))


if __name__ == "__main__":
    main()
