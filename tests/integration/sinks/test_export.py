"""`pr-telemetry export` as an operator runs it: against the engine and the broker, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.importers import sessions
from clients.importers.content import Content
from pipeline.canonical import digest, dumps
from schemas.records import Record, TraceAssembled, TraceErased, TraceJudged, TraceValidated
from sinks.blocks import Entry, block_of, columns
from sinks.rows import Position, rows_of
from tests.integration.sinks.conftest import Lab
from tests.support.finished import document_of, example, example_document, fresh_id
from tests.support.stack import ANALYST_PASSWORD

pyarrow_parquet: Any = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]


def _insert(lab: Lab, *given: tuple[Record, dict[str, Any] | None]) -> None:
    entries = [
        Entry(offset, rows_of(record, Position("t", 0, offset), document))
        for offset, (record, document) in enumerate(given)
    ]
    block = block_of("t", 0, entries)
    for table, rows in block.rows.items():
        lab.clickhouse.insert(table, *columns(rows), block.token(table) + str(id(given)))


def _trace(trace_id: str, document: dict[str, Any], **changes: Any) -> tuple[Record, dict[str, Any]]:
    content = dumps(document)
    fields = {"document_digest": digest(content), "document_size": len(content), "event_count": len(document["events"])}
    return example(TraceAssembled, trace_id, **{"consent": "training", **fields, **changes}), document


def _command(lab: Lab, folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli", "export", "--out", str(folder), *options]


def _environment(lab: Lab) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PR_TELEMETRY_HOME": str(lab.folder / "home"),
        "KAFKA_BOOTSTRAP": lab.kafka.kafka_bootstrap,
        "CLICKHOUSE_URL": lab.settings.clickhouse_url,
        "CLICKHOUSE_ANALYST_PASSWORD": ANALYST_PASSWORD,
        "CLICKHOUSE_DATABASE": lab.settings.clickhouse_database,
    }


def _export(lab: Lab, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(lab, folder, *options),
        env=_environment(lab),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _ids(folder: Path) -> list[str]:
    return sorted(
        json.loads(line)["trace_id"] for path in folder.glob("data/*.jsonl") for line in path.read_bytes().splitlines()
    )


async def test_only_what_consent_allows_and_is_not_erased_is_exported(lab: Lab, tmp_path: Path) -> None:
    asked, research, erased = fresh_id(), fresh_id(), fresh_id()
    document = example_document()
    _insert(
        lab,
        _trace(asked, {**document, "trace_id": asked}),
        (example(TraceValidated, asked), None),
        (example(TraceJudged, asked), None),
        _trace(research, {**document, "trace_id": research}, consent="research"),
        _trace(erased, {**document, "trace_id": erased}),
        (example(TraceErased, erased), None),
    )
    widening = _export(lab, tmp_path / "none", "--format", "chat", "--where", "1) OR (1")
    assert (widening.returncode, "Syntax error" in widening.stderr) == (1, True)
    first = tmp_path / "first"
    done = _export(lab, first, "--format", "chat", "--licence", "cc-by-4.0", "--where", "event_count > 0", "--json")
    assert done.returncode == 0, done.stderr
    assert _ids(first) == [asked]
    assert json.loads(done.stdout)["counts"]["verdict"] == {
        f"{next(iter(json.loads(done.stdout)['counts']['split']))}/fixed": 1
    }
    card = (first / "README.md").read_text()
    assert "license: cc-by-4.0" in card
    assert "| assignment | 1 |" in card
    assert example(TraceJudged, asked).rubric_digest in card
    second = tmp_path / "second"
    assert _export(lab, second, "--format", "chat", "--consent", "research", "--parquet").returncode == 0
    assert _ids(second) == sorted([asked, research])
    tables = [pyarrow_parquet.read_table(file) for file in second.glob("data/*.parquet")]
    assert sorted(name for table in tables for name in table["trace_id"].to_pylist()) == _ids(second)
    assert "not for training" in (second / "README.md").read_text()
    third = tmp_path / "third"
    assert _export(lab, third, "--format", "atif", "--keep-participants", "--verdict", "fixed").returncode == 0
    [file] = third.glob("trajectories/*/*.json")
    [imported] = sessions("atif", Content(file.read_bytes()))
    assert dumps(list(imported.session.events)) == dumps(document["events"])


def test_a_fork_that_was_renamed_is_where_its_origin_is(lab: Lab, tmp_path: Path) -> None:
    same, other = "a" * 40, "b" * 40
    origins = {"h/acme/calc": same, "h/eve/adder": same, "h/eve/sums": other, "h/bob/adder": other, "h/x/none": ""}
    _insert(
        lab,
        *(
            _trace(one, document_of(one, 3), repo_origin=origin, start_commit=commit or None)
            for one, (origin, commit) in zip((fresh_id() for _ in origins), origins.items(), strict=True)
        ),
    )
    done = _export(lab, tmp_path / "out", "--format", "chat", "--where", "repo_origin != 'h/eve/adder'")
    assert done.returncode == 0, done.stderr
    planned = [json.loads(line) for line in (tmp_path / "out" / ".export" / "plan.jsonl").read_text().splitlines()]
    assert sorted(repo for _, repo, _ in planned) == ["adder", "adder", "adder", "h/x/none"]


async def test_pairs_are_of_one_task(lab: Lab, tmp_path: Path) -> None:
    good, bad, other = fresh_id(), fresh_id(), fresh_id()
    events = example_document()["events"]
    for trace_id, verdict, task in (
        (good, "fixed", "BUG-42"),
        (bad, "not_fixed", "BUG-42"),
        (other, "not_fixed", "BUG-1"),
    ):
        tried = [
            {**e, "diff_unified": e["diff_unified"].replace("a + b", verdict)} if "diff_unified" in e else e
            for e in events
        ]
        record, document = _trace(trace_id, {**example_document(), "trace_id": trace_id, "events": tried}, task_id=task)
        _insert(lab, (record, document), (example(TraceValidated, trace_id, verdict=verdict), None))
    done = _export(lab, tmp_path / "out", "--format", "preference")
    assert done.returncode == 0, done.stderr
    [line] = [json.loads(line) for path in (tmp_path / "out").glob("data/*") for line in path.read_text().splitlines()]
    assert (line["chosen_trace_id"], line["rejected_trace_id"]) == (good, bad)
    bench = tmp_path / "bench"
    done = _export(lab, bench, "--format", "swe-bench")
    assert done.returncode == 0, done.stderr
    found = {
        part: [json.loads(line) for path in bench.glob(f"{part}/*") for line in path.read_text().splitlines()]
        for part in ("instances", "predictions")
    }
    assert [one["FAIL_TO_PASS"] for one in found["instances"]] == ['["tests/test_calculator.py::test_add"]']
    assert [(one["trace_id"], one["instance_id"]) for one in found["predictions"]] == [
        (name, found["instances"][0]["instance_id"]) for name in (good, bad)
    ]
    done = _export(lab, tmp_path / "ctrf", "--format", "ctrf")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "ctrf").glob("reports/*/*.json"))) == 9


def _stored(lab: Lab, many: int) -> list[str]:
    """So many traces of nine repositories."""
    ids = [fresh_id() for _ in range(many)]
    of = [{"repo_origin": f"r{number % 9}", "start_commit": f"{number % 9:040x}"} for number in range(many)]
    _insert(lab, *(_trace(one, document_of(one, 3), **repo) for one, repo in zip(ids, of, strict=True)))
    return ids


def _killed(lab: Lab, folder: Path, options: tuple[str, ...], when: Callable[[], bool]) -> None:
    """An export that is killed as soon as that holds."""
    process = subprocess.Popen(
        _command(lab, folder, *options), env=_environment(lab), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not when():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "README.md").exists()


def _bytes(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.glob("[!.]*/**/*") if path.is_file() and path.suffix != ".parquet"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in [*files, folder / "README.md"]}


@pytest.mark.parametrize("name", ["chat", pytest.param("atif", marks=pytest.mark.slow)])
def test_killed_in_a_batch_and_after_one_it_is_the_same_export_byte_for_byte(
    lab: Lab, tmp_path: Path, name: str
) -> None:
    _stored(lab, 450)
    options = ("--format", name, "--keep-participants", "--splits", "60/20/20")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert _export(lab, whole, *options).returncode == 0
    state = cut / ".export" / "state.json"
    _killed(lab, cut, options, lambda: any(path.is_file() and path.stat().st_size for path in cut.glob("[!.]*/**/*")))
    began = state.read_bytes() if state.exists() else b""
    _killed(lab, cut, options, lambda: state.exists() and state.read_bytes() != began)
    done = _export(lab, cut, *options)
    assert done.returncode == 0, done.stderr
    assert ", 0 written before" not in done.stderr
    assert _bytes(cut) == _bytes(whole)
    assert len(_bytes(cut)) > 3


def test_killed_it_goes_on_to_the_end(lab: Lab, tmp_path: Path) -> None:
    ids = _stored(lab, 450)
    folder, options = tmp_path / "out", ("--format", "chat", "--splits", "60/20/20", "--seed", "3")
    _killed(lab, folder, options, (folder / ".export" / "state.json").exists)
    other = _export(lab, folder, "--format", "chat")
    assert (other.returncode, "other options" in other.stderr) == (2, True)
    _insert(lab, (example(TraceErased, ids[0]), None), (example(TraceErased, ids[-1]), None))
    done = _export(lab, folder, *options)
    assert done.returncode == 0, done.stderr
    assert ", 0 written before" not in done.stderr
    assert _ids(folder) == sorted(ids[1:-1])


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--format", "csv"), 2, "there are: atif, chat"),
        (("--format", "atif", "--parquet"), 2, "documents"),
        (("--format", "chat", "--splits", "90/20/5"), 2, "add up to 100"),
        (("--format", "chat", "--consent", "any"), 2, "training, research"),
        (("--format", "chat", "--where", "nonsense = 1"), 1, "nonsense"),
        (("--format", "chat"), 1, "nothing that may be exported"),
    ],
)
def test_what_cannot_be_exported_is_said_in_a_line(
    lab: Lab, tmp_path: Path, options: tuple[str, ...], status: int, words: str
) -> None:
    done = _export(lab, tmp_path / "out", *options)
    assert (done.returncode, len(done.stderr.splitlines())) == (status, 1), done.stderr
    assert words in done.stderr


def test_a_folder_with_other_things_is_left_alone(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    done = _export(lab, tmp_path, "--format", "chat")
    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert not (tmp_path / ".export").exists()
