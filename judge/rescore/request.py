"""What an operator asks for, as the command hands it over; and the run that it becomes. A manifest never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from judge.budget import Budget
from judge.configured import BadJudge, JudgeConfig, config_of, judge_of, rubric_of
from judge.heuristics import NoHeuristic
from judge.judging import Judge
from judge.rescore.places import Found
from judge.rescore.plan import pack
from judge.rubric import BadRubric, Rubric
from judge.rubric_files import NoRubric, find
from pipeline.access import EVERY_PROJECT
from pipeline.canonical import digest, dumps, loads
from pipeline.errors import Explained
from pipeline.objectstore import ObjectStore
from pipeline.runs import plan_ref
from pipeline.selection import Selection, selection_of
from pipeline.settings import JudgeSettings
from schemas.records import RunManifest


class BadRequest(Explained):
    """What is asked for cannot be: the text says what would be right."""

    exit_status = 2


class Request(BaseModel):
    """`rubric` is a rubric's name or its file, None for that of the settings; `judge` a name, None for the live judge.

    `parallel` 0 is what suits the judge. `budget_nano` bounds what the run may cost in all, nano-dollars.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    selection: dict[str, Any] = Field(default_factory=dict)
    rubric: str | None = None
    judge: str | None = None
    run: str = ""
    by: str = ""
    parallel: int = 0
    cache: bool = True
    budget_nano: int | None = None


def request_of(text: str) -> Request:
    """The request in a JSON text. Raises BadRequest."""
    try:
        return Request.model_validate_json(text)
    except ValidationError as error:
        raise BadRequest(f"no request: {error}") from None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A rubric and the judge that grades by it."""

    rubric: Rubric
    config: JudgeConfig
    judge: Judge


def chosen(request: Request, settings: JudgeSettings, store: ObjectStore) -> Chosen:
    """What the request names. Raises BadRequest, BadSetting."""
    try:
        named = request.rubric
        rubric = find(named, settings.rubrics_dir).rubric() if named else rubric_of(settings)
        config = config_of(settings, request.judge)
        budget = Budget(request.budget_nano)
        return Chosen(rubric, config, judge_of(config, rubric, store, api_key=settings.openai_api_key, budget=budget))
    except (NoRubric, BadRubric, BadJudge, NoHeuristic) as error:
        raise BadRequest(str(error)) from None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run needs of its manifest's `selection`. `known`: traces that were judged alike before."""

    results_from: Mapping[int, int]
    cache: bool = True
    budget_nano: int | None = None
    parallel: int = 0
    known: int = 0


def manifest_of(
    request: Request, made: Chosen, found: Found, results_from: Mapping[int, int], run_id: str, now_us: int
) -> tuple[RunManifest, bytes]:
    """The manifest of a new run, and the bytes of its plan. `results_from`: the next offsets of `rescores` now."""
    selection, plan = selection_of(request.selection), found.plan
    packed = pack(plan)
    content = {
        "asked": asked_of(selection),
        "cache": request.cache,
        "known": found.known,
        "offsets": plan.bounds(),
        "parallel": request.parallel,
        "results_from": {str(partition): offset for partition, offset in results_from.items()},
    }
    if request.budget_nano is not None:
        content["budget_nano"] = request.budget_nano
    manifest = RunManifest(
        run_id=run_id,
        project=selection.projects[0] if len(selection.projects) == 1 else EVERY_PROJECT,
        selection=dumps(content),
        rubric_digest=made.rubric.digest(),
        judge_digest=made.judge.digest,
        seed=selection.seed,
        created_by=request.by,
        created_at_us=now_us,
        rubric=dumps(made.rubric.content()),
        judge=dumps(made.config.description()),
        traces=len(plan),
        plan_ref=plan_ref(run_id),
        plan_digest=digest(packed),
    )
    return manifest, packed


def asked_of(selection: Selection) -> dict[str, Any]:
    """What a selection asks for, for ever to be kept: traces that it names are counted, since they may be erased."""
    named = {"traces_named": len(selection.trace_ids)} if selection.trace_ids else {}
    return {name: value for name, value in selection.content().items() if name != "trace_ids"} | named


def asked_in(manifest: RunManifest) -> Asked:
    """What the run was asked for."""
    content = loads(manifest.selection)
    return Asked(
        results_from={int(partition): offset for partition, offset in content["results_from"].items()},
        cache=content["cache"],
        budget_nano=content.get("budget_nano"),
        parallel=content["parallel"],
        known=content["known"],
    )
