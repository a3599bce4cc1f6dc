"""How far the jurors of a panel agree, and how each of them votes beside the panel. Pure.

Agreement is of many traces: of the six criteria of one trace alone, alpha is mostly chance. It is reckoned for each
criterion, since easy and hard ones together would make agreement of their difference.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.agreement import Unit, alpha, compared
from pipeline.comparison import Measured
from pipeline.resampling import bootstrap


@dataclass(frozen=True, slots=True)
class Votes:
    """How often a panel voted so: `votes` in the order of `jurors`, None where one abstained; `grade` came of it."""

    jurors: tuple[str, ...]
    criterion: str
    grade: int | None
    votes: Unit
    times: int


@dataclass(frozen=True, slots=True)
class Criterion:
    """`traces` voted on, `compared` of them by two jurors or more; `alpha` is ordinal; `spread` highest less lowest."""

    name: str
    traces: int
    compared: int
    alpha: Measured
    mean_spread: float | None


@dataclass(frozen=True, slots=True)
class Juror:
    """Votes of one juror over all criteria, beside the panel's grade; a vote beside no grade is counted in `voted`
    only. Caps lower the panel's grade too."""

    name: str
    voted: int
    abstained: int
    same: int
    lower: int
    higher: int


@dataclass(frozen=True, slots=True)
class Panel:
    """One composition of jurors within a run."""

    criteria: tuple[Criterion, ...]
    jurors: tuple[Juror, ...]


def panels(rows: Iterable[Votes], seed: int, resamples: int) -> tuple[Panel, ...]:
    """The panels that voted, in order of their jurors' names."""
    by_jurors: dict[tuple[str, ...], list[Votes]] = defaultdict(list)
    for row in rows:
        by_jurors[row.jurors].append(row)
    return tuple(_panel(jurors, votes, seed, resamples) for jurors, votes in sorted(by_jurors.items()))


def _panel(jurors: tuple[str, ...], rows: list[Votes], seed: int, resamples: int) -> Panel:
    by_criterion: dict[str, Counter[Unit]] = defaultdict(Counter)
    for row in rows:
        by_criterion[row.criterion][row.votes] += row.times
    criteria = tuple(_criterion(name, units, seed, resamples) for name, units in by_criterion.items())
    return Panel(criteria, tuple(_juror(name, place, rows) for place, name in enumerate(jurors)))


def _criterion(name: str, units: Counter[Unit], seed: int, resamples: int) -> Criterion:
    spreads = Counter[int]()
    for unit, times in units.items():
        given = [vote for vote in unit if vote is not None]
        if len(given) > 1:
            spreads[max(given) - min(given)] += times
    interval = bootstrap(units, alpha, seed, resamples) if resamples else None
    mean = sum(spread * times for spread, times in spreads.items()) / spreads.total() if spreads else None
    return Criterion(name, units.total(), compared(units), Measured(alpha(units), interval), mean)


def _juror(name: str, place: int, rows: list[Votes]) -> Juror:
    found = Counter[str]()
    for row in rows:
        vote = row.votes[place]
        found["abstained" if vote is None else "voted"] += row.times
        if vote is not None and row.grade is not None:
            found["same" if vote == row.grade else "lower" if vote < row.grade else "higher"] += row.times
    return Juror(name, *(found[what] for what in ("voted", "abstained", "same", "lower", "higher")))
