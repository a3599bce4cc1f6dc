"""The heuristic judge on sessions with a known outcome: `python -m benchmarks.judge_report > docs/judge-report.md`.

The outcome of a real session is the SWE-bench verdict of its patch, which no judge is shown. Everything on the page is
counted from the sessions; nothing in the judge is chosen by it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.judge_stories import stories, table
from clients.importers import import_session
from judge.scoring import overall_milli
from pipeline.ranks import Scores, pairs, spearman
from pipeline.resampling import bootstrap
from schemas.records import Grade
from tests.support.data import SHARED_DATA
from tests.support.judging import RUBRICS, graded, recorded

SESSIONS = SHARED_DATA / "trajectories" / "mini-swe-agent"
FIRST = "rubric-1.0"
BANDS = 5
SEED, RESAMPLES = 2026, 2_000
INTRODUCTION = """\
# The judge on sessions with a known outcome

`python -m benchmarks.judge_report > docs/judge-report.md` makes this page, and a test holds it to that.

The judge is the heuristic one, offline. It grades how a bug was worked on and is not shown whether it was fixed. So a
high correlation with the outcome is no goal, and a perfect one would be suspect: process would be graded by its result.
What is measured is how far the two go together. The judge reads forms of words that were written with sessions of this
agent at hand, so it may fit them better than others; the verdicts are in no part of it."""


@dataclass(frozen=True)
class Judged:
    """A session with its grades by the first rubric and its overall score by each, and whether its bug was fixed."""

    name: str
    events: int
    grades: Mapping[str, Grade]
    overall: Mapping[str, int]
    resolved: bool


def page() -> str:
    """The whole page. Raises FileNotFoundError without the real sessions."""
    return f"{INTRODUCTION}\n\n{real_sessions(list(real()))}\n\n{stories()}"


def real() -> Iterator[Judged]:
    """The real sessions, judged, by name. Raises FileNotFoundError where they are absent."""
    paths = sorted(SESSIONS.glob("*.traj.json.gz"))
    if not paths:
        raise FileNotFoundError(f"no session in {SESSIONS}")
    for path in paths:
        name = path.name.removesuffix(".traj.json.gz")
        report = json.loads(path.with_name(f"{name}.report.json").read_text())
        document = recorded(import_session("mini-swe-agent", path.read_bytes()))
        yield judged(name, document, report[name]["resolved"])


def judged(name: str, document: Mapping[str, Any], resolved: bool) -> Judged:
    """A session's document with its grades."""
    by_rubric = {rubric: graded(document, content) for rubric, content in RUBRICS.items()}
    overall = {rubric: overall_milli(grades.values()) or 0 for rubric, grades in by_rubric.items()}
    return Judged(name, len(document["events"]), by_rubric[FIRST], overall, resolved)


def real_sessions(sessions: Sequence[Judged]) -> str:
    """Correlation, matrix and list of the real sessions."""
    resolved = sum(one.resolved for one in sessions)
    parts = [
        f"## {len(sessions)} real sessions of a coding agent",
        f"mini-swe-agent on SWE-bench issues. SWE-bench calls {resolved} of their patches resolved,"
        f" {len(sessions) - resolved} not.",
        _correlations(sessions),
        _reading(sessions),
        "### Process against outcome",
        "Sessions by overall score of rubric 1.0 (a band holds its lower bound) and verdict.",
        _matrix(sessions),
        "### Every session",
        _every(sessions),
    ]
    return "\n\n".join(parts)


def _correlations(sessions: Sequence[Judged]) -> str:
    of_rubrics = {f"overall, `{rubric}`": [one.overall[rubric] for one in sessions] for rubric in RUBRICS}
    of_criteria = {f"`{name}`": [one.grades[name].grade or 0 for one in sessions] for name in sessions[0].grades}
    rows = [_correlated(name, scores, sessions) for name, scores in (of_rubrics | of_criteria).items()]
    head = ("score or grade", "mean resolved", "mean not", "tau-b [95 %]", "Spearman", "resolved scores higher")
    explained = (
        "The last column is the chance that of a resolved and an unresolved session the resolved one has the higher\n"
        "score, ties counting half: 0.5 is chance. Intervals are bootstrap over sessions. These are"
        f" {len(rows)} figures; of\ntwenty without any connection, one would leave out 0 by chance."
    )
    return f"{table(head, rows)}\n\n{explained}"


def _correlated(name: str, scores: Sequence[int], sessions: Sequence[Judged]) -> tuple[str, ...]:
    tally = Counter((score, int(one.resolved)) for score, one in zip(scores, sessions, strict=True))
    scale = 1000 if max(scores) > BANDS else 1
    means = [
        _mean([score / scale for score, one in zip(scores, sessions, strict=True) if one.resolved is wanted])
        for wanted in (True, False)
    ]
    between = bootstrap(tally, lambda some: pairs(some).tau_b, SEED, RESAMPLES)
    interval = f" [{between.low:.2f}, {between.high:.2f}]" if between else ""
    return (
        name,
        *(f"{mean:.2f}" for mean in means),
        f"{_figure(pairs(tally).tau_b)}{interval}",
        _figure(spearman(tally)),
        _figure(higher(tally)),
    )


def higher(scores: Scores) -> float | None:
    """The chance that a resolved session has a higher score than one that is not; ties count half."""
    found = pairs(scores)
    compared = found.concordant + found.discordant + found.tied_first
    return (found.concordant + found.tied_first / 2) / compared if compared else None


def _reading(sessions: Sequence[Judged]) -> str:
    """The figures in words, whatever they are."""
    found = pairs(Counter((one.overall[FIRST], int(one.resolved)) for one in sessions))
    unresolved = [one for one in sessions if not one.resolved]
    best = max(unresolved, key=lambda one: one.overall[FIRST])
    below = sum(one.resolved and one.overall[FIRST] < best.overall[FIRST] for one in sessions)
    flat = [f"`{name}`" for name in sessions[0].grades if len({one.grades[name].grade for one in sessions}) == 1]
    told = [
        f"**Read:** of {len(unresolved) * (len(sessions) - len(unresolved))} pairs of a resolved and an unresolved"
        f" session the resolved one scores higher in\n{found.concordant}, lower in {found.discordant},"
        f" the same in {found.tied_first}.",
        f"The best unresolved session ({best.name}, {best.overall[FIRST] / 1000:.2f}) scores higher than {below} of the"
        f" {len(sessions) - len(unresolved)} resolved ones.",
        f"All have the same grade in {', '.join(flat)}: there nothing is told apart." if flat else "",
        f"{len(sessions)} sessions of one agent are few, and alike: their notes have one form, and form is what this"
        " judge reads.",
    ]
    return "\n".join(filter(None, told))


def _matrix(sessions: Sequence[Judged]) -> str:
    rows = []
    for band in reversed(range(BANDS)):
        inside = [one for one in sessions if min(one.overall[FIRST] // 1000, BANDS - 1) == band]
        resolved = sum(one.resolved for one in inside)
        share = f"{resolved / len(inside):.0%}" if inside else "–"
        rows.append((f"{band} to {band + 1}", str(resolved), str(len(inside) - resolved), str(len(inside)), share))
    return table(("overall", "resolved", "not resolved", "sessions", "share resolved"), rows)


def _every(sessions: Sequence[Judged]) -> str:
    ordered = sorted(sessions, key=lambda one: (-one.overall[FIRST], one.name))
    rows = [
        (
            one.name,
            str(one.events),
            f"{one.overall[FIRST] / 1000:.2f}",
            *(str(grade.grade) for grade in one.grades.values()),
            "yes" if one.resolved else "no",
        )
        for one in ordered
    ]
    return table(("session", "events", "overall", *(f"`{name}`" for name in sessions[0].grades), "resolved"), rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    sys.stdout.write(page())
