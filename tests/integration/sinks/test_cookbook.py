"""docs/cookbook.md is what its recipes answer, asked as the read-only analyst, and each of its commands runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.settings import ClickHouseSettings
from tests.support.cookbook import AGAIN, PAGE, Recipe, answer, filled, page, recipes
from tests.support.cookbook_snippets import Snippet, run, snippets
from tests.support.data import PROJECT
from tests.support.stack import ANALYST_PASSWORD

pytestmark = pytest.mark.integration
OWN = [one for one in snippets() if not one.needs_pandas]
DATABASE = "cookbook_of_the_tests"


@dataclass(frozen=True)
class Kitchen:
    """A database with all sessions of the cookbook."""

    settings: ClickHouseSettings
    analyst: ClickHouse


@pytest.fixture(scope="module")
def kitchen(clickhouse_url: str) -> Iterator[Kitchen]:
    """One for the whole file: nothing here writes."""
    settings = filled(clickhouse_url, DATABASE, ANALYST_PASSWORD)
    analyst = ClickHouse(settings, analyst=True)
    yield Kitchen(settings, analyst)
    analyst.close()
    owner = ClickHouse(settings, database="system")
    owner.command(f"DROP DATABASE {DATABASE} SYNC")
    owner.close()


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.path.stem)
def test_every_recipe_has_an_answer(kitchen: Kitchen, recipe: Recipe) -> None:
    assert kitchen.analyst.rows(recipe.statement, dict(recipe.parameters)), recipe.title


def test_the_page_is_what_comes_out(kitchen: Kitchen) -> None:
    assert page(kitchen.analyst) == PAGE.read_text(), AGAIN


def test_every_public_view_has_a_recipe(kitchen: Kitchen) -> None:
    views = "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'v1_')"
    asked = {view for recipe in recipes() for view in recipe.views}
    assert {row["name"] for row in kitchen.analyst.rows(views)} == asked


def test_the_one_who_asks_cannot_write(kitchen: Kitchen) -> None:
    with pytest.raises(QueryFailed, match="may only read"):
        kitchen.analyst.command("DROP TABLE traces")


def _sql(kitchen: Kitchen, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "CLICKHOUSE_URL": kitchen.settings.clickhouse_url,
        "CLICKHOUSE_DATABASE": DATABASE,
        "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD,
    }
    command = [sys.executable, "-m", "pipeline.cli", "sql", *arguments]
    return subprocess.run(
        command, env=environment, cwd=PROJECT, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_recipe_is_one_command(kitchen: Kitchen) -> None:
    recipe = next(one for one in recipes() if len(one.parameters) > 1)
    values = [f"--param={name}={value}" for name, value in recipe.parameters.items()]
    done = _sql(kitchen, "--file", recipe.name, *values)
    assert (done.stdout, done.stderr) == (answer(kitchen.analyst, recipe), "")


def test_a_query_comes_from_standard_input_too(kitchen: Kitchen) -> None:
    asked = "-- how many\nSELECT count() AS n FROM v1_progress WHERE project = {project:String};\n"
    for place in (("-",), ("--file", "-")):
        done = _sql(kitchen, *place, "--json", "--param", "project=backend", stdin=asked)
        assert (done.stdout, done.stderr) == ('{"n":7}\n', "")


def test_a_value_is_never_part_of_the_statement(kitchen: Kitchen) -> None:
    hostile = "x' OR 1 = 1 -- \\"
    asked = "SELECT {who:String} AS said, count() AS n FROM v1_progress WHERE participant_id = {who:String}"
    done = _sql(kitchen, asked, "--format", "JSONCompactEachRow", "--param", f"who={hostile}")
    assert done.stdout == '["x\' OR 1 = 1 -- \\\\", 0]\n', done.stderr


def test_a_person_is_told_of_an_empty_answer_and_a_script_is_not(kitchen: Kitchen) -> None:
    asked = "SELECT * FROM v1_traces WHERE project = 'nobody'"
    for options, said in (((), "no rows\n"), (("--json",), "")):
        done = _sql(kitchen, asked, *options)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)


def test_a_value_that_is_missing_is_named(kitchen: Kitchen) -> None:
    done = _sql(kitchen, "SELECT {who:String}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "`who`" in done.stderr


@pytest.mark.parametrize("snippet", OWN, ids=lambda snippet: snippet.kind)
def test_what_other_clients_are_told_runs(kitchen: Kitchen, snippet: Snippet) -> None:
    assert run(snippet, kitchen.settings) == snippet.shown


def test_the_notebook_shows_what_its_recipe_answers(kitchen: Kitchen) -> None:
    [notebook] = [one for one in snippets() if one.needs_pandas]
    [recipe] = [one for one in recipes() if one.name in notebook.text]
    rows = kitchen.analyst.rows(recipe.statement)
    head, *lines = (line.split() for line in notebook.shown.splitlines())
    assert lines == [[str(number), *(str(row[name]) for name in head)] for number, row in enumerate(rows)]
