"""`run panel`: how far the jurors of a panel agree within a run, as tables or as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from clients.timeline import printable
from pipeline.cli.tables import reading
from pipeline.cli.terminal import Json, fail, out
from pipeline.panel_agreement import Panel, Votes, panels
from pipeline.reporting.diff import figure, measured
from pipeline.resampling import RESAMPLES

# Of a trace, the judgement furthest in the log counts, of its latest revision.
_VOTES = """
SELECT jurors, criterion, grade, votes, count() AS times
FROM (
    SELECT jurors, grades.criterion AS criteria, grades.grade AS given, grades.votes AS ballots
    FROM judgements FINAL
    WHERE run_id = {run:String} AND notEmpty(jurors) AND ({project:String} = '' OR project = {project:String})
    ORDER BY trace_id, revision DESC, source_offset DESC LIMIT 1 BY trace_id
)
ARRAY JOIN criteria AS criterion, given AS grade, ballots AS votes
GROUP BY ALL ORDER BY ALL"""


def panel(
    run: Annotated[str, typer.Argument(help="A run that a panel judged: live, or a run's id.")],
    project: Annotated[str, typer.Option(help="Only traces of this project.")] = "",
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples of each interval; 0: none.")] = RESAMPLES,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap: the same seed gives the same intervals.")] = 0,
    json_document: Json = False,
) -> None:
    """How far the jurors of a panel agree: Krippendorff's alpha and spread of every criterion, votes of every juror.

    Reads with the account of CLICKHOUSE_USER. Exit status: 0 told; 1 no panel judged in this run, or ClickHouse is
    away.
    """
    found = panels(_votes(run, project), seed, resamples)
    if not found:
        raise fail(f"no panel has graded anything in run {run}")
    if json_document:
        out.print_json(data=[asdict(one) for one in found])
    else:
        for one in found:
            _show(one)


def _votes(run: str, project: str) -> list[Votes]:
    with reading(analyst=False) as clickhouse:
        rows = clickhouse.rows(_VOTES, {"run": run, "project": project})
    return [
        Votes(tuple(row["jurors"]), row["criterion"], row["grade"], tuple(row["votes"]), row["times"]) for row in rows
    ]


def _show(found: Panel) -> None:
    out.print(Text(printable(f"panel of {', '.join(juror.name for juror in found.jurors)}"), "bold"), soft_wrap=True)
    _table(
        ("criterion", "traces", "by two or more", "alpha [95 %]", "mean spread"),
        ((one.name, one.traces, one.compared, measured(one.alpha), figure(one.mean_spread)) for one in found.criteria),
    )
    _table(
        ("juror", "votes", "abstained", "as the panel", "lower", "higher"),
        ((one.name, one.voted, one.abstained, one.same, one.lower, one.higher) for one in found.jurors),
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    shown = Table(*(Column(Text(name)) for name in head), box=None, header_style="dim")
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    out.print(shown)
