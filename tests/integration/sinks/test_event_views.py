"""Events by their type: what each means, of the latest revision, counted as the assembler counts."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.clickhouse import ClickHouse
from schemas.records import TraceJudged, TraceValidated
from streams.edits import Lines
from tests.support.finished import document_of, example, finished, fresh_id
from tests.support.inserting import insert, rows_about
from tests.support.traces import SECOND_US

pytestmark = pytest.mark.integration
START_US = 1_770_000_000_000_000
SHA = "sha256:" + "a" * 64
AWKWARD = (
    "diff --git a/x.sql b/x.sql\n--- a/x.sql\n+++ b/x.sql\n@@ -1,4 +1,5 @@\n a\n--- a comment\n+++ i\n+b\n z\n q\n"
    "@@ -9 +9 @@ def f():\n-foo\n+bar\n\\ No newline at end of file\n-- \n2.40.1\n"
)
EMPTY_LINES = "--- a/y.py\n+++ b/y.py\n@@ -0,0 +1,2 @@\n+\n+x\n@@ -7,3 +9,0 @@\n-a\n-\n-b\n"
VIEWS = ("v1_edits", "v1_commands", "v1_test_runs", "v1_commits", "v1_rationale")
KINDS = {"file_edit": 0, "cmd_run": 1, "test_run": 2, "commit": 3, "rationale_note": 4}


def _told(clickhouse: ClickHouse, *events: dict[str, Any], revision: int = 1, trace_id: str = "") -> str:
    """A finished trace with these events, a second apart."""
    one = trace_id or fresh_id()
    stored = [
        {"id": f"e{seq}", "seq": seq, "ts_client_us": START_US + seq * SECOND_US, **event}
        for seq, event in enumerate(events)
    ]
    base = document_of(one, len(events), revision)
    insert(clickhouse, finished(one, len(events), revision), revision, document=base | {"events": stored})
    return one


def _one_of_each() -> list[dict[str, Any]]:
    return [
        {"type": "file_edit", "file_path": "src/app.py", "diff_unified": AWKWARD, "author": "ai"},
        {"type": "cmd_run", "command": "git status", "exit_code": 0},
        {"type": "test_run", "framework": "pytest", "passed": 3},
        {"type": "commit", "message": "fix", "diff_unified": AWKWARD},
        {"type": "rationale_note", "plan": "look"},
    ]


def test_each_event_is_in_the_view_of_its_type_once_and_of_the_latest_revision_only(clickhouse: ClickHouse) -> None:
    one = _told(clickhouse, *_one_of_each())
    for kind, view in zip(KINDS, VIEWS, strict=True):
        assert [row["seq"] for row in rows_about(clickhouse, view, one)] == [KINDS[kind]]
    _told(clickhouse, *_one_of_each(), *_one_of_each(), revision=2, trace_id=one)
    for kind, view in zip(KINDS, VIEWS, strict=True):
        rows = rows_about(clickhouse, view, one, "seq")
        assert [(row["seq"], row["revision"]) for row in rows] == [(KINDS[kind], 2), (KINDS[kind] + 5, 2)]


@pytest.mark.parametrize(
    "diff", [AWKWARD, EMPTY_LINES, "", "no diff at all\n+x", "@@ -1,2 +1 @@\n-a\n b", "@@ -0,0 @@"]
)
def test_lines_are_counted_as_the_assembler_counts_them(clickhouse: ClickHouse, diff: str) -> None:
    one = _told(
        clickhouse,
        {"type": "file_edit", "file_path": "a.py", "diff_unified": diff},
        {"type": "commit", "message": "m", "diff_unified": diff},
    )
    lines = Lines()
    lines.take("a.py", diff)
    for view in ("v1_edits", "v1_commits"):
        (row,) = rows_about(clickhouse, view, one)
        assert (row["lines_added"], row["lines_removed"]) == (lines.added, lines.removed), view


@pytest.mark.parametrize(
    ("path", "extension", "language"),
    [
        ("src/app.py", "py", "Python"),
        ("web/Main.TSX", "tsx", "TypeScript"),
        ("Dockerfile", "", "Dockerfile"),
        ("a.d/Makefile", "", "Makefile"),
        (".gitignore", "", ""),
        ("notes.xyz", "xyz", ""),
        ("a.tar.gz", "gz", ""),
    ],
)
def test_the_language_is_told_by_extension_or_name(
    clickhouse: ClickHouse, path: str, extension: str, language: str
) -> None:
    one = _told(clickhouse, {"type": "file_edit", "file_path": path, "diff_unified": "", "buffer_hash_after": SHA})
    (row,) = rows_about(clickhouse, "v1_edits", one)
    assert (row["extension"], row["language"], row["buffer_hash_after"]) == (extension, language, SHA)


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("python -m pytest -q", "python"),
        ("  PYTHONPATH=. FOO=1 /usr/bin/python3 x.py", "python3"),
        ("./run.sh --all", "run.sh"),
        ("git\tlog", "git"),
        ("", ""),
    ],
)
def test_a_command_has_its_program_and_result(clickhouse: ClickHouse, command: str, program: str) -> None:
    run = {"type": "cmd_run", "command": command, "cwd": "/src"}
    one = _told(clickhouse, run, run | {"exit_code": 0, "duration_us": 1_500_000}, run | {"exit_code": 2})
    rows = rows_about(clickhouse, "v1_commands", one, "seq")
    assert {(row["program"], row["cwd"]) for row in rows} == {(program, "/src")}
    assert [(row["result"], row["exit_code"], row["duration_s"]) for row in rows] == [
        ("", None, None),
        ("succeeded", 0, 1.5),
        ("failed", 2, None),
    ]


def test_a_test_run_is_green_red_or_neither_and_names_what_fails(clickhouse: ClickHouse) -> None:
    results = [
        {"id": "t::a", "status": "passed", "duration_us": 250_000},
        {"id": "t::b", "status": "error", "message": "boom"},
        {"id": "t::c", "status": "failed"},
    ]
    run: dict[str, Any] = {"type": "test_run", "framework": "pytest"}
    one = _told(clickhouse, run | {"passed": 1, "failed": 1, "errors": 1, "results": results}, run | {"passed": 2}, run)
    red, green, neither = rows_about(clickhouse, "v1_test_runs", one, "seq")
    assert [row["result"] for row in (red, green, neither)] == ["red", "green", ""]
    assert red["failing"] == ["t::b", "t::c"]
    assert [tuple(test.values()) for test in red["tests"]] == [
        ("t::a", "passed", "", 0.25),
        ("t::b", "error", "boom", None),
        ("t::c", "failed", "", None),
    ]
    assert (green["tests"], green["failing"]) == ([], [])


def test_a_commit_names_its_files(clickhouse: ClickHouse) -> None:
    plain = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x\n--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    one = _told(
        clickhouse,
        {"type": "commit", "message": "m", "sha": "abcdef0", "parents": ["1234567"], "diff_unified": AWKWARD},
        {"type": "commit", "message": "m", "diff_unified": plain},
        {"type": "commit", "message": "m"},
    )
    first, second, third = rows_about(clickhouse, "v1_commits", one, "seq")
    assert (first["sha"], first["parents"], first["files"]) == ("abcdef0", ["1234567"], ["x.sql"])
    assert (second["sha"], second["parents"], second["files"]) == ("", [], ["new.py"])
    assert (third["files"], third["lines_added"]) == ([], 0)


def test_a_note_says_which_parts_it_has(clickhouse: ClickHouse) -> None:
    one = _told(clickhouse, {"type": "rationale_note", "hypothesis": "h", "text": "t", "caused_by": ["e9"]})
    (row,) = rows_about(clickhouse, "v1_rationale", one)
    assert (row["parts"], row["hypothesis"], row["text"], row["plan"]) == (["hypothesis", "text"], "h", "t", "")
    assert row["caused_by"] == ["e9"]


@pytest.mark.parametrize("view", VIEWS)
def test_filters_by_trace_and_project_go_through_to_the_table(clickhouse: ClickHouse, view: str) -> None:
    """The plan reads the events table by its key, and filters by project before it joins."""
    one = _told(clickhouse, *_one_of_each())
    by_trace = _plan(clickhouse, f"SELECT count() FROM {view} WHERE trace_id = '{one}'", "indexes = 1")
    assert by_trace.count(f"(trace_id in ['{one}', '{one}'])") == 2  # of events, and of traces
    by_project = _plan(clickhouse, f"SELECT count() FROM {view} WHERE project = 'acme'", "actions = 1").splitlines()
    reading = next(at for at, line in enumerate(by_project) if ".events)" in line)
    assert any("Filter column" in line and "project = 'acme'" in line for line in by_project[reading - 3 : reading])


def _plan(clickhouse: ClickHouse, query: str, shown: str) -> str:
    return "\n".join(next(iter(row.values())) for row in clickhouse.rows(f"EXPLAIN {shown} {query}"))


def test_the_timeline_has_offsets_that_never_go_back_and_verdict_and_score_beside(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    times = (0, 2, 1, 5)
    events: list[dict[str, Any]] = [
        {"type": "rationale_note", "hypothesis": "off by one", "plan": "look"},
        {"type": "file_edit", "file_path": "a.py", "diff_unified": EMPTY_LINES},
        {"type": "cmd_run", "command": "ls", "exit_code": 1},
        {"type": "test_run", "framework": "pytest", "passed": 1, "errors": 1, "caused_by": ["e1"]},
    ]
    shifted = [event | {"ts_client_us": START_US + at * SECOND_US} for event, at in zip(events, times, strict=True)]
    _told(clickhouse, *shifted, trace_id=one)
    insert(clickhouse, example(TraceValidated, one), 1)
    insert(clickhouse, example(TraceJudged, one, overall_milli=3_250), 1)
    rows = clickhouse.rows("SELECT * FROM v1_trace_timeline(trace_id = {id:String})", {"id": one})
    assert [(row["at_s"], row["gap_s"], row["what"], row["result"]) for row in rows] == [
        (0.0, 0.0, "look off by one", ""),
        (2.0, 2.0, "a.py", ""),
        (2.0, 0.0, "ls", "failed"),
        (5.0, 3.0, "pytest", "red"),
    ]
    assert {(row["verdict"], row["level"], row["overall"]) for row in rows} == {("fixed", "verified", 3.25)}
    assert (rows[1]["lines_added"], rows[1]["lines_removed"], rows[3]["failed"]) == (2, 3, 1)
    assert clickhouse.rows("SELECT * FROM v1_trace_timeline(trace_id = 'trace-none')") == []
