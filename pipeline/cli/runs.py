"""`run ...`: what became of runs, and which of them the current scores follow. Each change is one record on `control`,
with an entry in the audit trail before it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from pipeline.access import EVERY_PROJECT, PROJECT
from pipeline.cli.changes import By, actor_of, answer_of, change, current_view
from pipeline.cli.rescoring import BudgetUsd, Parallel, cost_of, judge_name, limits, work
from pipeline.cli.run_diff import diff
from pipeline.cli.run_facts import scores_of, work_of
from pipeline.cli.run_panel import panel
from pipeline.cli.terminal import WRONG_USAGE, Json, fail, note, out
from pipeline.clock import now_us
from pipeline.runs import (
    ARCHIVED,
    CANCELLED,
    DONE,
    GOES_ON,
    LIVE,
    PAUSED,
    RUNNING,
    Runs,
    promotion_key,
    state_key,
)
from schemas.records import RunManifest, RunPromoted, RunStateChanged

run_app = typer.Typer(no_args_is_help=True, help="Runs of scores: list, compare, hold, promote, put away.")
run_app.command("diff")(diff)
run_app.command("panel")(panel)
RunId = Annotated[str, typer.Argument(help="Name of the run.", metavar="RUN")]


@run_app.command("list")
def list_runs(
    everything: Annotated[bool, typer.Option("--all", help="Archived ones too.")] = False, json_document: Json = False
) -> None:
    """Show the runs, the latest first."""
    runs = answer_of(current_view).runs
    manifests = sorted(runs.manifests.values(), key=lambda manifest: manifest.created_at_us, reverse=True)
    shown = [_line(runs, manifest) for manifest in manifests if everything or runs.state(manifest.run_id) != ARCHIVED]
    if json_document:
        return out.print_json(data=shown)
    table = Table(Column("run", no_wrap=True), "state", "scored", "mean", "judge", "rubric", "current for", box=None)
    for line in shown:
        names = ("run", "state", "scored", "mean_overall", "judge", "rubric")
        table.add_row(
            *("" if line[name] is None else str(line[name]) for name in names), ", ".join(line["current_for"])
        )
    return out.print(table)


def _line(runs: Runs, manifest: RunManifest) -> dict[str, Any]:
    state = runs.states.get(manifest.run_id)
    detail = state.detail if state else {}
    rubric, judge = (json.loads(made or b"{}") for made in (manifest.rubric, manifest.judge))
    return {
        "run": manifest.run_id,
        "state": runs.state(manifest.run_id),
        "traces": manifest.traces,
        "scored": int(detail["scored"]) if "scored" in detail else None,
        "mean_overall": float(detail["mean_overall"]) if "mean_overall" in detail else None,
        "judge": judge_name(judge) if judge else None,
        "rubric": f"{rubric['id']} {rubric['version']}" if rubric else None,
        "project": manifest.project,
        "since": datetime.fromtimestamp(manifest.created_at_us / 1e6, UTC).isoformat(timespec="seconds"),
        "current_for": runs.followers(manifest.run_id),
    }


@run_app.command("show")
def show(run: RunId, json_document: Json = False) -> None:
    """Show all that is known of a run: what it was asked for, how far it is, what it came to."""
    runs = answer_of(current_view).runs
    manifest = _manifest(runs, run)
    state = runs.states.get(run)
    told = {
        **_line(runs, manifest),
        "reason": state.detail.get("reason") if state else None,
        "changed_by": state.changed_by if state else None,
        "holder": state.detail.get("holder") if state and state.state == RUNNING else None,
        "created_by": manifest.created_by,
        "asked": json.loads(manifest.selection)["asked"],
        "rubric_digest": manifest.rubric_digest,
        "judge_digest": manifest.judge_digest,
        "plan_digest": manifest.plan_digest,
        **work_of(run),
        "in_clickhouse": scores_of(run),
    }
    if json_document:
        return out.print_json(data=told)
    for name, value in told.items():
        if value not in (None, [], {}, ""):
            said = cost_of(value) if name == "cost_usd" else json.dumps(value) if isinstance(value, dict) else value
            out.print(f"{name.replace('_', ' '):17} {_words(said)}", markup=False, highlight=False, soft_wrap=True)
    return None


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@run_app.command("pause")
def pause(run: RunId, by: By = "") -> None:
    """Hold a run within a second. What is under way is ended first; `run resume` goes on."""
    runs = answer_of(current_view).runs
    _change_state(runs, _manifest(runs, run), PAUSED, by, {RUNNING})
    note(f"run {run} begins nothing more; it goes on with: pr-telemetry run resume {run}")


@run_app.command("resume")
def resume(
    run: RunId, parallel: Parallel = 0, budget: BudgetUsd = None, by: By = "", json_document: Json = False
) -> None:
    """Go on with a run that was paused, cut short or killed, where it was; nothing is asked for twice."""
    work("resume", {"run": run, "by": actor_of(by), **limits(parallel, budget)}, json_document)


@run_app.command("cancel")
def cancel(run: RunId, by: By = "") -> None:
    """End a run for good, within a second. The scores that it has made stay."""
    runs = answer_of(current_view).runs
    _change_state(runs, _manifest(runs, run), CANCELLED, by, GOES_ON)
    note(f"run {run} is cancelled")


@run_app.command("archive")
def archive(run: RunId, by: By = "") -> None:
    """Put a run away: it is no longer listed and cannot be promoted. Its scores stay."""
    runs = answer_of(current_view).runs
    manifest = _manifest(runs, run)
    if followers := runs.followers(run):
        raise fail(f"the current scores of {', '.join(followers)} follow run {run}: promote another, or {LIVE}, first")
    _change_state(runs, manifest, ARCHIVED, by, GOES_ON - {RUNNING} | {DONE, CANCELLED})
    note(f"run {run} is archived")


@run_app.command("promote")
def promote(
    run: Annotated[str, typer.Argument(help=f"Name of the run; {LIVE} goes back to the live scores.", metavar="RUN")],
    project: Annotated[str, typer.Option(help="Project whose current scores follow it; that of the run.")] = "",
    force: Annotated[str, typer.Option(metavar="REASON", help="Promote a run that is not done, and why.")] = "",
    by: By = "",
) -> None:
    """Let the current scores of a project follow a run, all of them at one moment. Undone by promoting another one."""
    runs = answer_of(current_view).runs
    named = project or (EVERY_PROJECT if run == LIVE else _manifest(runs, run).project)
    if named == EVERY_PROJECT:
        raise fail("say for which project: --project PROJECT", WRONG_USAGE)
    if not PROJECT.fullmatch(named):
        raise fail("a project has 1 to 64 letters, digits, dots, dashes and underscores", WRONG_USAGE)
    if run != LIVE:
        _must_be_promotable(runs, _manifest(runs, run), named, force)
    actor, before = actor_of(by), runs.promoted(named)
    record = RunPromoted(run_id=run, project=named, promoted_by=actor, promoted_at_us=now_us())
    detail = {
        "before": before,
        "state": LIVE if run == LIVE else runs.state(run),
        **({"force": force} if force else {}),
    }
    entry = {"actor": actor, "action": "run promote", "subject": f"run/{run}", "detail": detail, "project": named}
    answer_of(lambda: change(promotion_key(named), record, **entry))
    note(f"{named}: current scores follow {run}, before {before}; undone with: run promote {before} --project {named}")


def _must_be_promotable(runs: Runs, manifest: RunManifest, project: str, force: str) -> None:
    state = runs.state(manifest.run_id)
    if manifest.project not in (project, EVERY_PROJECT):
        raise fail(f"run {manifest.run_id} is about project {manifest.project}, not {project}", WRONG_USAGE)
    if state == ARCHIVED:
        raise fail(f"run {manifest.run_id} is archived: it cannot be promoted")
    if state != DONE and not force:
        raise fail(
            f"run {manifest.run_id} is {state}, not {DONE}: finish it, or say why it is good enough with --force"
        )


def _manifest(runs: Runs, run_id: str) -> RunManifest:
    manifest = runs.manifests.get(run_id)
    if manifest is None:
        raise fail(f"no run {run_id}; see `pr-telemetry run list`", WRONG_USAGE)
    return manifest


def _change_state(runs: Runs, manifest: RunManifest, state: str, by: str, from_: frozenset[str] | set[str]) -> None:
    run_id, now = manifest.run_id, runs.state(manifest.run_id)
    if now not in from_:
        raise fail(f"run {run_id} is {now}: it cannot become {state}")
    actor, held = actor_of(by), runs.states.get(run_id)
    counts = {name: value for name, value in (held.detail if held else {}).items() if name not in ("holder", "reason")}
    record = RunStateChanged(
        run_id=run_id, project=manifest.project, state=state, detail=counts, changed_by=actor, changed_at_us=now_us()
    )
    entry = {"actor": actor, "action": f"run {state}", "subject": f"run/{run_id}", "detail": {"before": now}}
    answer_of(lambda: change(state_key(run_id), record, project=manifest.project, **entry))
