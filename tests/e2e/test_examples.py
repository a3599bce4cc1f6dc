"""The three example stories and real agent sessions, from POST to rows, verdicts and grades."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from benchmarks.stack import TOKEN, Stack
from clients.session import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
Traces = dict[str, dict[str, Any]]
EXAMPLES = Path(__file__).parents[2] / "examples"
STORIES = {
    "submit_example.py": ("fixed", 10, 3),
    "submit_complex_example.py": ("fixed", 24, 4),
    "submit_failed_example.py": ("not_fixed", 16, 3),
}


def _script(stack: Stack, name: str) -> str:
    url = stack.home.status()["addresses"]["GATEWAY_URL"]
    command = [sys.executable, str(EXAMPLES / name), "--url", url, "--token", TOKEN]
    done = run(command, capture_output=True, text=True, timeout=60, check=True, cwd=EXAMPLES.parent)
    return next(word for word in done.stdout.split() if word.startswith("trace-"))


@pytest.fixture(scope="module")
def traces(stack: Stack) -> Iterator[Traces]:
    """Script name -> the finished trace."""
    ids = {name: _script(stack, name) for name in STORIES}
    with stack.client() as client:
        yield {name: wait_for(client, trace_id, timeout_s=200) for name, trace_id in ids.items()}


def _without_docker(stack: Stack) -> str | None:
    note: str | None = stack.home.status()["notes"].get("docker")
    return note


@pytest.mark.parametrize("name", STORIES)
def test_a_story_arrives_whole_and_intact(traces: Traces, stack: Stack, name: str) -> None:
    _, events, chunks = STORIES[name]
    trace = traces[name]
    assert [event["seq"] for event in trace["events"]] == list(range(events))
    assert trace["integrity"]["intact"] is True
    assert trace["integrity"]["complete"] is True
    assert trace["integrity"]["findings"] == []
    rows = stack.clickhouse().rows(
        "SELECT chunk_count, event_count, intact FROM v1_traces WHERE trace_id = {id:String}", {"id": trace["trace_id"]}
    )
    assert [tuple(row.values()) for row in rows] == [(chunks, events, True)]


@pytest.mark.parametrize("name", STORIES)
def test_the_sandbox_finds_out_whether_it_is_fixed(traces: Traces, stack: Stack, name: str) -> None:
    if (note := _without_docker(stack)) and not os.environ.get("REQUIRE_INTEGRATION"):
        pytest.skip(note)
    validation = traces[name]["qa"]["validation"]
    assert validation["verdict"] == STORIES[name][0]
    assert validation.get("level") == ("verified" if validation["verdict"] == "fixed" else None)
    assert validation["tests"]


@pytest.mark.parametrize("name", STORIES)
def test_the_judge_grades_every_criterion_with_evidence(traces: Traces, name: str) -> None:
    trace = traces[name]
    judge = trace["qa"]["judge"]
    assert len(judge["scores"]) == 6
    seqs = {event["seq"] for event in trace["events"]}
    for score in judge["scores"].values():
        assert 0 <= score["grade"] <= 5
        assert set(score["cited_seqs"]) <= seqs
    assert 0 < judge["overall"] <= 5


def test_view_shows_what_a_person_wants_to_follow(traces: Traces, stack: Stack) -> None:
    trace = traces["submit_example.py"]
    shown = stack.cli("view", trace["trace_id"])
    assert shown.returncode == 0, shown.stderr
    for text in (trace["task"]["title"], "file_edit", "test_run", "verified", "intact"):
        assert text in shown.stdout
    assert json.loads(stack.cli("view", "--json", trace["trace_id"]).stdout)["trace_id"] == trace["trace_id"]


def test_real_sessions_import_whole_with_an_honest_verdict(stack: Stack) -> None:
    files = sorted(str(path) for path in (EXAMPLES / "real").glob("*.traj.json.gz"))
    assert len(files) >= 2
    done = stack.cli("import", "--format", "mini-swe-agent", "--json", *files)
    assert done.returncode == 0, done.stderr
    ids = [json.loads(line)["trace_id"] for line in done.stdout.splitlines()]
    with stack.client() as client:
        for trace_id in ids:
            trace = wait_for(client, trace_id, timeout_s=120)
            assert trace["integrity"]["complete"] is True
            assert trace["qa"]["validation"]["verdict"] == "unverifiable"
            assert trace["qa"]["validation"]["reason"] == "no_start_commit"
            assert trace["qa"]["judge"]["outcome"] == "scored"
    rows = stack.clickhouse().rows(
        "SELECT trace_id, count() AS n, max(seq) + 1 AS expected FROM v1_events WHERE trace_id IN {ids:Array(String)}"
        " GROUP BY trace_id",
        {"ids": ids},
    )
    assert len(rows) == len(ids)
    assert all(row["n"] == row["expected"] for row in rows)


def test_results_and_sql_answer_scripts(traces: Traces, stack: Stack) -> None:
    ids = [trace["trace_id"] for trace in traces.values()]
    lines = json.loads(stack.cli("results", "--json", "--wait", "30", *ids).stdout)
    assert [line["trace"] for line in lines] == ids
    done = stack.cli("sql", "--json", "SELECT count() AS n FROM v1_traces")
    assert int(json.loads(done.stdout)["n"]) >= len(ids)
    refused = stack.cli("sql", "DROP TABLE traces")
    assert refused.returncode == 1
    assert refused.stderr
