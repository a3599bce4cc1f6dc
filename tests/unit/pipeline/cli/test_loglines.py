"""A log is shown so that a person can read it, whatever stands in it; scripts get it as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.cli.control import _whole_lines
from pipeline.cli.home import Home
from pipeline.cli.loglines import readable

AT = {"timestamp": "2026-01-02T03:04:05.000006Z", "service": "sinks", "level": "warning"}
SERVICE = """
from pipeline.telemetry import configure_logs, logger
configure_logs("sinks")
try:
    {}["way"]
except KeyError as error:
    logger("x").error("no way", exc_info=error)
"""


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            json.dumps({"pause_s": 1.5, "reason": "a b", **AT, "event": "will try again", "at": "t-1/0"}),
            '2026-01-02 03:04:05.000006Z sinks          warning  will try again at=t-1/0 pause_s=1.5 reason="a b"',
        ),
        (json.dumps({**AT, "event": "a\x1b[2Jb", "x": "\x9b2J"}), 'a?[2Jb x="?2J"'),
        (
            "[2026-01-02 03:04:05,000] INFO started (kafka.Kafka)",
            "[2026-01-02 03:04:05,000] INFO started (kafka.Kafka)",
        ),
        ('{"a": 1}', '{"a": 1}'),
        ("17", "17"),
        ("", ""),
    ],
)
def test_a_line_is_readable_whoever_wrote_it(line: str, shown: str) -> None:
    assert readable(f"{line}\n").endswith(shown)
    assert "\n" not in readable(line)


def test_an_error_is_told_with_its_places() -> None:
    done = subprocess.run([sys.executable, "-c", SERVICE], capture_output=True, text=True, check=True, timeout=60)
    first, *places = readable(done.stderr).splitlines()
    assert first.endswith("sinks          error    no way")
    assert places == ["    <string>:5 <module>", "    KeyError: 'way'"]


def test_logs_are_readable_and_as_they_are_for_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PR_TELEMETRY_HOME", str(tmp_path))
    lines = [json.dumps({**AT, "event": f"number {n}"}) + "\n" for n in range(3)]
    path = Home(tmp_path).log_file("sinks")
    path.parent.mkdir()
    path.write_text("".join(lines))
    assert CliRunner().invoke(app, ["logs", "sinks", "-n", "2", "--json"]).stdout == "".join(lines[1:])
    shown = CliRunner().invoke(app, ["logs", "sinks", "-n", "2"]).stdout.splitlines()
    assert [line.split("warning")[1].strip() for line in shown] == ["number 1", "number 2"]


def test_a_line_that_is_still_being_written_is_shown_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntw")
    with path.open() as file:
        assert list(_whole_lines(file)) == ["one\n"]
        with path.open("a") as writer:
            writer.write("o\nthree\n")
        assert list(_whole_lines(file)) == ["two\n", "three\n"]
