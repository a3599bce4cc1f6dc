"""The page of a comparison of two runs. Pure: the comparison in, one HTML document out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.comparison import GRADES, Comparison, Criterion, Example, Measured, Side, distribution
from pipeline.reporting.markup import Child, Html, el, page, table
from pipeline.reporting.plots import Plots
from pipeline.reporting.style import STYLE

HIGHEST = 5000
BINS = 20
NOTHING = "–"
_DIGITS_LEFT_OUT = 52
"""Of the 64 of a digest: the first twelve tell rubrics apart for a reader; `--json` has them all."""


def diff_page(found: Comparison) -> str:
    """The whole report."""
    plots = Plots()
    return page(
        f"Runs {found.a.run_id} and {found.b.run_id} compared",
        STYLE,
        el("h1", f"Run {found.b.run_id} against {found.a.run_id}"),
        el("p", _sentence(found), class_="quiet"),
        el("p", _key("a", found.a), _key("b", found.b)),
        *_mixed_rubrics(found),
        _tiles(found),
        _overall(found, plots),
        _criteria(found, plots),
        _agreement(found),
        _moves(found),
        _examples(found.examples),
        _unscored(found),
        _costs(found),
    )


def figure(value: float | None, signed: bool = False, digits: int = 2) -> str:
    """A number to read; a dash where there is none."""
    return NOTHING if value is None else f"{value:{'+' if signed else ''}.{digits}f}"


def measured(statistic: Measured) -> str:
    """A statistic with its interval."""
    between = statistic.interval
    return figure(statistic.value) + (f" [{between.low:.2f}, {between.high:.2f}]" if between else "")


def dollars(nano: int | None) -> str:
    """A cost in US dollars."""
    return NOTHING if nano is None else f"{nano / 1e9:,.4f} USD"


def _key(name: str, side: Side) -> Html:
    return el(
        "span", el("span", class_=f"key {name}", aria_hidden="true"), f"{name.upper()}: {side.run_id}", class_="of"
    )


def _sentence(found: Comparison) -> str:
    kept = found.overlap
    project = f" of project {found.project}" if found.project else ""
    other = f"; {kept.other_revision} judged by both at different revisions only" if kept.other_revision else ""
    return f"{kept.compared} traces{project} judged by both; {kept.only_a} by A only, {kept.only_b} by B only{other}."


def _mixed_rubrics(found: Comparison) -> Iterable[Html]:
    if found.a.rubrics != found.b.rubrics:
        yield el("p", "The rubrics differ: grades of a criterion of the same name may mean something else.")


def _tiles(found: Comparison) -> Html:
    overall = found.overall
    shift = None if overall.mean_a is None or overall.mean_b is None else (overall.mean_b - overall.mean_a) / 1000
    untied = overall.pairs.concordant + overall.pairs.discordant
    reordered = f"{overall.pairs.discordant:,} of {overall.pairs.total:,}" if untied else NOTHING
    tiles = {
        "mean overall, B less A": figure(shift, signed=True),
        "went up / down / same": f"{overall.up} / {overall.down} / {overall.same}",
        "Kendall's tau-b": figure(overall.tau_b),
        "pairs of traces reordered": reordered,
    }
    return el("ul", [el("li", el("b", value), name) for name, value in tiles.items()], class_="tiles")


def _overall(found: Comparison, plots: Plots) -> Html:
    scores = found.overall.scores
    if not scores:
        return el("section", el("h2", "Overall score"), el("p", "No trace is scored in both runs."))
    bins = distribution(scores, 0, BINS, HIGHEST), distribution(scores, 1, BINS, HIGHEST)
    labels = [f"{place * 5 / BINS:g}" for place in range(BINS)]
    return el(
        "section",
        el("h2", "Overall score"),
        el(
            "div",
            plots.scatter("Overall score of each trace; on the dashed line both runs agree", scores, HIGHEST),
            plots.histograms("How often each overall score was given", labels, bins),
            class_="row",
        ),
    )


def _criteria(found: Comparison, plots: Plots) -> Html:
    rows = [(one.name, one.mean_a, one.mean_b) for one in found.criteria]
    head = ("criterion", "compared", "mean A", "mean B", "shift", "up", "down", "same", "no grade A", "no grade B")
    shifts = table(
        "Shift of each criterion, over the traces that both graded",
        head,
        (
            (
                one.name,
                one.compared,
                figure(one.mean_a),
                figure(one.mean_b),
                figure(one.shift, signed=True),
                one.up,
                one.down,
                one.same,
                one.missing_a,
                one.missing_b,
            )
            for one in found.criteria
        ),
    )
    criteria = [_criterion(one, plots) for one in found.criteria]
    bars = plots.bars("Mean grade of each criterion", rows, GRADES[-1]) if rows else None
    return el("section", el("h2", "Criteria"), bars, shifts, el("div", criteria, class_="pair"))


def _criterion(one: Criterion, plots: Plots) -> Html:
    cells = {(unit[0], unit[1]): n for unit, n in one.grades.items() if unit[0] is not None and unit[1] is not None}
    labels = [str(grade) for grade in GRADES]
    return el(
        "section",
        el("h3", one.name),
        el(
            "div",
            plots.histograms("How often each grade was given", labels, (one.histogram(0), one.histogram(1))),
            plots.matrix("Grades: A across, B upward", cells),
            class_="row",
        ),
    )


def _agreement(found: Comparison) -> Html:
    rows = (
        (one.name, one.compared, measured(one.alpha), measured(one.kappa), figure(one.kappa_linear))
        for one in found.criteria
    )
    head = ("criterion", "compared", "alpha (ordinal)", "kappa (quadratic)", "kappa (linear)")
    caption = "Agreement: 1 is perfect, 0 is chance; in brackets the 95 % bootstrap interval"
    return el("section", el("h2", "Agreement"), table(caption, head, rows))


def _moves(found: Comparison) -> Html:
    rows = (
        (
            el("code", move.trace_id, class_="id"),
            move.task,
            f"{move.overall_a / 1000:.2f}",
            f"{move.overall_b / 1000:.2f}",
            f"{move.rank_a:g}",
            f"{move.rank_b:g}",
            f"{move.rank_b - move.rank_a:+g}",
        )
        for move in found.moves
    )
    head = ("trace", "task", "overall A", "overall B", "rank A", "rank B", "change")
    caption = "Traces whose rank changed most; rank 1 is the highest score, equal scores share the mean of their ranks"
    shown = table(caption, head, rows) if found.moves else el("p", "No rank changed.")
    return el("section", el("h2", "Rank flips"), shown)


def _examples(examples: Iterable[Example]) -> Html:
    shown = [
        el(
            "article",
            el("h3", f"{one.criterion}: A {one.grade_a}, B {one.grade_b}"),
            el("p", el("code", one.trace_id), f" revision {one.revision}: {one.task}"),
            el("dl", _said("A", one.rationale_a, one.cited_a), _said("B", one.rationale_b, one.cited_b)),
        )
        for one in examples
    ]
    return el("section", el("h2", "Furthest disagreements"), shown or el("p", "The runs agree on every grade."))


def _said(side: str, rationale: str, cited: tuple[int, ...]) -> tuple[Html, Html]:
    events = f" (events {', '.join(map(str, cited))})" if cited else ""
    return el("dt", side), el("dd", rationale + events)


def _unscored(found: Comparison) -> Html:
    rows = ((one, other, many) for (one, other), many in sorted(found.outcomes.items()))
    by_side = (
        (f"{name} {side.run_id}", reason, many)
        for name, side in (("A", found.a), ("B", found.b))
        for reason, many in side.unscored.items()
    )
    return el(
        "section",
        el("h2", "Unscored"),
        table("Traces that both judged, by what came out", ("in A", "in B", "traces"), rows),
        table("All traces without a score, by run and reason", ("run", "reason", "traces"), by_side),
    )


def _costs(found: Comparison) -> Html:
    rows = [(name, *map(of, (found.a, found.b))) for name, of in COSTS.items()]
    head = ("", f"A {found.a.run_id}", f"B {found.b.run_id}")
    return el("section", el("h2", "What each run took"), table("Each run as a whole", head, rows))


def _listed(values: Iterable[str]) -> Child:
    return "; ".join(values) or NOTHING


COSTS: dict[str, Callable[[Side], Child]] = {
    "traces judged": lambda side: side.traces,
    "scored": lambda side: side.scored,
    "rubric": lambda side: _listed(rubric[:-_DIGITS_LEFT_OUT] for rubric in side.rubrics),
    "judge": lambda side: _listed(side.judges),
    "model calls": lambda side: side.calls,
    "taken from the cache": lambda side: side.cached,
    "prompt tokens": lambda side: side.prompt_tokens,
    "completion tokens": lambda side: side.completion_tokens,
    "cost": lambda side: dollars(side.cost_nano_usd),
    "judgements of unknown cost": lambda side: side.cost_unknown,
    "time spent judging": lambda side: f"{side.duration_us / 1e6:.1f} s",
}
