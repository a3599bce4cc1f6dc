"""The agreement of a panel out of the real engine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from schemas.records import TraceJudged
from sinks.migrate import migrate
from tests.support.finished import fresh_id
from tests.support.judged import insert, judged

pytestmark = pytest.mark.integration
JURORS = ("openai:a", "heuristic")


@pytest.fixture
def settings(clickhouse_url: str, clickhouse_database: str) -> ClickHouseSettings:
    return ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)


@pytest.fixture
def clickhouse(settings: ClickHouseSettings) -> Iterator[ClickHouse]:
    migrate(settings)
    client = ClickHouse(settings)
    yield client
    client.close()


def voted(trace_id: str, *votes: tuple[int | None, int | None], run: str = "p", **changes: object) -> TraceJudged:
    """A panel's judgement with these votes on each criterion."""
    record = judged(trace_id, run, [min((v for v in pair if v is not None), default=None) for pair in votes])
    grades = tuple(replace(grade, votes=pair) for grade, pair in zip(record.grades, votes, strict=True))
    return replace(record, judge="panel", jurors=JURORS, grades=grades, **changes)  # type: ignore[arg-type]


def _panel(settings: ClickHouseSettings, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "CLICKHOUSE_URL": settings.clickhouse_url,
        "CLICKHOUSE_DATABASE": settings.clickhouse_database,
        "PR_TELEMETRY_HOME": str(home),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "pipeline.cli", "run", "panel", *arguments]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_tells_agreement_and_jurors(
    clickhouse: ClickHouse, settings: ClickHouseSettings, tmp_path: Path
) -> None:
    first, *others = (fresh_id() for _ in range(5))
    records = [
        voted(first, (0, 5), (0, 5)),
        voted(first, (5, 5), (1, 2), revision=2),
        voted(others[0], (1, 1), (1, None)),
        voted(others[1], (3, 3), (4, 4)),
        voted(others[2], (0, 5), (0, 5), project="elsewhere"),
        replace(judged(others[3], "p", ()), judge="panel", jurors=JURORS),
        judged(others[0], "alone", (1, 1)),
    ]
    insert(clickhouse, records)
    done = _panel(settings, tmp_path, "p", "--project", records[0].project, "--resamples", "50")
    assert done.returncode == 0, done.stderr
    assert "panel of openai:a, heuristic" in done.stdout
    assert re.search(r"causal_linking +3 +3 +1\.00 .*0\.00", done.stdout), done.stdout
    assert re.search(r"openai:a +6 +0 +6 +0 +0", done.stdout), done.stdout
    assert re.search(r"heuristic +5 +1 +4 +0 +1", done.stdout), done.stdout
    whole = json.loads(_panel(settings, tmp_path, "p", "--json", "--resamples", "0").stdout)
    assert [one["traces"] for one in whole[0]["criteria"]] == [4, 4]
    refused = _panel(settings, tmp_path, "alone")
    assert (refused.returncode, "no panel has graded anything in run alone" in refused.stderr) == (1, True)
