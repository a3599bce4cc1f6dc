"""`revalidate`: stored traces through the sandbox again, as a run of its own beside the live results."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pipeline.audit import audit_entry
from pipeline.cli.changes import By, actor_of, answer_of, audited
from pipeline.cli.engine import NoEngine, docker_engine
from pipeline.cli.selecting import Projects, Sample, Seed, Since, Traces, Until, Verdicts, Where, chosen_by, selected
from pipeline.cli.terminal import WRONG_USAGE, Json, fail, note, out
from pipeline.clock import now_us

MODULE = "sandbox.revalidate"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LIVE = "live"
OURS = 3
_COUNTS = ("selected", "already", "validated", "reproduced", "differ", "not_compared")


def revalidate(
    since: Since = None,
    until: Until = None,
    project: Projects = None,
    verdict: Verdicts = None,
    trace: Traces = None,
    where: Where = "",
    sample: Sample = None,
    seed: Seed = 0,
    name: Annotated[str, typer.Option(help="The run's name; a run that was cut short goes on under its own.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Do it; without, say how many traces it would be.")
    ] = False,
    parallel: Annotated[int, typer.Option(min=1, help="Traces validated at once.")] = 1,
    by: By = "",
    json_document: Json = False,
) -> None:
    """Re-run the tests of stored traces and say whether each result is reproduced.

    Results are appended under the run's name; the live verdict stays the current one. Exit status: 0 done (or nothing
    was asked for but to say what would be), 1 some traces could not be read, 3 the machinery failed: the same command
    with the same --name goes on.
    """
    selection = chosen_by(since, until, project, verdict, trace, where, sample, seed)
    run_id = name or f"revalidate-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    if run_id == LIVE or not NAME.fullmatch(run_id):
        raise fail(
            f"{run_id!r} is no name for a run: letters, digits, _ . and -, at most 64, and not {LIVE}", WRONG_USAGE
        )
    ids = selected(selection)
    if not yes or not ids:
        return _say_what_would_be(run_id, ids, json_document)
    detail = {**selection.told(), "traces": str(len(ids))}
    entry = audit_entry(actor_of(by), "revalidate", f"run/{run_id}", now_us(), detail=detail)
    answer_of(lambda: audited(entry))
    note(f"run {run_id}: {len(ids)} traces; cut short, it goes on with --name {run_id}")
    status, document = _run(run_id, ids, parallel)
    _print(document, json_document)
    raise typer.Exit(status)


def _say_what_would_be(run_id: str, ids: list[str], as_json: bool) -> None:
    if as_json:
        return out.print_json(data={"run": run_id, "selected": len(ids), "traces": ids, "done": False})
    out.print(f"{len(ids)} traces are selected", highlight=False)
    if ids:
        note("nothing was done: --yes re-runs their tests and appends the results")
    return None


def _run(run_id: str, ids: list[str], parallel: int) -> tuple[int, dict[str, Any]]:
    """The module's exit status and what it printed. Raises typer.Exit."""
    command = [sys.executable, "-m", MODULE, "--run", run_id, "--parallel", str(parallel)]
    try:
        with docker_engine() as host:
            environment = {**os.environ, "DOCKER_HOST": host}
            done = subprocess.run(
                command, env=environment, input="\n".join(ids).encode(), stdout=subprocess.PIPE, check=False
            )
    except NoEngine as error:
        raise fail(str(error), OURS) from None
    if not done.stdout:
        raise fail(f"the run ended with status {done.returncode}; it goes on with --name {run_id}", OURS)
    return done.returncode, json.loads(done.stdout)


def _print(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return out.print_json(data=document)
    for name in _COUNTS:
        out.print(f"{name.replace('_', ' '):13} {document[name]}", highlight=False)
    for verdict, count in sorted(document["verdicts"].items()):
        out.print(f"  {verdict}: {count}", highlight=False)
    if document["unreadable"]:
        out.print(f"unreadable: {', '.join(document['unreadable'])}", highlight=False, soft_wrap=True)
    return None
