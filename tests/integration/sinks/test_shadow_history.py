"""History of `control` that compaction took from the log is no difference between live and rebuilt tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiokafka.structs import TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from schemas.records import RunStateChanged
from schemas.topics import CONTROL
from sinks.blocks import columns
from sinks.migrate import migrate
from sinks.rows import Position, rows_of
from sinks.shadow_check import compare, tables
from sinks.shadow_plan import Bounds, carried
from tests.support.finished import example_of

pytestmark = pytest.mark.integration


def test_history_of_control_that_compaction_removed_is_no_difference(live_and_shadow: tuple[ClickHouse, str]) -> None:
    """The log has the last state of a run alone, the live table those before it; whichever else differs is told."""
    clickhouse, shadow = live_and_shadow
    live = clickhouse.rows("SELECT currentDatabase() AS name")[0]["name"]
    place = TopicPartition(CONTROL.name, 0)
    bounds_ = Bounds({place: 0}, {place: 9}, frozenset({5, 7}))
    for database, offsets in ((live, (2, 5, 7)), (shadow, (5, 7))):
        for offset in offsets:
            _insert_state(clickhouse, database, offset)
    assert compare(clickhouse, live, shadow, ["run_states"], bounds_).differences == []
    (table,) = tables(clickhouse, live, ["run_states"])
    clickhouse.command(carried(table, live, shadow, bounds_))
    held = f"SELECT groupArray(source_offset) AS n FROM (SELECT * FROM {shadow}.run_states ORDER BY source_offset)"
    assert clickhouse.rows(held) == [{"n": [2, 5, 7]}]
    clickhouse.command(f"DELETE FROM {live}.run_states WHERE source_offset = 7")
    (missing,) = compare(clickhouse, live, shadow, ["run_states"], bounds_).differences
    assert (missing.kind, missing.place, missing.count) == ("missing", "control/0", 1)


def _insert_state(clickhouse: ClickHouse, database: str, offset: int) -> None:
    record = replace(example_of(RunStateChanged), changed_at_us=offset)
    for table, rows in rows_of(record, Position(CONTROL.name, 0, offset)).items():
        clickhouse.insert(f"{database}.{table}", *columns(rows), f"{table}-{offset}")


@pytest.fixture
def live_and_shadow(settings: ClickHouseSettings, clickhouse: ClickHouse) -> Iterator[tuple[ClickHouse, str]]:
    """A database with its tables, and the name of another one beside it."""
    name = f"{settings.clickhouse_database}_shadow_x"
    migrate(settings.model_copy(update={"clickhouse_database": name}))
    yield clickhouse, name
    clickhouse.command(f"DROP DATABASE {name} SYNC")
