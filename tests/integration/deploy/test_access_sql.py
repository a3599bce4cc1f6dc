"""The SQL that lets analysts into a ClickHouse server is SQL to the engine, and its row policies hold on our views.

No server can be had here. The grants are those that the roles of the embedded engine are made of, and its tests show
what they open and close; policies are tried on an engine whose one user has them in its configuration.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from pipeline.analysts import BARRIER, condition, server_statements
from pipeline.settings import AnalystSettings, ClickHouseSettings
from sinks.migrate import migrate
from sinks.statements import split
from tests.support.stack import fresh_database, require_chdb

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
POLICIES = """
import pathlib, sys, chdb
folder, filtered = pathlib.Path(sys.argv[1]), sys.argv[2]
views = ("v1_plain", "v1_joined", "v1_final", "v1_of")
policies = "".join(f"<{view}><filter>{filtered}</filter></{view}>" for view in views)
(folder / "users.xml").write_text(f'''<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>
<owner><no_password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></owner>
<default><no_password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
<databases><d>{policies}</d></databases></default></users></clickhouse>''')
(folder / "config.xml").write_text(f"<clickhouse><users_config>{folder}/users.xml</users_config></clickhouse>")
engine = chdb.connect(f"{folder}/engine?config-file={folder}/config.xml")
security = "DEFINER = owner SQL SECURITY DEFINER AS SELECT t.n AS n, t.project AS project"
for statement in (
    "CREATE DATABASE d ENGINE = Atomic",
    "USE d",
    "CREATE TABLE t (n UInt64, project String) ENGINE = ReplacingMergeTree ORDER BY n",
    "INSERT INTO t VALUES (1, 'acme'), (2, 'beta'), (3, 'gamma')",
    f"CREATE VIEW v1_plain {security} FROM t",
    f"CREATE VIEW v1_joined {security} FROM t JOIN t AS u ON t.n = u.n",
    f"CREATE VIEW v1_final {security} FROM t FINAL",
    f"CREATE VIEW v1_of {security} FROM t WHERE n >= " + "{least:UInt64}",
):
    engine.query(statement)
for view in ("v1_plain", "v1_joined", "v1_final", "v1_of(least = 1)"):
    asked = f"SELECT groupArray(n) FROM (SELECT n FROM {view} WHERE intDiv(1, 2 - n) < 9 ORDER BY n)"
    print(engine.query(f"{asked} SETTINGS {sys.argv[3]}", "TSV").bytes().decode().strip())
print(engine.query("SELECT count() FROM t", "TSV").bytes().decode().strip())
"""


@pytest.fixture(scope="module")
def migrated(clickhouse_url: str) -> Iterator[tuple[httpx2.Client, str]]:
    """The administrator's client of a database with all of our views, and its name."""
    with (
        fresh_database(clickhouse_url) as database,
        httpx2.Client(base_url=clickhouse_url, params={"database": database}) as client,
    ):
        migrate(ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=database))
        yield client, database


def _ask(client: httpx2.Client, sql: str, **parameters: str) -> str:
    answer = client.post("/", params=parameters, content=sql)
    assert answer.status_code == 200, (sql, answer.text)
    return answer.text


def _escaped(text: str) -> str:
    """As the value of a parameter has to be."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _printed(client: httpx2.Client, database: str, *projects: str) -> list[str]:
    """What the command prints of this database."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CLICKHOUSE_URL": str(client.base_url),
        "CLICKHOUSE_DATABASE": database,
    }
    asked = [argument for project in projects for argument in ("--project", project)]
    command = [sys.executable, "-m", "pipeline.cli", "grants", *asked]
    return split(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def test_every_statement_is_parsed_by_the_engine(migrated: tuple[httpx2.Client, str]) -> None:
    client, database = migrated
    file = split((ROOT / "deploy/clickhouse/access.sql").read_text())
    with_projects = _printed(client, database, "acme", "b.c-d_e")
    assert len(file) == 5
    assert len(with_projects) > 50
    for statement in [*file, *with_projects]:
        assert _ask(client, "SELECT formatQuery({sql:String})", param_sql=_escaped(statement))


def test_each_view_with_a_project_has_a_policy_for_each_role_and_one_for_the_others(
    migrated: tuple[httpx2.Client, str],
) -> None:
    client, database = migrated
    views = _ask(
        client,
        "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = 'project'"
        " AND startsWith(table, 'v1_') AND NOT startsWith(table, 'v1_dict_')",
    ).split()
    printed = " ".join(_printed(client, database, "acme"))
    for view in views:
        assert printed.count(f" ON {database}.{view} FOR SELECT") == 2, view
        assert printed.count(f"GRANT SELECT ON {database}.{view} TO `analysts_acme`") == 1, view
    assert f"{database}.v1_dead_letters" not in printed
    assert f"{database}.traces" not in printed


def test_every_setting_is_one_of_the_engine_and_takes_its_value(migrated: tuple[httpx2.Client, str]) -> None:
    client, _ = migrated
    statements = server_statements(AnalystSettings(), "d", ["acme"], ["v1_traces"])
    profile = next(text for text in statements if text.startswith("CREATE SETTINGS PROFILE") and "acme" in text)
    settings = dict(re.findall(r"^    (\w+) = (\d+)", profile, re.MULTILINE))
    assert len(settings) >= 9
    names = ", ".join(f"'{name}'" for name in settings)
    assert _ask(client, f"SELECT count() FROM system.settings WHERE name IN ({names})") == f"{len(settings)}\n"
    assert settings.pop("readonly") == "1"
    taken = _ask(client, "SELECT name, value FROM system.settings WHERE name IN (" + names + ")", **settings)
    assert (
        dict(line.split("\t") for line in taken.splitlines()).items()
        >= {name: value for name, value in settings.items() if not name.startswith("cancel_http")}.items()
    )


def test_public_views_read_for_those_who_may_not(migrated: tuple[httpx2.Client, str]) -> None:
    client, _ = migrated
    definers = _ask(
        client,
        "SELECT DISTINCT definer FROM system.tables WHERE database = currentDatabase() AND engine = 'View'"
        " AND startsWith(name, 'v1_')",
    )
    assert definers == "default\n"


def test_row_policies_hold_on_views_whatever_they_are_made_of(tmp_path: Path) -> None:
    require_chdb()
    filtered = condition(["acme", "gamma"])
    barrier = ", ".join(f"{name} = {value}" for name, value in BARRIER.items())
    command = [sys.executable, "-c", POLICIES, str(tmp_path), filtered, barrier]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    # The row that would divide by zero is another project's: behind the barrier the condition never meets it.
    assert done.stdout.splitlines() == ["[1,3]"] * 4 + ["3"], done.stderr


def test_the_script_of_the_image_makes_a_user_whom_the_engine_can_read(
    migrated: tuple[httpx2.Client, str], tmp_path: Path
) -> None:
    client, _ = migrated
    stand_in = tmp_path / "clickhouse-client"
    stand_in.write_text('#!/bin/sh\nfor last; do :; done\nprintf "%s" "$last"\n')
    stand_in.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CLICKHOUSE_USER": "default", "CLICKHOUSE_PASSWORD": "x"}
    script = str(ROOT / "deploy/clickhouse/analyst.sh")
    assert subprocess.run([script], env=environment, capture_output=True, check=True).stdout == b""
    hostile = {**environment, "CLICKHOUSE_ANALYST_PASSWORD": "it's; DROP"}
    printed = subprocess.run([script], env=hostile, capture_output=True, text=True, check=True).stdout
    statements = split(printed)
    assert [statement.split()[0] for statement in statements] == ["CREATE", "ALTER", "GRANT", "ALTER"]
    assert "DROP" not in printed
    for statement in statements:
        assert _ask(client, "SELECT formatQuery({sql:String})", param_sql=_escaped(statement))
