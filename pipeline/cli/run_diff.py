"""`run diff`: two runs of grades compared, as tables, as JSON, or as one HTML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from clients.timeline import printable
from pipeline.agreement import Units
from pipeline.cli.tables import reading
from pipeline.cli.terminal import WRONG_USAGE, Json, fail, note, out
from pipeline.comparison import Comparison, Criterion, Side
from pipeline.comparison_rows import NoSuchRun, Runs
from pipeline.reporting.diff import COSTS, diff_page, figure, measured
from pipeline.resampling import RESAMPLES

Cells = Iterable[object]


def diff(
    a: Annotated[str, typer.Argument(help="A run: live, a run's id, or human-<labeller>.")],
    b: Annotated[str, typer.Argument(help="The run that is held against it.")],
    project: Annotated[str, typer.Option(help="Only traces of this project.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write a report with plots to this file.")] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Moves, and disagreements a criterion, shown.")] = 5,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples of each interval; 0: none.")] = RESAMPLES,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap: the same seed gives the same intervals.")] = 0,
    json_document: Json = False,
) -> None:
    """Compare two runs over the same revisions of the same traces: shifts, flips, rank changes, agreement, cost.

    Reads with the account of CLICKHOUSE_USER. Exit status: 0 compared, however far apart; 1 a run is unknown, or
    ClickHouse is away.
    """
    if a == b:
        raise fail("a run is not compared with itself", WRONG_USAGE)
    found = _compared(a, b, project, seed, resamples, examples)
    if html:
        _write(html, diff_page(found))
    if json_document:
        out.print_json(data=plain(found))
    else:
        _show(found)


def _compared(a: str, b: str, project: str, seed: int, resamples: int, most: int) -> Comparison:
    with reading(analyst=False) as clickhouse:
        try:
            return Runs(clickhouse, a, b, project).compared(seed, resamples, most)
        except NoSuchRun as error:
            raise fail(str(error)) from None


def _write(file: Path, content: str) -> None:
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise fail(f"{file}: {error.strerror}") from None
    note(f"the report is in {file}")


def plain(found: Comparison) -> dict[str, Any]:
    """The comparison as a JSON value; tallies are lists of [A, B, count]."""
    overall = asdict(found.overall)
    return {
        "a": asdict(found.a),
        "b": asdict(found.b),
        "project": found.project or None,
        "overlap": asdict(found.overlap),
        "overall": {**overall, "scores": _triples(found.overall.scores)},
        "criteria": [{**asdict(one), "shift": one.shift, "grades": _triples(one.grades)} for one in found.criteria],
        "outcomes": _triples(found.outcomes),
        "moves": [asdict(move) for move in found.moves],
        "examples": [asdict(example) for example in found.examples],
    }


def _triples(tally: Mapping[Any, int] | Units) -> list[list[Any]]:
    return [[*pair, count] for pair, count in sorted(tally.items(), key=lambda item: str(item[0]))]


def _show(found: Comparison) -> None:
    overlap, overall = found.overlap, found.overall
    _say(f"A {found.a.run_id}   B {found.b.run_id}   a shift is B less A")
    _say(f"{overlap.compared} traces compared; {overlap.only_a} in A only, {overlap.only_b} in B only")
    if overlap.other_revision:
        _say(f"{overlap.other_revision} judged by both at different revisions only: not compared")
    if found.a.rubrics != found.b.rubrics:
        _say("the rubrics differ: grades of a criterion of the same name may mean something else", "yellow")
    means = [None if mean is None else mean / 1000 for mean in (overall.mean_a, overall.mean_b)]
    shift = None if means[0] is None or means[1] is None else means[1] - means[0]
    _say(
        f"overall {figure(means[0])} -> {figure(means[1])} ({figure(shift, signed=True)});"
        f" {overall.up} up, {overall.down} down, {overall.same} same"
    )
    _say(
        f"order: tau-b {figure(overall.tau_b)}, rho {figure(overall.spearman)};"
        f" {overall.pairs.discordant} of {overall.pairs.total} pairs of traces changed places"
    )
    head = ("criterion", "n", "A", "B", "shift", "up", "down", "no A", "no B")
    _table(head, map(_shifts, found.criteria))
    _say("\nagreement: 1 is perfect, 0 is chance; in brackets the 95 % interval", "bold")
    agreement = ((one.name, one.compared, measured(one.alpha), measured(one.kappa)) for one in found.criteria)
    _table(("criterion", "n", "alpha (ordinal)", "kappa (quadratic)"), agreement)
    _show_moves(found)
    _show_examples(found)
    _show_sides(found)


def _shifts(one: Criterion) -> Cells:
    return (
        one.name,
        one.compared,
        figure(one.mean_a),
        figure(one.mean_b),
        figure(one.shift, signed=True),
        one.up,
        one.down,
        one.missing_a,
        one.missing_b,
    )


def _show_moves(found: Comparison) -> None:
    if found.moves:
        _say("\nrank changed most (1 is the highest score)", "bold")
        rows = (
            (
                move.trace_id,
                f"{move.rank_a:g} -> {move.rank_b:g}",
                f"{move.overall_a / 1000:.2f} -> {move.overall_b / 1000:.2f}",
                move.task,
            )
            for move in found.moves
        )
        _table(("trace", "rank", "overall", "task"), rows)


def _show_examples(found: Comparison) -> None:
    if found.examples:
        _say("\nfurthest disagreements", "bold")
    for one in found.examples:
        _say(f"{one.criterion}: A {one.grade_a}, B {one.grade_b}  {one.trace_id} revision {one.revision}  {one.task}")
        for side, words, cited in (("A", one.rationale_a, one.cited_a), ("B", one.rationale_b, one.cited_b)):
            _say(f"  {side}: {words}{''.join(f' #{seq}' for seq in cited)}", "dim")


def _show_sides(found: Comparison) -> None:
    _say("\nwhat each run took", "bold")
    rows = [(name, of(found.a), of(found.b)) for name, of in COSTS.items()]
    rows.append(("unscored", _reasons(found.a), _reasons(found.b)))
    _table(("", f"A {found.a.run_id}", f"B {found.b.run_id}"), rows)


def _reasons(side: Side) -> str:
    return ", ".join(f"{reason} {many}" for reason, many in side.unscored.items()) or "none"


def _say(line: str, style: str = "") -> None:
    out.print(Text(printable(line), style), soft_wrap=True)


def _table(head: Iterable[str], rows: Iterable[Cells]) -> None:
    columns = (Column(Text(printable(name)), no_wrap=place == 0) for place, name in enumerate(head))
    shown = Table(*columns, box=None, header_style="dim")
    for row in rows:
        shown.add_row(*(Text(printable("" if cell is None else cell)) for cell in row))
    out.print(shown)
