"""What the README tells a new analyst to type works on a running stack, line by line, and answers."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess, run
from urllib.parse import urlsplit

import pytest

from benchmarks.stack import Stack
from tests.support.data import PROJECT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SECTION = (
    (PROJECT / "README.md").read_text().partition("### From nothing to the first answer\n")[2].partition("\n## ")[0]
)
BLOCKS = re.findall(r"```(sh|python)\n(.+?)\n```", SECTION, re.DOTALL)
(STARTED, SENDING), *LINES = [line for kind, text in BLOCKS if kind == "sh" for line in [text.splitlines()]]
COMMANDS = [line for lines in LINES for line in lines if "jupyter" not in line]
NOTEBOOKS = [line for lines in LINES for line in lines if "jupyter" in line]
PROGRAMS = [text for kind, text in BLOCKS if kind == "python"]
MINE = PROJECT / "examples" / "notebooks" / "mine.ipynb"


@pytest.fixture(scope="module")
def environment(stack: Stack) -> dict[str, str]:
    """Of somebody who has read on until the sessions are sent."""
    addresses = stack.home.status()["addresses"]
    known = {name: addresses[name] for name in ("GATEWAY_URL", "CLICKHOUSE_URL")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**stack.environ, **known, "PATH": path, "PYTHONPATH": str(PROJECT)}
    _typed(SENDING, environment)
    return environment


def _typed(line: str, environment: dict[str, str]) -> CompletedProcess[str]:
    port = str(urlsplit(environment["CLICKHOUSE_URL"]).port)
    pointed = re.sub(r"(127\.0\.0\.1:|port=)8123", rf"\g<1>{port}", line)
    done = run(["bash", "-c", pointed], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def test_the_section_begins_with_the_stack_and_shows_every_way() -> None:
    assert STARTED.startswith("make up && . .venv/bin/activate")
    assert (len(COMMANDS), len(PROGRAMS), len(NOTEBOOKS)) == (4, 1, 1)
    assert {line.split()[0] for line in COMMANDS} == {"pr-telemetry", "curl"}


@pytest.mark.parametrize("line", COMMANDS)
def test_a_line_of_the_terminal_answers(environment: dict[str, str], line: str) -> None:
    shown = _typed(line, environment).stdout
    written = re.search(r"> (\S+)$", line)
    answer = Path(written[1]).read_text() if written else shown
    assert len(answer.splitlines()) >= 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_answers(environment: dict[str, str], program: str) -> None:
    shown = _typed(f"python - <<'END'\n{program}\nEND", environment).stdout
    assert "median_s" in shown
    assert "inventory/stock.py" in shown


@pytest.fixture
def mine() -> Iterator[Path]:
    """The notebook that a run writes."""
    yield MINE
    MINE.unlink(missing_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("line", NOTEBOOKS)
def test_the_notebook_runs_as_it_is(environment: dict[str, str], mine: Path, line: str) -> None:
    _typed(line, environment)
    assert mine.read_text().count('"image/png"') >= 8
