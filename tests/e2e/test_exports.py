"""All real sessions through the real gateway, out again in every format, read by its own project, and imported again.

Counts are kept from the file to the rows, from the rows to the export, and from the export to the import of it.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stack import Stack, own_stack
from clients.session import submit, wait_for
from examples.stories.simple_story import STORY
from examples.stories.telling import Edit, Story
from pipeline.exports.formats import FORMATS
from tests.support.data import PROJECT
from tests.support.readers import Readers, installed
from tests.support.reading_exports import read_back
from tests.support.stack import absent
from tests.support.trajectories import FILES, read

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
OPTIONS = ("--consent", "research", "--splits", "50/25/25", "--seed", "2", "--licence", "cc-by-4.0")


KEPT = ("events", "task", "repo", "environment")


@dataclass(frozen=True)
class Filled:
    """A stack with the sessions of the shared files, and of one task a fix and a try that is none."""

    stack: Stack
    imported: dict[str, dict[str, Any]]
    fixed: str
    tried: str

    def export(self, folder: Path, name: str, *options: str) -> dict[str, Any]:
        """What `pr-telemetry export` says it did."""
        done = self.stack.cli("export", "--format", name, "--out", str(folder), "--json", *OPTIONS, *options)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def value(self, sql: str) -> Any:
        """The only value of a query."""
        [row] = self.stack.clickhouse().rows(sql, {})
        return next(iter(row.values()))


@pytest.fixture(scope="module")
def filled() -> Iterator[Filled]:
    """A stack of this module's own, as counts are over all that it has."""
    with own_stack() as stack:
        if note := stack.home.status()["notes"].get("docker"):
            absent(note)
        done = stack.cli("import", "--json", *map(str, FILES))
        assert done.returncode == 0, done.stderr
        imported = {one["trace_id"]: one for one in map(json.loads, done.stdout.splitlines())}
        with stack.client() as client:
            fixed, tried = (
                submit(client, story.session(time.time() - story.duration_s)).trace_id for story in (STORY, _wrong())
            )
            verdicts = [wait_for(client, one, timeout_s=200)["qa"]["validation"]["verdict"] for one in (fixed, tried)]
            assert verdicts == ["fixed", "not_fixed"]
            for trace_id in imported:
                wait_for(client, trace_id, timeout_s=200)
        yield Filled(stack, imported, fixed, tried)


def _wrong() -> Story:
    """The simple story with an edit that does not help."""

    def other(edit: Edit) -> Edit:
        return replace(edit, changes=(("price_cents + price_cents", "price_cents + 2 * price_cents"),))

    return replace(
        STORY,
        chunks=tuple(
            tuple(other(step) if isinstance(step, Edit) else step for step in chunk) for chunk in STORY.chunks
        ),
    )


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Readers:
    """The readers, in an environment of their own."""
    return installed(tmp_path_factory.mktemp("readers"))


def test_every_session_and_event_of_the_files_is_stored(filled: Filled) -> None:
    sessions = [one for file in FILES for one in read(file)]
    told = sum(len(one.session.events) for one in sessions)
    assert len(filled.imported) == len(sessions)
    traces = ", ".join(f"'{one}'" for one in filled.imported)
    assert filled.value(f"SELECT count() FROM v1_traces WHERE trace_id IN ({traces}) AND complete AND intact") == len(
        sessions
    )
    assert filled.value(f"SELECT count() FROM v1_events WHERE trace_id IN ({traces})") == told


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_all_of_them_or_says_why_not_and_is_read_by_its_own_project(
    filled: Filled, readers: Readers, tmp_path: Path, name: str
) -> None:
    options = ("--parquet",) if FORMATS[name].columns else ()
    said = filled.export(tmp_path / "out", name, *options)
    counts = said["counts"]
    units = {"traces": len(filled.imported) + 2, "pairs": 1, "tasks": 2}[FORMATS[name].units]
    written = sum(counts["split"].values()) // (2 if FORMATS[name].units == "pairs" else 1)
    assert said["selected"] == units == written + sum(counts.get("left out", {}).values())
    assert (name in ("ctrf", "junit")) == bool(counts.get("left out"))  # totals alone are no report
    read_back(readers, tmp_path / "out", name)


def test_the_command_of_the_page_exports_what_is_for_training_and_fixed(filled: Filled, tmp_path: Path) -> None:
    program, *options = shlex.split((PROJECT / "docs" / "exports.md").read_text().split("```")[1])
    assert program == "pr-telemetry"
    options[options.index("--out") + 1] = str(tmp_path / "out")
    done = filled.stack.cli(*options)
    assert done.returncode == 0, done.stderr
    [line] = [json.loads(line) for file in tmp_path.glob("out/data/*") for line in file.read_bytes().splitlines()]
    assert line["trace_id"] == filled.fixed


def test_a_pair_is_of_the_fix_and_the_try_that_is_none(filled: Filled, tmp_path: Path) -> None:
    filled.export(tmp_path / "out", "preference")
    [line] = [json.loads(line) for file in tmp_path.glob("out/data/*") for line in file.read_bytes().splitlines()]
    assert (line["chosen_trace_id"], line["rejected_trace_id"]) == (filled.fixed, filled.tried)


def test_trajectories_that_went_out_come_in_again_with_every_event(filled: Filled, tmp_path: Path) -> None:
    filled.export(tmp_path / "out", "atif", "--keep-participants")
    files = sorted(tmp_path.glob("out/trajectories/*/*.json"))
    done = filled.stack.cli("import", "--json", "--again", *map(str, files))
    assert done.returncode == 0, done.stderr
    again = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(again) == len(files) == len(filled.imported) + 2
    with filled.stack.client() as client:
        for file, one in zip(files, again, strict=True):
            before, now = client.get(file.stem), wait_for(client, one["trace_id"], {"assembled"}, timeout_s=120)
            assert before is not None
            assert [now[name] for name in KEPT] == [before[name] for name in KEPT]


@pytest.mark.parametrize("name", ["ctrf", "junit"])
def test_reports_that_went_out_come_in_again_as_test_runs(filled: Filled, tmp_path: Path, name: str) -> None:
    records = filled.export(tmp_path / "out", name)["counts"]["records"]
    files = sorted(map(str, tmp_path.glob("out/reports/*/*")))
    loss = tmp_path / "loss.json"
    done = filled.stack.cli("import", "--json", "--loss", str(loss), "--task-id", f"reports-{name}", *files)
    assert done.returncode == 0, done.stderr
    with filled.stack.client() as client:
        trace = wait_for(client, json.loads(done.stdout)["trace_id"], {"assembled"}, timeout_s=120)
    assert {event["type"] for event in trace["events"]} == {"test_run"}
    assert len(trace["events"]) == len(files) == sum(records.values())
    assert {result["status"] for event in trace["events"] for result in event["results"]} == {"passed", "failed"}
    assert sum(one["records"] for one in json.loads(loss.read_text())) >= len(files)
