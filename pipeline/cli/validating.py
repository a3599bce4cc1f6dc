"""`validate`: is the bug fixed by this patch? The sandbox's protocol in a local repository, without the pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.engine import NoEngine, docker_engine
from pipeline.cli.terminal import Json, fail, out

# The exit status for a verdict that is about our machinery, of the command and of the module that it starts.
OURS = 3
MODULE = "sandbox.direct"
SHOWN = 20
_CATEGORIES = {
    "fail_to_pass": "fixed by it (fail to pass)",
    "pass_to_fail": "lost by it (pass to fail)",
    "fail_to_fail": "failing with and without it",
    "pass_to_pass": "passing with and without it",
}
_COUNTS = ("passed", "failed", "skipped", "errors")


def validate(
    repo: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of a git repository.")],
    base: Annotated[str, typer.Option(help="Commit that the patch begins at.")],
    patch: Annotated[
        list[Path],
        typer.Option(exists=True, dir_okay=False, help="Diff, of git diff or git format-patch; several in order."),
    ],
    tests: Annotated[str, typer.Option(help="Runner and what it runs: 'pytest tests/test_a.py'; all tests.")] = "",
    task: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="JSON file: FAIL_TO_PASS, test_patch, cases, ... (verdicts.md)."
        ),
    ] = None,
    json_document: Json = False,
) -> None:
    """Run the sandbox's protocol for a patch in a local repository, and print the verdict.

    Needs a Docker engine: the one that answers, or one that is started for it. Exit status: 0 fixed, 1 another verdict,
    2 wrong usage, 3 the sandbox could not do it.
    """
    arguments = ["--repo", str(repo), "--base", base, *(word for file in patch for word in ("--patch", str(file)))]
    arguments += ["--tests", tests] if tests else []
    arguments += ["--task", str(task)] if task else []
    try:
        with docker_engine() as host:
            done = _run(arguments, host)
    except NoEngine as error:
        raise fail(str(error), OURS) from None
    if not done.stdout:
        raise typer.Exit(done.returncode if done.returncode > 0 else OURS)
    if json_document:
        sys.stdout.buffer.write(done.stdout)
    else:
        _print(json.loads(done.stdout))
    raise typer.Exit(done.returncode)


def _run(arguments: list[str], host: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", MODULE, *arguments]
    return subprocess.run(command, env={**os.environ, "DOCKER_HOST": host}, stdout=subprocess.PIPE, check=False)


def _print(document: dict[str, Any]) -> None:
    said = Text(document["verdict"], "bold green" if document["verdict"] == "fixed" else "bold yellow")
    said.append("".join(f"  {document[name]}" for name in ("level", "reason") if document[name]), "")
    out.print(said)
    out.print(document["detail"], markup=False, highlight=False, soft_wrap=True)
    if looked_for := document["environment"].get("regressions"):
        out.print(f"regressions: {looked_for}", markup=False, highlight=False, soft_wrap=True)
    if document["runs"]:
        out.print(_runs(document["runs"]))
    by_category: dict[str, list[str]] = defaultdict(list)
    for test in document["tests"]:
        by_category[test["category"]].append(test["id"])
    for category, meaning in _CATEGORIES.items():
        _print_tests(meaning, by_category[category])


def _runs(runs: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("run", "exit", *_COUNTS, "seconds"):
        table.add_column(name, justify="left" if name == "run" else "right", no_wrap=True)
    for run in runs:
        exit_code = "-" if run["exit_code"] is None else str(run["exit_code"])
        ended = "timeout" if run["timed_out"] else exit_code
        table.add_row(run["name"], ended, *(str(run[name]) for name in _COUNTS), f"{run['duration_s']:.2f}")
    return table


def _print_tests(meaning: str, ids: list[str]) -> None:
    if ids:
        out.print(f"{meaning}: {len(ids)}", style="bold", highlight=False)
    for id in sorted(set(ids))[:SHOWN]:
        out.print(f"  {id}", markup=False, highlight=False, soft_wrap=True)
    if (more := len(set(ids)) - SHOWN) > 0:
        out.print(f"  and {more} more: --json has them all", style="dim", highlight=False)
