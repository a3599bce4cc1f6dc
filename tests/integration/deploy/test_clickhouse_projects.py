"""Analysts of some projects of the embedded engine see these and no others, whatever they ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from pipeline.analysts import SHARED
from pipeline.settings import ClickHouseSettings
from sinks.migrate import migrate
from tests.support.stack import ANALYST_PASSWORD, fresh_database

pytestmark = pytest.mark.integration

PROJECTS = ("acme", "beta", "gamma")
SEEN = {"of_acme": {"acme"}, "of_both": {"acme", "beta"}, "analyst": set(PROJECTS)}
# Columns without which a row is in no view, whatever its table.
GIVEN = {
    "trace_id": "concat('trace-', p, '-', toString(number))",
    "revision": "1",
    "project": "p",
    "minted_at": "now64(3)",
    "at": "now64(6)",
    "run_id": "'live'",
    "source_offset": "number",
    "stage": "'received'",
    "outcome": "'scored'",
    "source_topic": "'topic'",
    "participant_id": "concat('somebody of ', p)",
    "event": "'{}'",
    "consent": "'training'",
}
# Ways that a row of another project could take into an answer; each is one number that the project decides.
WAYS = (
    "SELECT count() FROM {view}",
    "SELECT uniqExact(project) FROM {view}",
    "SELECT count(project) FROM {view} AS x",
    "SELECT countIf(project = 'gamma' OR project = 'beta') FROM {view}",
    "SELECT count() FROM {view} WHERE 1 OR project = 'gamma'",
    "SELECT count() FROM {view} WHERE project != ''",
    "SELECT count() FROM (SELECT * FROM (SELECT * FROM {view}))",
    "WITH x AS (SELECT * FROM {view}) SELECT count() FROM x AS a, (SELECT 1) AS b",
    "SELECT (SELECT count() FROM {view})",
    "SELECT count() FROM numbers(1) AS n LEFT JOIN {view} AS v ON 1 = 1",
    "SELECT count() FROM {view} AS a INNER JOIN {view} AS b ON a.project = b.project AND a.trace_id = b.trace_id",
    "SELECT count() FROM {view} AS a FULL JOIN (SELECT '' AS project) AS b USING (project)",
    "SELECT count() FROM view(SELECT * FROM {view})",
    "SELECT count() FROM (SELECT project FROM {view} UNION ALL SELECT project FROM {view})",
    "SELECT count() FROM {schema:Identifier}.{name:Identifier}",
    "SELECT groupBitOr(project IN (SELECT project FROM {view})) FROM values('project String', 'beta', 'gamma')",
    "SELECT count() FROM {view} GROUP BY ALL WITH TOTALS",
    "SELECT count() OVER () FROM {view} LIMIT 1",
    "SELECT max(length(groups)) FROM (SELECT groupUniqArray(project) AS groups FROM {view})",
    "SELECT count() FROM {view} QUALIFY 1",
    "SELECT count() FROM {view} ARRAY JOIN [1, 2] AS z",
    "SELECT count() FROM {view} AS traces",
)
# Places of a condition that a fast plan would try on rows which the filter drops.
ORACLES = (
    "SELECT count() FROM {view} WHERE {condition}",
    "SELECT count() FROM numbers(1) AS n JOIN {view} AS v ON n.number < length(v.project) AND {condition}",
    "SELECT count() FROM {view} AS a JOIN {view} AS b ON a.trace_id = b.trace_id WHERE {condition}",
    "SELECT count() FROM (SELECT * FROM {view} ORDER BY trace_id LIMIT 100) WHERE {condition}",
    "SELECT countIf({condition}) FROM {view}",
    "SELECT 1 FROM {view} GROUP BY project, participant_id HAVING {condition}",
    "SELECT 1 FROM {view} ORDER BY {condition} LIMIT 1",
)


@dataclass(frozen=True)
class Lab:
    """A migrated database with rows of three projects in each table that knows projects."""

    client: httpx2.Client
    database: str

    def ask(self, user: str, sql: str, **parameters: str) -> httpx2.Response:
        password = "" if user == "default" else ANALYST_PASSWORD
        account = {"user": user, "password": password, "database": self.database}
        named = {f"param_{name}": value for name, value in parameters.items()}
        return self.client.post("/", params={**account, **named}, content=sql)

    def lines(self, user: str, sql: str, **parameters: str) -> list[str]:
        answer = self.ask(user, sql, **parameters)
        assert answer.status_code == 200, (user, sql, answer.text)
        return answer.text.splitlines()


@pytest.fixture(scope="module")
def lab(clickhouse_url: str) -> Iterator[Lab]:
    with (
        fresh_database(clickhouse_url) as database,
        httpx2.Client(base_url=clickhouse_url, timeout=60) as client,
    ):
        migrate(ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=database))
        yield _filled(Lab(client, database))


def _filled(made: Lab) -> Lab:
    told_apart = made.lines(
        "default",
        "SELECT table, groupArray(name) FROM system.columns WHERE database = currentDatabase() AND table IN"
        " (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'ReplacingMergeTree')"
        " GROUP BY table HAVING has(groupArray(name), 'project') FORMAT TSVRaw",
    )
    for line in told_apart:
        table, columns = line.split("\t")
        given = {name: value for name, value in GIVEN.items() if f"'{name}'" in columns}
        made.lines(
            "default",
            f"INSERT INTO {table} ({', '.join(given)}) SELECT {', '.join(given.values())}"
            f" FROM numbers(3) ARRAY JOIN {list(PROJECTS)} AS p",
        )
    return made


@pytest.fixture(scope="module")
def views(lab: Lab) -> dict[str, bool]:
    """Every public view that can be read without parameters, and whether it says whose its rows are."""
    found = lab.lines(
        "default",
        "SELECT name, name IN"
        " (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'project')"
        " FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'v1_') AND engine = 'View'"
        " AND empty(parameterized_view_parameters)",
    )
    return {name: told_apart == "1" for name, told_apart in (line.split("\t") for line in found)}


def test_each_view_shows_the_projects_of_the_analyst(lab: Lab, views: dict[str, bool]) -> None:
    filled = 0
    for view in (name for name, told_apart in views.items() if told_apart):
        everything = set(lab.lines("analyst", f"SELECT DISTINCT project FROM {view}"))
        filled += everything >= set(PROJECTS)
        for user, seen in SEEN.items():
            assert set(lab.lines(user, f"SELECT DISTINCT project FROM {view}")) == everything & (
                seen if user != "analyst" else everything
            ), (user, view)
    assert filled >= 10


def test_views_that_tell_no_projects_apart_are_closed(lab: Lab, views: dict[str, bool]) -> None:
    closed = [name for name, told_apart in views.items() if not told_apart and name not in SHARED]
    assert "v1_dead_letters" in closed
    lab.lines("default", "INSERT INTO dead_letters (trace_id, refused_at) VALUES ('trace-gamma-0', now64(3))")
    for view in closed:
        answer = lab.ask("of_acme", f"SELECT * FROM {view}")
        if lab.lines("analyst", f"SELECT count() FROM {view}") == ["0"]:
            assert answer.text == ""
            continue
        assert answer.headers["X-ClickHouse-Exception-Code"] == "497"
        assert f"{view}, which is not told apart by project" in answer.text


@pytest.mark.parametrize("view", ["v1_traces", "v1_progress", "v1_process_outcome"])
def test_no_way_goes_round_the_filter(lab: Lab, view: str) -> None:
    kept = f"(SELECT * FROM {view} WHERE project = 'acme')"
    named = {"schema": lab.database}
    for way in WAYS:
        asked = lab.lines("of_acme", way.replace("{view}", view), name=view, **named)
        honest = way.replace("{view}", kept).replace("{schema:Identifier}.{name:Identifier}", kept)
        assert asked == lab.lines("analyst", honest), way


def test_conditions_see_no_row_that_is_filtered_out(lab: Lab) -> None:
    """An error, or a division by zero, would tell of a row that no answer shows."""
    for condition in (
        "throwIf(project = 'gamma') = 0",
        "throwIf(participant_id = 'somebody of gamma') = 0",
        "intDiv(1, if(project = 'gamma', 0, 1)) = 1",
        "toUInt8(if(participant_id = 'somebody of acme', '1', participant_id)) = 1",
    ):
        for view in ("v1_traces", "v1_progress", "v1_process_outcome"):
            for way in ORACLES:
                asked = way.replace("{view}", view).replace("{condition}", condition)
                assert lab.lines("of_acme", asked)[0] in ("3", "1"), asked
                assert lab.ask("analyst", asked).status_code != 200, asked


def test_private_tables_and_their_neighbours_stay_closed(lab: Lab) -> None:
    for statement in (
        "SELECT * FROM traces",
        "SELECT * FROM schema_migrations",
        "SELECT * FROM run_states",
        "SELECT * FROM merge(currentDatabase(), 'v1_')",
        "SELECT 1 SETTINGS additional_table_filters = {}",
        "SET ROLE analyst",
        "SET ROLE administrator",
    ):
        assert lab.ask("of_acme", statement).status_code in (403, 500), statement


def test_parameterised_views_and_aggregates_are_filtered_too(lab: Lab) -> None:
    for made in (
        "CREATE OR REPLACE VIEW v1_of_stage DEFINER = CURRENT_USER SQL SECURITY DEFINER AS"
        " SELECT trace_id, project FROM trace_progress WHERE stage = {stage:String}",
        "CREATE OR REPLACE VIEW v1_size_of_stage DEFINER = CURRENT_USER SQL SECURITY DEFINER AS"
        " SELECT count() AS traces FROM trace_progress WHERE stage = {stage:String}",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS by_project ENGINE = AggregatingMergeTree ORDER BY project POPULATE AS"
        " SELECT project, uniqExactState(trace_id) AS traces FROM trace_progress GROUP BY project",
        "CREATE OR REPLACE VIEW v1_by_project DEFINER = CURRENT_USER SQL SECURITY DEFINER AS"
        " SELECT project, uniqExactMerge(traces) AS traces FROM by_project GROUP BY project",
    ):
        lab.lines("default", made)
    try:
        of_stage = "SELECT DISTINCT project FROM v1_of_stage(stage = 'received') ORDER BY 1"
        assert lab.lines("of_acme", of_stage) == ["acme"]
        assert lab.lines("of_both", of_stage) == ["acme", "beta"]
        assert lab.lines("analyst", of_stage) == list(PROJECTS)
        assert lab.ask("of_acme", "SELECT * FROM v1_size_of_stage(stage = 'received')").status_code != 200
        assert lab.lines("of_acme", "SELECT sum(traces) FROM v1_by_project") == ["3"]
        assert lab.lines("analyst", "SELECT sum(traces) FROM v1_by_project") == ["9"]
    finally:
        for name in ("v1_by_project", "by_project", "v1_size_of_stage", "v1_of_stage"):
            lab.lines("default", f"DROP TABLE IF EXISTS {name} SYNC")


def test_a_dictionary_is_filtered_where_it_is_read_and_not_asked_by_key(lab: Lab) -> None:
    lab.lines(
        "default",
        "CREATE DICTIONARY v1_dict_of_acme (project String, traces UInt64) PRIMARY KEY project"
        " SOURCE(CLICKHOUSE(QUERY 'SELECT project, count() AS traces FROM"
        f" {lab.database}.trace_progress GROUP BY project')) LAYOUT(COMPLEX_KEY_DIRECT())",
    )
    try:
        assert lab.lines("of_acme", "SELECT project FROM v1_dict_of_acme") == ["acme"]
        asked = "SELECT dictGet('v1_dict_of_acme', 'traces', 'gamma')"
        assert lab.ask("of_acme", asked).headers["X-ClickHouse-Exception-Code"] == "497"
        assert lab.lines("analyst", asked) == ["3"]
    finally:
        lab.lines("default", "DROP DICTIONARY v1_dict_of_acme")
