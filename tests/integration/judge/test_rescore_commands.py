"""`pr-telemetry rescore` and `run ...` as an operator types them: what it would take, the run, promoted and back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode
from schemas.records import AuditEntry
from schemas.topics import AUDIT_LOG, CONTROL
from tests.support import log
from tests.support.judging import RUBRIC
from tests.support.openai_server import Scripted, answer, openai_server
from tests.support.rescoring import ROOT, Rescoring

pytestmark = pytest.mark.integration
GOOD = Scripted(answer([criterion.id for criterion in RUBRIC.criteria]))


class Shell:
    """Types commands."""

    def __init__(self, rescoring: Rescoring, **environment: str) -> None:
        self._environment = rescoring.environment(**environment)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A command at work, in a process group of its own, as a terminal would have it."""
        command = [sys.executable, "-m", "pipeline.cli", *words]
        return subprocess.Popen(
            command,
            env=self._environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    async def type(self, *words: str) -> tuple[int, str, str]:
        """Its exit status, standard output and standard error."""
        process = self.start(*words)
        out, err = await asyncio.to_thread(process.communicate, timeout=90)
        return process.returncode, out.decode(), err.decode()

    async def json(self, *words: str) -> Any:
        """What it prints as JSON; it must end well."""
        status, out, err = await self.type(*words, "--json")
        assert status == 0, err
        return json.loads(out)


async def audited(rescoring: Rescoring, subject: str) -> list[AuditEntry]:
    """The entries of the audit trail about something."""
    entries = [decode(found.value) for found in await log.records(rescoring.kafka, AUDIT_LOG)]
    return [entry for entry in entries if isinstance(entry, AuditEntry) and entry.subject == subject]


def other_rubric(folder: Path) -> Path:
    """Rubric 1.0 with another version, so with another digest."""
    path = folder / "stricter.yaml"
    path.write_text((files("judge") / "rubrics" / "rubric-1.0.yaml").read_text().replace('"1.0"', '"1.1"', 1))
    assert '"1.1"' in path.read_text()
    return path


async def test_from_a_dry_run_to_a_promotion_and_back(rescoring: Rescoring, tmp_path: Path) -> None:
    await rescoring.write(12)
    shell, rubric = Shell(rescoring), other_rubric(tmp_path)
    status, out, err = await shell.type("rescore", "--rubric", str(rubric), "--judge", "heuristic", "--sample", "10")
    assert status == 0, err
    assert "traces      10" in out
    assert "cost        nothing" in out
    assert "--yes starts the run" in err
    assert not (await rescoring.runs()).manifests
    words = ("--rubric", str(rubric), "--judge", "heuristic", "--project", "default", "--name", "stricter", "--yes")
    status, out, err = await shell.type("rescore", *words, "--by", "ada")
    assert status == 0, err
    assert "stricter is done" in out
    assert "scored      12" in out
    (listed,) = await shell.json("run", "list")
    names = ("run", "state", "traces", "scored", "judge", "project", "current_for")
    assert [listed[name] for name in names] == ["stricter", "done", 12, 12, "heuristic", "default", []]
    assert listed["rubric"].endswith(" 1.1")
    await rescoring.sink()
    shown = await shell.json("run", "show", "stricter")
    assert (shown["dealt_with"], shown["created_by"], shown["asked"]) == (
        12,
        "cli/ada",
        {"projects": ["default"], "seed": 0},
    )
    assert shown["in_clickhouse"] == {"results": 12, "scored": 12, "mean_overall": 5.0, "current": 0}

    status, _, err = await shell.type("run", "promote", "stricter", "--by", "ada")
    assert (status, "current scores follow stricter, before live" in " ".join(err.split())) == (0, True), err
    await rescoring.sink(CONTROL)
    assert (await shell.json("run", "show", "stricter"))["in_clickhouse"]["current"] == 12
    assert (await shell.json("run", "list"))[0]["current_for"] == ["default"]
    status, _, err = await shell.type("run", "archive", "stricter")
    assert (status, "promote another" in err) == (1, True)

    status, _, err = await shell.type("run", "promote", "live", "--project", "default")
    assert status == 0, err
    await rescoring.sink(CONTROL)
    assert (await shell.json("run", "show", "stricter"))["in_clickhouse"]["current"] == 0
    status, _, err = await shell.type("run", "archive", "stricter")
    assert status == 0, err
    assert await shell.json("run", "list") == []
    assert [run["state"] for run in await shell.json("run", "list", "--all")] == ["archived"]
    status, _, err = await shell.type("run", "promote", "stricter", "--force", "whatever")
    assert (status, "archived" in err) == (1, True)
    entries = await audited(rescoring, "run/stricter")
    assert [entry.action for entry in entries] == ["rescore", "run promote", "run archived"]
    assert (entries[0].actor, entries[0].detail["traces"]) == ("cli/ada", "12")
    assert entries[1].detail == {"before": "live", "state": "done"}
    (back,) = await audited(rescoring, "run/live")
    assert back.detail == {"before": "stricter", "state": "live"}


async def test_an_interrupt_holds_the_run_and_the_command_says_how_it_goes_on(rescoring: Rescoring) -> None:
    await rescoring.write(30)
    with openai_server() as endpoint:
        endpoint.script = [replace(GOOD, delay_s=0.3)]
        shell = Shell(rescoring, OPENAI_BASE_URL=endpoint.base_url)
        process = shell.start("rescore", "--judge", "openai:local", "--name", "long", "--parallel", "3", "--yes")
        async with asyncio.timeout(40):
            while len(endpoint.asked) < 6:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
        out, err = await asyncio.to_thread(process.communicate, timeout=30)
        assert (process.returncode, b"long is paused (interrupted)" in out) == (3, True), err.decode()
        assert b"pr-telemetry run resume long" in err
        status, _, err_text = await shell.type("run", "promote", "long", "--project", "default")
        assert (status, "is paused, not done" in err_text) == (1, True)
        status, _, err_text = await shell.type("run", "promote", "long")
        assert (status, "--project" in err_text) == (2, True)
        endpoint.script = [GOOD]
        told = await shell.json("run", "resume", "long", "--parallel", "8")
        assert (told["state"], told["scored"], len(endpoint.asked)) == ("done", 30, 30)


async def test_commands_that_cannot_be_say_why(rescoring: Rescoring, tmp_path: Path) -> None:
    shell = Shell(rescoring)
    bad = tmp_path / "bad.yaml"
    bad.write_text("id: nothing")
    for status, words, said in (
        (2, ("rescore", "--name", "live"), "no name for a run"),
        (2, ("rescore", "--trace", "trace-1"), "no trace id"),
        (2, ("rescore", "--rubric", str(bad)), "criteria"),
        (2, ("rescore", "--judge", "oracle"), "no judge is named 'oracle'"),
        (2, ("rescore", "--yes"), "no trace is selected"),
        (2, ("rescore", "--where", "no_such_column = 1"), "no_such_column"),
        (2, ("run", "show", "nowhere"), "no run nowhere"),
        (2, ("run", "resume", "nowhere"), "no run nowhere"),
        (2, ("run", "promote", "nowhere"), "no run nowhere"),
    ):
        ended, out, err = await shell.type(*words)
        assert (ended, said in " ".join((out + err).split())) == (status, True), (words, err)


async def test_what_the_jurors_of_a_panel_agree_on_is_shown(rescoring: Rescoring) -> None:
    await rescoring.write(3)
    with openai_server() as endpoint:
        endpoint.script = [GOOD]
        shell = Shell(rescoring, OPENAI_BASE_URL=endpoint.base_url)
        told = await shell.json("rescore", "--judge", "panel:local,heuristic", "--name", "jury", "--yes")
        assert (told["scored"], told["calls"]) == (3, 3)
    await rescoring.sink()
    shown = await shell.json("run", "show", "jury")
    assert shown["judge"] == "panel of openai:local, heuristic"
    # Every one of them 4 by the model and 5 by the heuristic: worse than chance.
    assert shown["in_clickhouse"]["agreement"]["grades"] == 3 * len(RUBRIC.criteria)
    assert shown["in_clickhouse"]["agreement"]["alpha"] < 0
