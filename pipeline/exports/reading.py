"""What exports read of stored traces: the public views, asked as the read-only analyst, some traces at a time.

A trace that was erased, has another revision or another consent than asked for is not found here any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.exports.splits import family, related
from pipeline.exports.view import Row, Units, View
from pipeline.selection import Selection, check_condition

CONSENTS: dict[str, tuple[str, ...]] = {"training": ("training",), "research": ("training", "research")}
"""What an export is for -> the consents that allow it."""
_SINGLE = (
    "SELECT [trace_id] AS good, [] AS others, repo_origin AS repo FROM v1_traces"
    " WHERE trace_id IN (@) ORDER BY trace_id"
)
_VERDICT = "trace_id IN (SELECT trace_id FROM v1_validations WHERE current AND verdict = '{}')"
_TASKS = (
    f"SELECT repo_origin AS repo, arraySort(groupArrayIf(trace_id, {_VERDICT.format('fixed')})) AS good,"
    " arraySort(groupArrayIf(trace_id, @)) AS others FROM v1_traces"
    " WHERE trace_id IN (@) GROUP BY project, repo_origin, task_id, start_commit"
    " HAVING notEmpty(good) AND notEmpty(others)"
    " ORDER BY project, repo_origin, task_id, start_commit"
)
_SHARED = (
    "SELECT groupUniqArray(repo_origin) AS origins FROM v1_traces WHERE start_commit != '' GROUP BY start_commit"
    " HAVING length(origins) > 1 ORDER BY start_commit"
)
_OF = "trace_id IN {ids:Array(String)}"
_EVENTS = f"SELECT trace_id, revision, event FROM v1_events WHERE {_OF} ORDER BY trace_id, chain_index"
_TESTS = f"SELECT * FROM v1_test_results WHERE {_OF} AND run_id = 'live' ORDER BY trace_id, suite, test_id"
# Erasing takes a while: who is among the erased may still have rows.
_ALLOWED = (
    f"FROM v1_traces WHERE {_OF} AND consent IN {{consents:Array(String)}}"
    f" AND trace_id NOT IN (SELECT trace_id FROM v1_erasures WHERE {_OF})"
)
_TRACES, _STANDING = f"SELECT * {_ALLOWED}", f"SELECT trace_id, revision {_ALLOWED}"


@dataclass(frozen=True, slots=True)
class Unit:
    """What is written or left out as a whole: one trace, or of one task a fixed one and one that is not.

    `repo` decides the split: an origin, or the name of a family of repositories. `attempt` counts the units of one
    task where only one of them may be in a file.
    """

    traces: tuple[str, ...]
    repo: str
    attempt: int = 0


class Reader:
    """Answers from ClickHouse. Every method raises QueryFailed and Retryable."""

    def __init__(self, clickhouse: ClickHouse, purpose: str) -> None:
        self._clickhouse, self._consents = clickhouse, CONSENTS[purpose]

    def plan(self, selection: Selection, units: Units) -> Iterator[Unit]:
        """What there is to export, in an order that the ids alone decide. A sample is one of what consent allows."""
        check_condition(self._clickhouse, selection.where)
        allowed = " OR ".join(f"consent = '{consent}'" for consent in self._consents)
        where = f"({allowed}) AND (\n{selection.where}\n)" if selection.where else f"({allowed})"
        chosen, parameters = replace(selection, where=where).query()
        statement = _PLANS[units][0]
        families = related(row["origins"] for row in self._clickhouse.rows(_SHARED, {}))
        for line in self._clickhouse.lines(
            statement.replace("IN (@)", f"IN (\n{chosen}\n)"), "JSONEachRow", parameters
        ):
            row = _row(line)
            repo = families.get(family(row["repo"]), row["repo"])
            yield from units_of(units, repo, row["good"], row["others"])

    def views(self, ids: Collection[str]) -> dict[str, View]:
        """These traces without their events; those that may not be exported (any more) are left out."""
        traces = self._rows(_TRACES, ids, consents=list(self._consents))
        validations = self._rows(f"SELECT * FROM v1_validations WHERE {_OF} AND current", ids)
        judgements = self._rows(f"SELECT * FROM v1_judgements WHERE {_OF} AND current", ids)
        return {
            name: View(trace=row, events=(), validation=validations.get(name), judgement=judgements.get(name))
            for name, row in traces.items()
        }

    def standing(self, ids: Collection[str]) -> dict[str, tuple[int, str]]:
        """Revision and verdict of those that may be exported now, in less than half of the time of their views."""
        traces = self._rows(_STANDING, ids, consents=list(self._consents))
        verdicts = self._rows(f"SELECT trace_id, verdict FROM v1_validations WHERE {_OF} AND current", ids)
        empty: Row = {"verdict": ""}
        return {name: (row["revision"], str(verdicts.get(name, empty)["verdict"])) for name, row in traces.items()}

    def whole(self, views: Collection[View], tests: bool) -> dict[str, View]:
        """The same with their events, and with the sandbox's tests where they are asked for: one query each for all."""
        wanted = {view.id: view.trace["revision"] for view in views}
        events: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
        for line in self._clickhouse.lines(_EVENTS, "TabSeparatedRaw", {"ids": list(wanted)}):
            name, revision, event = _event(line)
            if wanted.get(name) == revision:
                events[name].append(event)
        results: dict[str, list[Row]] = {name: [] for name in wanted}
        for row in self._clickhouse.rows(_TESTS, {"ids": list(wanted)}) if tests else ():
            if wanted.get(row["trace_id"]) == row["revision"]:
                results[row["trace_id"]].append(row)
        return {view.id: replace(view, events=events[view.id], tests=results[view.id]) for view in views}

    def _rows(self, statement: str, ids: Collection[str], **parameters: Any) -> dict[str, Row]:
        rows = self._clickhouse.rows(statement, {"ids": list(ids), **parameters})
        return {row["trace_id"]: row for row in rows}


def _row(line: bytes) -> Any:
    """What goes wrong while an answer is under way is written at its end, instead of a row."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        raise QueryFailed(line.decode(errors="replace")[:1000]) from None


def _event(line: bytes) -> tuple[str, int, dict[str, Any]]:
    """A row of an event: canonical JSON has neither tabs nor newlines."""
    try:
        name, revision, event = line.split(b"\t", 2)
        return name.decode(), int(revision), orjson.loads(event)
    except ValueError:
        raise QueryFailed(line.decode(errors="replace")[:1000]) from None


def single(good: Sequence[str], _: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Each by itself."""
    return ((name,) for name in good)


def referred(good: Sequence[str], every: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The first fixed one by itself, then each other one of its task beside it."""
    first = good[0]
    yield (first,)
    yield from ((first, name) for name in every if name != first)


def paired(good: Sequence[str], bad: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every trace in at least one pair and no more pairs than that takes: the shorter side goes round."""
    for number in range(max(len(good), len(bad)) if good and bad else 0):
        yield good[number % len(good)], bad[number % len(bad)]


def units_of(units: Units, repo: str, good: Sequence[str], others: Sequence[str]) -> Iterator[Unit]:
    """The units of one trace or task, from the ids that its row of the plan has."""
    for number, traces in enumerate(_PLANS[units][1](good, others)):
        yield Unit(traces, repo, number if units == "tasks" else 0)


_PLANS: dict[Units, tuple[str, Callable[[Sequence[str], Sequence[str]], Iterator[tuple[str, ...]]]]] = {
    "traces": (_SINGLE, single),
    "pairs": (_TASKS.replace("trace_id, @", f"trace_id, {_VERDICT.format('not_fixed')}"), paired),
    "tasks": (_TASKS.replace("trace_id, @", "trace_id, true"), referred),
}
