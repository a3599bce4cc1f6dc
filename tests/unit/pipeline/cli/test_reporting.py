"""`report`: a table or CTRF on standard output, a line for each refused file on standard error, and the exit status."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.cli import reporting
from pipeline.reports.table import COLUMNS

JUNIT = (
    "<testsuite name='s' tests='2' failures='1'><testcase name='a'/>"
    "<testcase name='b'><failure/></testcase></testsuite>"
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a|b.xml").write_text(JUNIT)
    (tmp_path / "t.tap").write_text("1..2\nok 1 - t\n")
    (tmp_path / "notes.txt").write_text("hello")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(reporting.report)
    return CliRunner().invoke(app, arguments)


def test_one_row_for_each_file(files: Path) -> None:
    done = run("a|b.xml", "t.tap")
    head, junit, tap = done.stdout.splitlines()
    assert head.split("  ")[0] == "file"
    assert junit.split() == ["a|b.xml", "junit", "junit", *["1", "1", "0", "0", "0", "2", "0", "0"], "yes"]
    assert tap.split()[:3] == ["t.tap", "tap", "tap"]
    assert tap.endswith("no: tests: 2 stated, 1 found")
    assert (done.exit_code, done.stderr) == (0, "")


def test_a_refused_file_is_told_in_a_line_and_the_rest_is_shown(files: Path) -> None:
    done = run("notes.txt", "a|b.xml", "absent.xml")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("notes.txt: none of the formats")
    assert second == "absent.xml: No such file or directory"


def test_markdown_has_its_bars_escaped(files: Path) -> None:
    head, rule, line = run("a|b.xml", "--markdown").stdout.splitlines()
    assert head.count("|") == rule.count("|") == len(COLUMNS) + 1
    assert line.startswith("| a\\|b.xml | junit |")


def test_json_is_one_ctrf_document_of_all_files(files: Path) -> None:
    done = run("a|b.xml", "t.tap", "--json")
    results = json.loads(done.stdout)["results"]
    assert results["summary"]["tests"] == 4  # with the plan that was not kept
    assert {test["extra"]["report"] for test in results["tests"]} == {"a|b.xml", "t.tap"}


def test_standard_input_is_a_file(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(JUNIT.encode())))
    assert reporting._read(Path("-"), "auto") is not None


def test_a_format_that_is_given_is_not_found_out(files: Path) -> None:
    assert run("a|b.xml", "--format", "tap").stderr.startswith("a|b.xml: no plan")
    assert run("a|b.xml", "--format", "nope").exit_code == 2


def test_no_more_than_the_limit_is_read(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "MAX_BYTES", 10)
    assert len(reporting._content(files / "a|b.xml")) == 11


def test_control_characters_of_a_report_do_not_reach_the_terminal(files: Path) -> None:
    hostile = {"testResults": [], "numTotalTests": 0, "success": True}
    (files / "x.json").write_text(json.dumps(hostile))
    ctrf = {"results": {"tool": {"name": "\x1b[31mred\n"}, "tests": [], "summary": {}}}
    ctrf["results"]["summary"] = dict.fromkeys(
        ("tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"), 0
    )
    (files / "c.json").write_text(json.dumps(ctrf))
    done = run("c.json")
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == 2
