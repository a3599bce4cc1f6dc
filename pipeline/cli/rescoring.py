"""`rescore`: stored traces scored again by another rubric or judge, as a run of its own beside the live scores."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Annotated, Any

import typer

from pipeline.cli.changes import By, actor_of
from pipeline.cli.children import die_with_parent
from pipeline.cli.selecting import Projects, Sample, Seed, Since, Traces, Until, Verdicts, Where, chosen_by
from pipeline.cli.terminal import WRONG_USAGE, Json, fail, note, out
from pipeline.runs import NAMES, is_name

MODULE = "judge.rescore"
HELD = 3
NANO = 1_000_000_000
Parallel = Annotated[
    int, typer.Option(min=0, help="Traces (heuristic: processes) at once; 0: JUDGE_PARALLEL (heuristic: all cores).")
]
BudgetUsd = Annotated[
    float | None, typer.Option("--budget", min=0, help="What the run may cost in all, US dollars; there it pauses.")
]
_RESULTS = ("scored", "unscored", "cached", "gone", "unreadable")


def rescore(
    since: Since = None,
    until: Until = None,
    project: Projects = None,
    verdict: Verdicts = None,
    trace: Traces = None,
    where: Where = "",
    sample: Sample = None,
    seed: Seed = 0,
    rubric: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Rubric by name, or a file; JUDGE_RUBRIC where not given.")
    ] = "",
    judge: Annotated[
        str,
        typer.Option(help="heuristic, openai, openai:MODEL, panel:3xMODEL, panel:A,B; the live one where not given."),
    ] = "",
    name: Annotated[str, typer.Option(help="The run's name; made from the time where not given.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Do it; without, say what it would take. No model is called then.")
    ] = False,
    parallel: Parallel = 0,
    budget: BudgetUsd = None,
    cache: Annotated[bool, typer.Option(help="Take what the same judge said of the same revision before.")] = True,
    by: By = "",
    json_document: Json = False,
) -> None:
    """Score stored traces again; the live scores stay as they are until the run is promoted.

    Which traces, which rubric and which judge is frozen in the run's manifest; what is stored later is no part of it.
    An interrupted or killed run goes on with `run resume`, and nothing is asked for twice. Exit status: 0 done, 1 some
    traces could not be read, 3 held or failed.
    """
    if name and not is_name(name):
        raise fail(f"{name!r} is no name for a run: {NAMES}", WRONG_USAGE)
    selection = chosen_by(since, until, project, verdict, trace, where, sample, seed)
    request = {
        "selection": selection.content(),
        "rubric": rubric or None,
        "judge": judge or None,
        "run": name,
        "by": actor_of(by),
        "cache": cache,
        **limits(parallel, budget),
    }
    if yes:
        work("start", request, json_document)
    document = _module("estimate", request)[1]
    if json_document:
        return out.print_json(data=document)
    _print_estimate(document)
    if document["traces"]:
        note("nothing was done: --yes starts the run")
    return None


def limits(parallel: int, budget_usd: float | None) -> dict[str, Any]:
    """How much at once and for how much money, as a request says it."""
    return {"parallel": parallel, "budget_nano": None if budget_usd is None else round(budget_usd * NANO)}


def work(what: str, request: dict[str, Any], as_json: bool) -> None:
    """Start or go on with a run, and tell how it ended. Raises typer.Exit always."""
    status, document = _module(what, request)
    if as_json:
        out.print_json(data=document)
    else:
        _print_end(document)
    raise typer.Exit(status)


def _module(what: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The exit status of the process that does it, and what it printed. Raises typer.Exit where it could not begin."""
    command = [sys.executable, "-m", MODULE, what]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    # An interrupt reaches the child, too: it is for the child to hold the run, and to say so.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        printed, _ = process.communicate(json.dumps(request).encode())
    finally:
        signal.signal(signal.SIGINT, before)
    if not printed:
        raise typer.Exit(process.returncode if process.returncode > 0 else HELD)
    return process.returncode, json.loads(printed)


def _print_estimate(told: dict[str, Any]) -> None:
    judge, rubric = told["judge"], told["rubric"]
    _say("traces", f"{told['traces']:,}")
    if told["cached"]:
        _say("cached", f"{told['cached']:,} were judged alike before and cost nothing")
    _say("rubric", f"{rubric['id']} {rubric['version']}  {rubric['digest'][:19]}")
    _say("judge", f"{judge_name(judge)}  {judge['digest'][:19]}")
    if told["prompt_tokens"]:
        _say("tokens", f"about {told['prompt_tokens']:,} read and {told['completion_tokens']:,} written")
    _say("cost", cost_of(told["cost_usd"]))
    _say("time", _time_of(told))


def cost_of(usd: float | None) -> str:
    """Money, as people read it."""
    return "unknown: the price of a model is not configured" if usd is None else f"${usd:,.4f}" if usd else "nothing"


def _time_of(told: dict[str, Any]) -> str:
    if told["seconds"] is None:
        return "unknown: this model has not judged yet" if told["to_judge"] else "no time"
    about = timedelta(seconds=max(1, round(told["seconds"])))
    return f"about {about} with {told['parallel']} at once, by a sample of {told['sampled']}"


def _print_end(told: dict[str, Any]) -> None:
    reason = f" ({told['reason']})" if told["reason"] else ""
    _say("run", f"{told['run']} is {told['state']}{reason}")
    _say("traces", f"{told['dealt_with']:,} of {told['traces']:,} dealt with in {told['seconds']:,} s")
    for name in _RESULTS:
        if told[name]:
            _say(name, f"{told[name]:,}")
    if told["mean_overall"] is not None:
        _say("mean score", f"{told['mean_overall']:.3f}")
    if told["calls"]:
        _say(
            "calls",
            f"{told['calls']:,}, {told['prompt_tokens']:,} tokens read and {told['completion_tokens']:,} written",
        )
        _say("cost", cost_of(told["cost_usd"]))
    for fault in told["faults"]:
        note(f"cannot be read: {fault}")
    if not told["done"] and told["state"] != "cancelled":
        note(f"it goes on with: pr-telemetry run resume {told['run']}")


def judge_name(judge: dict[str, Any]) -> str:
    """A judge's description in a few words."""
    if members := judge.get("members"):
        return f"panel of {', '.join(map(judge_name, members))}"
    sample = f"#{judge['sample']}" if judge.get("sample") else ""
    return f"{judge['kind']}:{judge['model']}{sample}" if judge.get("model") else str(judge["kind"])


def _say(name: str, value: str) -> None:
    out.print(f"{name:11} {value}", markup=False, highlight=False, soft_wrap=True)
