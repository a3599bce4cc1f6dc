"""`label agreement` and `label calibration`: what people's labels say about a judge."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Column, Table

from pipeline.agreement import Unit
from pipeline.cli.tables import reading
from pipeline.cli.terminal import Json, fail, out
from pipeline.comparison import GRADES
from pipeline.label_agreement import Agreement, Calibration
from pipeline.label_agreement import agreement as agreement_of
from pipeline.label_agreement import calibration as calibration_of
from pipeline.label_rows import Labels, RubricCriterion
from pipeline.reporting.diff import figure, measured
from pipeline.resampling import RESAMPLES

JudgeRun = Annotated[str, typer.Option(help="The run whose grades are held against people's.")]
Project = Annotated[str, typer.Option(help="Only traces of this project.")]
Units = dict[RubricCriterion, Counter[Unit]]


def agreement(
    judge_run: JudgeRun = "live",
    project: Project = "",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples of each interval; 0: none.")] = RESAMPLES,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same intervals.")] = 0,
    json_document: Json = False,
) -> None:
    """How far the judge agrees with people, beside how far people agree with one another, by criterion.

    Only grades of the same revision by the same rubric are compared.
    """
    names, units = _beside(judge_run, project)
    found = {place: agreement_of(some, names, seed, resamples) for place, some in units.items()}
    if json_document:
        rows = [{"rubric": rubric, "criterion": one, **asdict(figures)} for (rubric, one), figures in found.items()]
        return out.print_json(data={"judge_run": judge_run, "labellers": names, "criteria": rows})
    out.print(f"run {judge_run} against {', '.join(names)}; 1 is agreement, 0 is chance", highlight=False)
    for rubric in dict.fromkeys(rubric for rubric, _ in found):
        _show_agreement(rubric, {name: one for (of, name), one in found.items() if of == rubric})
    if len(names) > 1:
        _by_labeller(names, found)
    return None


def _show_agreement(rubric: str, found: dict[str, Agreement]) -> None:
    """The judge against people, and below it people against one another."""
    judge = Table(Column(rubric, no_wrap=True), "traces", "pairs", "kappa² [95 %]", "alpha [95 %]", box=None)
    people = Table(Column("people with one another", no_wrap=True), "pairs", "kappa² [95 %]", "alpha [95 %]", box=None)
    for name, one in found.items():
        judge.add_row(name, str(one.traces), str(one.pairs), measured(one.kappa), measured(one.alpha))
        people.add_row(name, str(one.human_pairs), measured(one.human_kappa), measured(one.human_alpha))
    out.print(judge)
    if any(one.human_pairs for one in found.values()):
        out.print()
        out.print(people)


def _by_labeller(names: list[str], found: dict[RubricCriterion, Agreement]) -> None:
    table = Table(Column("kappa² of the judge with", no_wrap=True), *names, box=None)
    for (_, criterion), one in found.items():
        table.add_row(criterion, *(figure(one.by_labeller[name]) for name in names))
    out.print()
    out.print(table)


def calibration(
    judge_run: JudgeRun = "live",
    project: Project = "",
    json_document: Json = False,
) -> None:
    """What people gave where the judge gave a 0, 1, ... 5, and how far the judge is off, by criterion.

    A bias above 0 means that the judge is kinder than people.
    """
    _, units = _beside(judge_run, project)
    found = {place: calibration_of(some) for place, some in units.items()}
    if json_document:
        rows = [
            {"rubric": rubric, "criterion": name, **asdict(one), "human_means": [one.human_mean(g) for g in GRADES]}
            for (rubric, name), one in found.items()
        ]
        return out.print_json(data={"judge_run": judge_run, "criteria": rows})
    for (rubric, criterion), one in found.items():
        _show_calibration(rubric, criterion, one)
    return None


def _show_calibration(rubric: str, criterion: str, one: Calibration) -> None:
    shares = f"exact {_percent(one.exact)}, within one {_percent(one.within_one)}"
    out.print(
        f"{criterion} ({rubric}): {one.pairs} pairs, bias {figure(one.bias, signed=True)}, "
        f"mean distance {figure(one.mean_distance)}, {shares}",
        highlight=False,
    )
    table = Table("judge gave", *(f"people {grade}" for grade in GRADES), "mean", box=None)
    for judge in GRADES:
        if sum(one.matrix[judge]):
            counts = (str(n) if n else "." for n in one.matrix[judge])
            table.add_row(str(judge), *counts, figure(one.human_mean(judge)))
    out.print(table)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _beside(run: str, project: str) -> tuple[list[str], Units]:
    with reading(analyst=True) as clickhouse:
        names, units = Labels(clickhouse).beside(run, project)
    if not names:
        raise fail("nobody has labelled anything yet: see label export and label session")
    return names, units
