"""docs/schema.md, from the comments in the DDL.

`python -m sinks.schema_doc > docs/schema.md` asks the ClickHouse of the settings, which must be migrated.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings, load

PUBLIC = """
SELECT name, engine, comment, parameterized_view_parameters AS parameters, create_table_query AS definition
FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'v1_') ORDER BY name
"""
COLUMNS = """
SELECT name, type, comment FROM system.columns
WHERE database = currentDatabase() AND table = {name:String} ORDER BY position
"""
HEAD = """# Tables for analysts

What analysts query are the `v1_*` views of the database `telemetry`. Their columns keep their meaning; new ones may be
added. They show each thing once, whatever was replayed. The tables behind them are private and may change. Made by
`python -m sinks.schema_doc` from the comments in `sinks/migrations/`.

Times are UTC with microseconds, durations are seconds (names end in `_s`). Text that is absent is empty, a count of
nothing is 0, any other number that is absent is NULL. Rows are kept for RETENTION_DAYS (90) days, counted from the time
in the trace id; those of `v1_audit`, `v1_erasures`, `v1_runs`, `v1_promotions`, `v1_checkpoints` and
`v1_rubric_weights` are kept for ever.

Some views take parameters, as `SELECT * FROM v1_trace_timeline(trace_id = 'trace-...')`. `v1_dict_*` are dictionaries,
as in `dictGet('v1_dict_projects', 'consent', project)`; a key of several columns is a tuple of them.
"""
# As the engine writes a view's definition: `name` Type COMMENT 'words'.
_DECLARED = re.compile(r"`(\w+)` (.+?) COMMENT '((?:[^'\\]|\\.|'')*)'(?:, (?=`)|\))")
_PARAMETERS, _IS = "Parameters: ", " - "


class Undescribed(Exception):
    """Something that analysts see has no description; the text names it."""


@dataclass(frozen=True, slots=True)
class Described:
    """A column or a parameter."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands in one section. `kind`: view, or dictionary."""

    name: str
    kind: str
    meaning: str
    parameters: tuple[Described, ...]
    columns: tuple[Described, ...]

    @property
    def title(self) -> str:
        """Its name, with its parameters as they are given."""
        given = ", ".join(f"{parameter.name} = ..." for parameter in self.parameters)
        return f"{self.name}({given})" if given else self.name


def relations(clickhouse: ClickHouse) -> list[Relation]:
    """All that analysts may query, by name. Raises Undescribed."""
    found: dict[str, Relation] = {}
    for row in clickhouse.rows(PUBLIC):
        meaning, _, told = row["comment"].partition(f". {_PARAMETERS}")
        parameters = tuple(_parameters(row["name"], row["parameters"], told))
        declared = [
            (one["name"], one["type"], one["comment"]) for one in clickhouse.rows(COLUMNS, {"name": row["name"]})
        ]
        if parameters:  # of these system.columns knows nothing
            declared = [(name, kind, _unescaped(said)) for name, kind, said in _DECLARED.findall(row["definition"])]
        columns = tuple(Described(name, " ".join(kind.split()), said) for name, kind, said in declared)
        found[row["name"]] = Relation(row["name"], row["engine"].lower(), meaning, parameters, columns)
    return [_checked(_explained(relation, found)) for relation in found.values()]


def _parameters(view: str, given: list[dict[str, str]], told: str) -> Iterator[Described]:
    meanings = dict(part.split(_IS, 1) for part in told.split("; ")) if told else {}
    types = {one["name"]: one["type"] for one in given}
    if meanings.keys() != types.keys():
        raise Undescribed(f"{view} takes {sorted(types)}, its comment describes {sorted(meanings)}")
    return (Described(name, types[name], meaning) for name, meaning in meanings.items())


def _explained(relation: Relation, found: dict[str, Relation]) -> Relation:
    """A dictionary's attributes cannot have comments: they mean what the columns of its view mean."""
    if relation.kind != "dictionary":
        return relation
    view = found[relation.name.replace("v1_dict_", "v1_")]
    meanings = {column.name: column.meaning for column in view.columns}
    columns = tuple(Described(one.name, one.type, meanings.get(one.name, "")) for one in relation.columns)
    return Relation(relation.name, relation.kind, relation.meaning, (), columns)


def _checked(relation: Relation) -> Relation:
    if not relation.meaning or not relation.columns:
        raise Undescribed(f"{relation.name} has no description, or no columns")
    if bare := [column.name for column in relation.columns if not column.meaning]:
        raise Undescribed(f"{relation.name}.{bare[0]} has no description")
    return relation


def document(clickhouse: ClickHouse) -> str:
    """The page, as Markdown. Raises Undescribed."""
    return HEAD + "".join(map(_section, relations(clickhouse)))


def _section(relation: Relation) -> str:
    lines = [f"\n## {relation.title}\n", f"{relation.meaning}.\n"]
    if relation.parameters:
        lines += ["| parameter | type | what it is |", "|---|---|---|", *map(_line, relation.parameters), ""]
    return "\n".join([*lines, "| column | type | what it is |", "|---|---|---|", *map(_line, relation.columns)]) + "\n"


def _line(one: Described) -> str:
    return f"| `{one.name}` | `{one.type}` | {one.meaning.replace('<', '&lt;')} |"


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)|'(')", lambda escaped: escaped[1] or escaped[2], text)


def main() -> None:
    """Entry point of the command."""
    sys.stdout.write(document(ClickHouse(load(ClickHouseSettings))))


if __name__ == "__main__":
    main()
