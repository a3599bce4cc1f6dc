"""Every query of every dashboard, as Grafana sends it, answers the read-only analyst with what its panel needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse
from schemas.records import Record, TraceJudged
from sinks.blocks import Entry, block_of, columns
from sinks.rows import Position, rows_of
from tests.support.cookbook import filled
from tests.support.cookbook_results import runs_of
from tests.support.cookbook_sessions import sessions
from tests.support.cookbook_telling import assembled
from tests.support.grafana import ALL, Query, Viewer, filled_in, queries
from tests.support.stack import ANALYST_PASSWORD
from tests.support.traces import SECOND_US

pytestmark = pytest.mark.integration
DATABASE = "cookbook_of_the_tests"
ALL_OF_IT = Viewer(
    since=datetime(2026, 3, 1, tzinfo=UTC),
    until=datetime(2026, 3, 7, 12, tzinfo=UTC),
    interval_s=86_400,
    chosen={"project": ALL, "budget": ("5",)},
)
NUMBER = re.compile(r"(U?Int\d+|Float\d+|Decimal.*|Bool)")
WRAPPER = re.compile(r"^(?:Nullable|LowCardinality)\((.*)\)$")


@pytest.fixture(scope="module")
def analyst(clickhouse_url: str) -> Iterator[ClickHouse]:
    """The analyst of a database with the sessions of the cookbook, which are of the first week of March 2026."""
    settings = filled(clickhouse_url, DATABASE, ANALYST_PASSWORD)
    owner, client = ClickHouse(settings), ClickHouse(settings, analyst=True)
    for offset, (record, document) in enumerate(_beside_the_cookbook()):
        block = block_of("beside", 0, [Entry(offset, rows_of(record, Position("beside", 0, offset), document))])
        for table, rows in block.rows.items():
            owner.insert(table, *columns(rows), block.token(table))
    yield client
    client.close()
    owner.command(f"DROP DATABASE {DATABASE} SYNC")
    owner.close()


def _beside_the_cookbook() -> Iterator[tuple[Record, dict[str, Any] | None]]:
    """What only dashboards ask for: a session without results, live judgements by a model, one taken from a run."""
    waiting = assembled(replace(sessions()[0], name="waiting", hour=122))
    yield from ((record, None) for record in waiting.log)
    yield from waiting.revisions
    ended = [one for told in sessions() if (one := assembled(told)).revisions and told.end != "erased"]
    paid = [record for record in runs_of(ended) if isinstance(record, TraceJudged) and record.cost_nano_usd]
    for record, run in ((paid[0], None), (paid[1], paid[1].run_id)):
        judged_us = round(ALL_OF_IT.until.timestamp() - 3_600) * SECOND_US
        yield replace(record, run_id="live", started_at_us=judged_us, cached_from=run), None


def _columns(analyst: ClickHouse, sql: str) -> dict[str, str]:
    """The columns of a query and what their types are at heart."""
    return {row["name"]: _plain(row["type"]) for row in analyst.rows(f"DESCRIBE ({sql})")}


def _plain(type_name: str) -> str:
    while inner := WRAPPER.match(type_name):
        type_name = inner[1]
    return type_name


def _fits(query: Query, columns: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Holds the answer to what the panel can show."""
    names, types = list(columns), list(columns.values())
    numbers = [name for name, kind in columns.items() if NUMBER.fullmatch(kind)]
    texts = [name for name, kind in columns.items() if kind == "String"]
    match query.kind:
        case "timeseries":
            times = [row["time"] for row in rows]
            assert names[0] == "time"
            assert types[0].startswith("DateTime")
            assert times == sorted(times)
            assert None not in times
            series = query.node["fieldConfig"]["defaults"].get("displayName", "")
            assert texts == re.findall(r"labels\.(\w+)", series)
            assert numbers == names[1 + len(texts) :]
            assert all(row[name] for row in rows for name in texts), "a series without a name"
        case "stat" | "bargauge":
            assert numbers == names
            assert len(rows) == 1
        case "barchart":
            assert names == [*texts, *numbers]
            assert (len(texts), len(numbers) >= 1) == (1, True)
            assert all(row[name] is not None for row in rows for name in names)
        case "annotation":
            assert (names, types[0][:8]) == (["time", "text"], "DateTime")
        case "variable":
            assert types == ["String"]
        case _:
            assert query.kind == "table"
    units = [one["matcher"]["options"] for one in query.node.get("fieldConfig", {}).get("overrides", ())]
    assert set(units) <= set(names), "a unit of a column that is not there"


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_a_panel_is_answered_with_what_it_shows(analyst: ClickHouse, query: Query) -> None:
    sql = filled_in(query.sql, ALL_OF_IT)
    rows = analyst.rows(sql)
    _fits(query, _columns(analyst, sql), rows)
    assert rows
    assert any(value not in (None, 0, "") for value in rows[0].values()), "what the sessions have is shown"


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_a_choice_of_projects_and_an_empty_time_are_no_errors(analyst: ClickHouse, query: Query) -> None:
    hostile = replace(ALL_OF_IT, chosen={"project": ("web", "it's"), "budget": ("no'number",)})
    before = replace(hostile, since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2020, 1, 2, tzinfo=UTC))
    analyst.rows(filled_in(query.sql, hostile))
    rows = analyst.rows(filled_in(query.sql, before))
    assert query.kind in ("stat", "bargauge", "variable") or query.title == "Runs of scores" or not rows


def test_projects_are_told_apart(analyst: ClickHouse) -> None:
    received = next(one for one in queries() if one.name == "health: Received")
    counts = []
    for chosen in (ALL, ("web",), ("backend",), ("web", "backend")):
        viewer = replace(ALL_OF_IT, chosen={**ALL_OF_IT.chosen, "project": chosen})
        counts.append(analyst.rows(filled_in(received.sql, viewer))[0]["received"])
    assert counts[1] + counts[2] == counts[3] == counts[0]
