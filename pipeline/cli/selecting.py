"""The options of commands that go over stored traces: one selection language, see pipeline/selection.py."""

from typing import Annotated

import typer

from pipeline.cli.tables import reading
from pipeline.cli.terminal import WRONG_USAGE, fail
from pipeline.cli.times import time_option
from pipeline.ids import SHAPE
from pipeline.selection import Selection, traces_of

Since = Annotated[int | None, time_option("--from", means="Traces created at this time or later.")]
Until = Annotated[int | None, time_option("--to", means="Traces created before this time.")]
Projects = Annotated[list[str] | None, typer.Option("--project", help="Only this project; more than once.")]
Verdicts = Annotated[
    list[str] | None, typer.Option("--verdict", help="Only with this current verdict; more than once.")
]
Traces = Annotated[list[str] | None, typer.Option("--trace", help="Only this trace; more than once.")]
Where = Annotated[str, typer.Option(help="Condition in SQL over v1_traces, asked as the read-only analyst.")]
Sample = Annotated[int | None, typer.Option(min=1, help="So many of them, by chance.")]
Seed = Annotated[int, typer.Option(min=0, help="Which ones: the same seed takes the same.")]


def chosen_by(
    since: int | None,
    until: int | None,
    project: list[str] | None,
    verdict: list[str] | None,
    trace: list[str] | None,
    where: str,
    sample: int | None,
    seed: int,
) -> Selection:
    """The selection that these options ask for. Raises typer.Exit for what is no trace id."""
    if unknown := [name for name in trace or () if not SHAPE.fullmatch(name)]:
        raise fail(f"{unknown[0]} is no trace id", WRONG_USAGE)
    return Selection(
        since_ms=since,
        until_ms=until,
        projects=tuple(project or ()),
        verdicts=tuple(verdict or ()),
        trace_ids=tuple(trace or ()),
        where=where,
        sample=sample,
        seed=seed,
    )


def selected(selection: Selection) -> list[str]:
    """The ids of the selected traces. Raises typer.Exit."""
    with reading(analyst=True) as clickhouse:
        return traces_of(clickhouse, selection)
