"""Whether a group gets on, from what it has committed at each look; and what `status` makes of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cli.home import Home
from pipeline.cli.progress import Progress, is_well
from pipeline.lag import Lag

PATIENCE_S = 60.0
WELL: dict[str, Any] = {"progress": "idle", "unread": 0, "still_s": 0, "alarms": []}


def _lag(position: int, end: int) -> list[Lag]:
    return [Lag(TopicPartition("t", 0), 0, position, end, 0, -1)]


def _says(group: str, *looks: tuple[float, int, int]) -> list[str]:
    progress = Progress(PATIENCE_S)
    return [progress.look(group, _lag(at, end), now_s, 0)["progress"] for now_s, at, end in looks]


def test_a_group_that_stands_still_before_unread_records_is_stuck_in_the_end() -> None:
    assert _says("g", (0, 5, 9), (10, 7, 9), (20, 7, 9), (69, 7, 9), (70, 7, 9), (71, 8, 9), (72, 9, 9)) == [
        "moving",
        "moving",
        "waiting",
        "waiting",
        "stuck",
        "moving",
        "idle",
    ]


def test_idle_time_does_not_count_against_a_group() -> None:
    assert _says("g", (0, 9, 9), (500, 9, 9), (501, 9, 10)) == ["idle", "idle", "waiting"]


def test_a_long_run_of_the_sandbox_is_no_standstill() -> None:
    assert _says("sandbox", (0, 5, 9), (700, 5, 9), (1_801, 5, 9)) == ["moving", "waiting", "stuck"]


def test_the_archiver_gathers_records_before_it_commits_them() -> None:
    progress = Progress(PATIENCE_S, archive_segment_s=3_600)
    says = [progress.look("archiver", _lag(5, 9), now_s, 0)["progress"] for now_s in (0, 3_600, 3_660)]
    assert says == ["moving", "waiting", "stuck"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({}, 0), ({"progress": "waiting"}, 0), ({"progress": "stuck", "still_s": 400}, 1), ({"alarms": ["t/0 old"]}, 1)],
)
def test_status_tells_trouble_by_its_exit_status_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], code: int
) -> None:
    monkeypatch.setenv("PR_TELEMETRY_HOME", str(tmp_path))
    home, group = Home(tmp_path), WELL | change
    lock = home.lock()
    assert lock
    lock.write(str(os.getpid()))
    lock.flush()
    home.write_status({"state": "ready", "children": {}, "groups": {"sinks": group}})
    shown = CliRunner().invoke(app, ["status"])
    assert (shown.exit_code, is_well(group)) == (code, code == 0), shown.output
    for text in ("sinks", group["progress"], *group["alarms"]):
        assert text in shown.output
    as_json = CliRunner().invoke(app, ["status", "--json"])
    assert (as_json.exit_code, json.loads(as_json.output)["groups"]["sinks"]) == (code, group)
    lock.close()
