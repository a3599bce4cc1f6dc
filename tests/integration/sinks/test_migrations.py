"""The schema goes up, down and up again on the real engine, and is documented as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.erasure import KEPT_TABLES
from pipeline.errors import Retryable
from pipeline.settings import ClickHouseSettings
from sinks.erasure import TABLES
from sinks.migrate import migrate
from sinks.schema_doc import Undescribed, document, relations
from sinks.steps import read_steps
from tests.support.ports import free_port

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
OBJECTS = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND name != 'schema_migrations' ORDER BY name"
)


def _objects(settings: ClickHouseSettings) -> list[str]:
    client = ClickHouse(settings)
    try:
        return [row["name"] for row in client.rows(OBJECTS)]
    finally:
        client.close()


def test_each_step_can_be_taken_back_and_taken_again(settings: ClickHouseSettings) -> None:
    after: dict[int, list[str]] = {0: []}
    for number in range(1, len(read_steps()) + 1):
        migrate(settings, number)
        after[number] = _objects(settings)
        assert after[number] != after[number - 1]
    for number in reversed(range(len(after) - 1)):
        migrate(settings, number)
        assert _objects(settings) == after[number]
    assert len(migrate(settings)) == len(read_steps())
    assert _objects(settings) == after[len(read_steps())]
    assert migrate(settings) == []


def test_a_database_that_is_not_there_is_made(settings: ClickHouseSettings) -> None:
    other = settings.model_copy(update={"clickhouse_database": f"{settings.clickhouse_database}_made"})
    migrate(other, 1)
    assert "traces" in _objects(other)
    migrate(other, 0)
    client = ClickHouse(settings)
    client.command(f"DROP DATABASE {other.clickhouse_database} SYNC")
    client.close()


def test_retention_is_the_setting(settings: ClickHouseSettings) -> None:
    migrate(settings.model_copy(update={"retention_days": 17}), 1)
    client = ClickHouse(settings)
    assert "toIntervalDay(17)" in client.command("SHOW CREATE TABLE events")
    client.close()


def test_every_table_with_rows_of_traces_expires(clickhouse: ClickHouse) -> None:
    tables = [row["name"] for row in clickhouse.rows(TABLES) if row["name"] not in KEPT_TABLES]
    assert len(tables) >= 7
    assert [name for name in tables if "TTL" not in clickhouse.command(f"SHOW CREATE TABLE {name}")] == []


def test_an_absent_server_is_waited_for_and_then_named() -> None:
    absent = ClickHouseSettings(clickhouse_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Retryable, match=absent.clickhouse_url):
        migrate(absent, wait_s=0.1)


def test_the_schema_page_is_what_the_ddl_says_and_misses_nothing(clickhouse: ClickHouse) -> None:
    described = relations(clickhouse)
    assert all(one.meaning and one.columns for one in described)
    assert [(one.name, each.name) for one in described for each in one.columns if not each.meaning] == []
    public = "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'v1_')"
    assert {one.name for one in described} == {row["name"] for row in clickhouse.rows(public)}
    assert (ROOT / "docs" / "schema.md").read_text() == document(clickhouse)


@pytest.mark.parametrize(
    ("definition", "missing"),
    [
        ("(a UInt8 COMMENT 'A', b UInt8) AS SELECT 1 AS a, 2 AS b COMMENT 'Two'", "v1_bare.b has no description"),
        ("(a UInt8 COMMENT 'A') AS SELECT 1 AS a", "v1_bare has no description"),
        ("(a UInt8 COMMENT 'A') AS SELECT {n:UInt8} AS a COMMENT 'One'", r"v1_bare takes \['n'\]"),
        ("(a UInt8) AS SELECT {n:UInt8} AS a COMMENT 'One. Parameters: n - it'", "v1_bare has no description, or no"),
    ],
)
def test_what_has_no_description_is_named(clickhouse: ClickHouse, definition: str, missing: str) -> None:
    clickhouse.command(f"CREATE VIEW v1_bare {definition}")
    with pytest.raises(Undescribed, match=missing):
        relations(clickhouse)


def test_views_give_the_types_that_they_declare(clickhouse: ClickHouse) -> None:
    values = {"String": "''", "Date": "'2026-01-01'"}
    for view in (one for one in relations(clickhouse) if one.kind == "view"):
        given = ", ".join(f"{each.name} = {values[each.type]}" for each in view.parameters)
        source = f"{view.name}({given})" if given else view.name
        answer = clickhouse.raw(f"SELECT * FROM {source} LIMIT 0", "JSONCompactEachRowWithNamesAndTypes")
        names, types = (json.loads(line) for line in answer.splitlines())
        declared = {each.name: each.type.replace("( ", "(") for each in view.columns}
        assert declared == dict(zip(names, types, strict=True)), view.name


def test_a_step_back_restores_the_views_of_the_step_before(settings: ClickHouseSettings) -> None:
    definitions = "SELECT name, as_select FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"

    def views() -> dict[str, str]:
        client = ClickHouse(settings)
        try:
            return {row["name"]: row["as_select"] for row in client.rows(definitions)}
        finally:
            client.close()

    newest = len(read_steps())
    before: dict[int, dict[str, str]] = {}
    for number in range(1, newest + 1):
        migrate(settings, number)
        before[number] = views()
    for number in reversed(range(1, newest)):
        migrate(settings, number)
        assert views() == before[number], number
