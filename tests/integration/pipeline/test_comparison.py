"""Two runs compared out of the real engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.comparison_rows import NoSuchRun, Runs
from pipeline.settings import ClickHouseSettings
from sinks.migrate import migrate
from tests.support.finished import finished, fresh_id
from tests.support.judged import insert, judged

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(clickhouse_url: str, clickhouse_database: str) -> ClickHouseSettings:
    return ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)


@pytest.fixture
def clickhouse(settings: ClickHouseSettings) -> Iterator[ClickHouse]:
    migrate(settings)
    client = ClickHouse(settings)
    yield client
    client.close()


IDS = tuple(sorted(fresh_id() for _ in range(8)))


@pytest.fixture
def stored(clickhouse: ClickHouse) -> ClickHouse:
    """Six traces in both runs, one of them unscored in B; one only in each; one of them graded again in A."""
    insert(clickhouse, [finished(one, task_title=f"task {n}") for n, one in enumerate(IDS)], topic="trace-assembled")
    a = [(5, 4), (4, 4), (3, 3), (2, 2), (1, 1), (5, 5), (0, 0)]
    b = [(5, 3), (4, 4), (0, 3), (3, None), (1, 1), (), (4, 4)]
    before = [judged(IDS[0], "a", (0, 0))]
    here = [judged(one, "a", grades, cost_nano_usd=7, calls=1) for one, grades in zip(IDS, a, strict=False)]
    there = [judged(one, "b", grades, cached_from="x") for one, grades in zip((*IDS[:6], IDS[7]), b, strict=True)]
    insert(clickhouse, [*before, *here, *there], topic="rescores")
    return clickhouse


def test_what_is_in_both_and_what_in_one(stored: ClickHouse) -> None:
    found = Runs(stored, "a", "b").compared(resamples=10)
    assert (found.overlap.compared, found.overlap.only_a, found.overlap.only_b) == (6, 1, 1)
    assert (found.overlap.ids_only_a, found.overlap.ids_only_b) == ((IDS[6],), (IDS[7],))
    assert found.outcomes == {("scored", "scored"): 5, ("scored", "no_answer"): 1}
    assert (found.a.traces, found.a.scored, found.b.scored, found.b.unscored) == (7, 7, 6, {"no_answer": 1})


def test_what_each_run_took(stored: ClickHouse) -> None:
    found = Runs(stored, "a", "b").compared(resamples=10)
    assert (found.a.cost_nano_usd, found.a.cost_unknown, found.a.calls, found.a.cached) == (49, 0, 7, 0)
    assert (found.b.cached, found.b.traces) == (7, 7)


def test_shifts_and_flips_of_a_criterion(stored: ClickHouse) -> None:
    linking, efficiency = Runs(stored, "a", "b").compared(resamples=10).criteria
    assert linking.grades == {(5, 5): 1, (4, 4): 1, (3, 0): 1, (2, 3): 1, (1, 1): 1, (5, None): 1}
    assert (linking.compared, linking.up, linking.down, linking.same, linking.missing_b) == (5, 1, 1, 3, 1)
    assert linking.shift == pytest.approx(-0.4)
    assert (efficiency.compared, efficiency.missing_b) == (4, 2)


def test_the_furthest_moves_come_first(stored: ClickHouse) -> None:
    found = Runs(stored, "a", "b").compared(resamples=10, most=2)
    assert [(move.trace_id, move.rank_a, move.rank_b) for move in found.moves][:1] == [(IDS[2], 3.0, 4.0)]
    assert [move.task for move in found.moves] == ["task 2", "task 3"][: len(found.moves)]
    assert found.overall.pairs.total == 10


def test_disagreements_are_told_in_both_runs_words(stored: ClickHouse) -> None:
    found = Runs(stored, "a", "b").compared(resamples=10, most=1)
    linking, efficiency = found.examples
    assert (linking.trace_id, linking.grade_a, linking.grade_b, linking.task) == (IDS[2], 3, 0, "task 2")
    assert (linking.rationale_a, linking.rationale_b) == ("a on causal_linking", "b on causal_linking")
    assert (efficiency.trace_id, efficiency.grade_a, efficiency.grade_b) == (IDS[0], 4, 3)


def test_only_the_same_revision_is_compared(clickhouse: ClickHouse) -> None:
    one, other = fresh_id(), fresh_id()
    records = [
        judged(one, "a", (1, 1)),
        judged(one, "a", (2, 2), revision=2),
        judged(one, "b", (3, 3)),
        judged(other, "a", (1, 1)),
        judged(other, "b", (1, 1), revision=2),
    ]
    insert(clickhouse, records)
    found = Runs(clickhouse, "a", "b").compared(resamples=10)
    assert (found.overlap.compared, found.overlap.other_revision) == (1, 1)
    assert found.overall.scores == {(1000, 3000): 1}


def test_a_project_is_compared_alone(clickhouse: ClickHouse) -> None:
    one, other = fresh_id(), fresh_id()
    records = [judged(t, run, (1, 1), project=t) for t in (one, other) for run in "ab"]
    insert(clickhouse, records)
    assert Runs(clickhouse, "a", "b", project=one).compared(resamples=10).overlap.compared == 1


def test_a_run_that_is_not_there_is_named_with_those_that_are(stored: ClickHouse) -> None:
    with pytest.raises(NoSuchRun, match="run c; there is: a, b"):
        Runs(stored, "a", "c").compared()


def _diff(settings: ClickHouseSettings, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "CLICKHOUSE_URL": settings.clickhouse_url,
        "CLICKHOUSE_DATABASE": settings.clickhouse_database,
        "PR_TELEMETRY_HOME": str(home),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "pipeline.cli", "run", "diff", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_prints_tables_and_writes_a_report(
    stored: ClickHouse, settings: ClickHouseSettings, tmp_path: Path
) -> None:
    done = _diff(settings, tmp_path, "a", "b", "--html", str(tmp_path / "diff.html"), "--resamples", "50")
    assert done.returncode == 0, done.stderr
    assert "6 traces compared; 1 in A only, 1 in B only" in done.stdout
    assert re.search(r"causal_linking +5 +3\.00 +2\.60 +-0\.40 +1 +1 +0 +1", done.stdout)
    assert f"{IDS[2]}  3 -> 4" in done.stdout
    assert "no_answer 1" in done.stdout
    page = (tmp_path / "diff.html").read_text()
    assert "<h1>Run b against a</h1>" in page
    assert page.count("<svg") == 3 + 2 * 2


def test_the_command_prints_json(stored: ClickHouse, settings: ClickHouseSettings, tmp_path: Path) -> None:
    done = _diff(settings, tmp_path, "a", "b", "--json", "--resamples", "50")
    found = json.loads(done.stdout)
    assert found["overlap"]["ids_only_a"] == [IDS[6]]
    assert [one["name"] for one in found["criteria"]] == ["causal_linking", "efficiency"]
    assert found["criteria"][0]["grades"][0] == [1, 1, 1]
    assert found["criteria"][0]["shift"] == pytest.approx(-0.4)
    assert found["outcomes"] == [["scored", "no_answer", 1], ["scored", "scored", 5]]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("a", "a"), 2, "a run is not compared with itself"),
        (("a", "c"), 1, "nothing was judged in run c; there is: a, b"),
        (("a", "b", "--html", "/no/such/folder/x.html"), 1, "/no/such/folder/x.html: No such file or directory"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    stored: ClickHouse, settings: ClickHouseSettings, tmp_path: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = _diff(settings, tmp_path, *arguments)
    assert (done.returncode, done.stderr.strip(), done.stdout) == (status, said, "")
