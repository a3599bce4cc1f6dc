"""The dashboards are what their Python says, Grafana's own reader keeps all of them, what they refer to is there."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.__main__ import BOARDS, FOLDER, path_of, text_of
from deploy.grafana.panels import PLUGIN, SOURCE, WIDTH, Board, Panel, document, statement
from tests.support.data import PROJECT
from tests.support.grafana import ALL, Query, Viewer, boards, filled_in, queries

GRAFANA = yaml.safe_load((PROJECT / "docker-compose.kafka.yml").read_text())["services"]["grafana"]
INSTALLED = "GF_PLUGINS_PREINSTALL_SYNC"
PROVISIONING = FOLDER.parent / "provisioning"
VIEWER = Viewer(
    since=datetime(2026, 3, 1, tzinfo=UTC),
    until=datetime(2026, 3, 2, tzinfo=UTC),
    interval_s=3_600,
    chosen={"project": ("web", "it's"), "budget": ("5",)},
)
register_default_plugins()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_file_is_what_the_code_says(board: Board) -> None:
    assert path_of(board).read_text() == text_of(board), "make it anew: python -m deploy.grafana"


def test_there_are_no_other_files_and_no_two_of_a_name() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path_of(board).name for board in BOARDS}
    assert len({board.title for board in BOARDS}) == len(BOARDS)
    assert all(re.fullmatch(r"[a-z-]{8,40}", board.uid) for board in BOARDS)


@pytest.mark.parametrize("name", boards())
def test_panels_have_their_own_ids_and_places(name: str) -> None:
    panels = boards()[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= WIDTH for place in places)
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]


def _overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in (("x", "w"), ("y", "h")))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_rows_are_full(board: Board) -> None:
    assert {sum(panel.width for panel in row) for row in board.rows} == {WIDTH}
    assert all(len({panel.height for panel in row}) == 1 for row in board.rows)


@pytest.mark.parametrize("name", boards())
def test_a_panel_says_what_it_shows_and_asks_the_provisioned_source(name: str) -> None:
    for panel in boards()[name]["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [panel["datasource"], panel["targets"][0]["datasource"]] == [SOURCE, SOURCE]


def test_pages_that_descriptions_name_are_there() -> None:
    named = {page for board in boards().values() for page in re.findall(r"docs/[\w-]+\.md", json.dumps(board))}
    assert named
    assert [page for page in named if not (PROJECT / page).exists()] == []


@pytest.mark.parametrize("name", boards())
def test_grafanas_own_reader_keeps_all_of_it(name: str) -> None:
    """Reading and writing again loses what the schema does not know: a wrong name, an option of another panel."""
    board = boards()[name]
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    # It knows no queries of annotations but those of Grafana itself.
    for annotation in (*board["annotations"]["list"], *read["annotations"]["list"]):
        annotation.pop("target", None)
    assert list(_lost(board, read)) == []


def _lost(given: Any, read: Any, at: str = "") -> list[str]:
    if isinstance(given, dict) and isinstance(read, dict):
        return [place for name in given for place in _lost(given[name], read.get(name), f"{at}/{name}")]
    if isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        return [place for number, one in enumerate(given) for place in _lost(one, read[number], f"{at}/{number}")]
    return [] if given == read else [at]


def test_the_reader_does_lose_what_is_wrong() -> None:
    panel = Panel(kind="stat", title="t", description="d", sql="SELECT 1", width=4)
    board = document(Board(uid="b", title="b", description="", since="1d", interval="1h", rows=((panel,),)))
    board["panels"][0]["options"]["colourMode"] = "value"
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    assert _lost(board, read) == ["/panels/0/options/colourMode"]


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.name)
def test_only_public_views_are_asked(query: Query) -> None:
    assert set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", query.sql)) <= set(re.findall(r"\bv1_\w+", query.sql))


def test_the_source_is_the_analyst_by_variables_that_compose_sets() -> None:
    source = yaml.safe_load((PROVISIONING / "datasources/clickhouse.yaml").read_text())["datasources"][0]
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    given = {**source["jsonData"], **source["secureJsonData"]}
    named = {value[1:] for value in given.values() if value.startswith("$")}
    assert named == {name for name in GRAFANA["environment"] if not name.startswith("GF_")}
    assert {"CLICKHOUSE_ANALYST_USER", "CLICKHOUSE_ANALYST_PASSWORD"} <= named
    assert GRAFANA["environment"][INSTALLED] == f"{source['type']}@{PLUGIN}"


def test_the_command_for_the_embedded_stack_gives_the_same() -> None:
    page = (PROJECT / "docs/dashboards.md").read_text()
    command = page.partition("docker run")[2].partition("```")[0].replace("\\\n", " ")
    given = dict(re.findall(r"-e (\w+)=(\S+)", command))
    assert given.keys() == {name for name in GRAFANA["environment"] if name.startswith("CLICKHOUSE_")} | {INSTALLED}
    assert given[INSTALLED] == GRAFANA["environment"][INSTALLED]
    assert f":-{command.split()[-1]}}}" in GRAFANA["image"]
    assert [volume for volume in GRAFANA["volumes"] if f'"{volume.replace("./", "$PWD/")}"' in command] == GRAFANA[
        "volumes"
    ][:2]


def test_grafana_looks_where_compose_mounts_the_files() -> None:
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in GRAFANA["volumes"])
    provider = yaml.safe_load((PROVISIONING / "dashboards/pr-telemetry.yaml").read_text())["providers"][0]
    assert mounts[f"./{FOLDER.relative_to(PROJECT)}"] == provider["options"]["path"]
    assert mounts[f"./{PROVISIONING.relative_to(PROJECT)}"] == "/etc/grafana/provisioning"
    home = GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.removeprefix(f"{provider['options']['path']}/") in boards()


def test_a_statement_is_filled_in_as_the_source_does() -> None:
    sql = statement(
        "SELECT $__timeInterval(t.at) FROM v WHERE PROJECTS(t.project) AND $__timeFilter(at) AND b < $__toTime"
    )
    within = "at >= toDateTime(1772323200) AND at <= toDateTime(1772409600)"
    start = "SELECT toStartOfInterval(toDateTime(t.at), INTERVAL 3600 second) FROM v WHERE "
    end = f" AND {within} AND b < toDateTime(1772409600)"
    assert filled_in(sql, VIEWER) == rf"{start}t.project IN ('web','it\'s'){end}"
    everything = Viewer(VIEWER.since, VIEWER.until, VIEWER.interval_s, {"project": ALL})
    assert filled_in(sql, everything) == f"{start}1=1{end}"


@pytest.mark.parametrize("unknown", ["$__timeGroup(at, '1h')", "$other", "${other}", "${project:csv}"])
def test_what_would_reach_clickhouse_as_it_stands_is_refused(unknown: str) -> None:
    with pytest.raises(KeyError):
        filled_in(f"SELECT {unknown}", VIEWER)
