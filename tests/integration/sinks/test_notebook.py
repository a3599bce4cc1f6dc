"""The notebook runs from its first cell to its last, and shows what it shows in the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from sinks.migrate import migrate
from tests.support.cookbook import filled
from tests.support.notebook import AGAIN, NOTEBOOK, PICTURE, TEXT, environment_of, executed, stored
from tests.support.stack import ANALYST_PASSWORD

pytestmark = pytest.mark.integration
DATABASE = "cookbook_of_the_tests"


@pytest.fixture(scope="module")
def settings(clickhouse_url: str) -> Iterator[ClickHouseSettings]:
    """A database with the sessions of the cookbook."""
    settings = filled(clickhouse_url, DATABASE, ANALYST_PASSWORD)
    yield settings
    owner = ClickHouse(settings, database="system")
    owner.command(f"DROP DATABASE {DATABASE} SYNC")
    owner.close()


def _shown(notebook: Any) -> list[list[Any]]:
    """What each cell shows: text as it is, of a picture that there is one."""
    return [[_said(output) for output in cell.get("outputs", ())] for cell in notebook.cells]


def _said(output: Any) -> Any:
    data = output.get("data", {})
    return PICTURE if PICTURE in data else data.get(TEXT) or output.get("text")


def test_a_real_kernel_shows_what_is_stored(settings: ClickHouseSettings) -> None:
    assert _shown(executed(settings)) == _shown(stored()), AGAIN


def _run(monkeypatch: pytest.MonkeyPatch, settings: ClickHouseSettings) -> dict[str, Any]:
    """All cells, one after the other, in this process; what they leave behind."""
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(NOTEBOOK.parent)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    names: dict[str, Any] = {}
    for cell in stored().cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)
    names["client"].close()
    return names


def test_before_the_first_session_it_says_so_instead_of_failing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clickhouse_url: str, clickhouse_database: str
) -> None:
    monkeypatch.setitem(os.environ, "MPLBACKEND", "agg")
    empty = ClickHouseSettings(
        clickhouse_url=clickhouse_url,
        clickhouse_database=clickhouse_database,
        clickhouse_analyst_password=ANALYST_PASSWORD,
    )
    migrate(empty)
    assert _run(monkeypatch, empty)["funnel"].empty
    assert set(capsys.readouterr().out.splitlines()) >= {"no rows yet"}
