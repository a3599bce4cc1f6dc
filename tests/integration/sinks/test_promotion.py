"""Current scores follow the promoted run, whole and at once; labels and archived runs are never followed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from schemas.records import (
    Grade,
    Record,
    RunManifest,
    RunPromoted,
    RunStateChanged,
    TraceAssembled,
    TraceJudged,
    TraceValidated,
)
from sinks.blocks import columns
from sinks.rows import Position, rows_of
from tests.support.finished import document_of, example, example_of, finished, fresh_id

pytestmark = pytest.mark.integration
PROJECT = example(TraceJudged, fresh_id()).project
Kind = TypeVar("Kind", bound=Record)
_offsets = itertools.count(1)


def _insert(clickhouse: ClickHouse, *records: Record) -> None:
    for record in records:
        document = None
        if isinstance(record, TraceAssembled):
            document = document_of(record.trace_id, record.event_count, record.revision)
        offset = next(_offsets)
        for table, rows in rows_of(record, Position("topic", 0, offset), document).items():
            clickhouse.insert(table, *columns(rows), f"{table}-{offset}")


def _about_run(kind: type[Kind], run_id: str, **changes: Any) -> Kind:
    base: Any = example_of(kind)
    record = replace(base, run_id=run_id, **changes)
    assert isinstance(record, kind)
    return record


def _promote(clickhouse: ClickHouse, run_id: str, project: str = PROJECT) -> None:
    _insert(clickhouse, _about_run(RunPromoted, run_id, project=project))


def _current(clickhouse: ClickHouse, trace_id: str) -> list[str]:
    """The runs that three views take for the current one of a trace."""
    found = []
    for view in ("v1_judgements WHERE current AND", "v1_current_scores WHERE", "v1_process_outcome WHERE"):
        rows = clickhouse.rows(f"SELECT DISTINCT run_id FROM {view} trace_id = {{id:String}}", {"id": trace_id})
        found += [",".join(row["run_id"] for row in rows)]
    return found


def test_the_promoted_run_counts_where_it_has_a_judgement_and_the_live_one_elsewhere(clickhouse: ClickHouse) -> None:
    both, only_live, foreign = fresh_id(), fresh_id(), fresh_id()
    for one in (both, only_live):
        _insert(clickhouse, finished(one), example(TraceJudged, one))
    _insert(clickhouse, finished(foreign, project="other"), example(TraceJudged, foreign, project="other"))
    _insert(clickhouse, example(TraceJudged, both, run_id="run-1"))
    _insert(clickhouse, example(TraceJudged, foreign, run_id="run-1", project="other"))
    assert _current(clickhouse, both) == ["live"] * 3
    _promote(clickhouse, "run-1")
    assert _current(clickhouse, both) == ["run-1"] * 3
    assert _current(clickhouse, only_live) == ["live"] * 3
    assert _current(clickhouse, foreign) == ["live"] * 3
    _promote(clickhouse, "live")
    assert _current(clickhouse, both) == ["live"] * 3
    history = clickhouse.rows("SELECT run_id, current, followed FROM v1_promotions ORDER BY current")
    assert [tuple(row.values()) for row in history] == [("run-1", False, False), ("live", True, True)]


def test_of_a_new_revision_the_live_judgement_counts_until_the_run_has_one(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    _insert(clickhouse, finished(one), example(TraceJudged, one), example(TraceJudged, one, run_id="run-1"))
    _promote(clickhouse, "run-1")
    _insert(clickhouse, finished(one, revision=2))
    assert _current(clickhouse, one) == ["", "", ""]
    _insert(clickhouse, example(TraceJudged, one, revision=2))
    assert _current(clickhouse, one) == ["live"] * 3
    _insert(clickhouse, example(TraceJudged, one, revision=2, run_id="run-1"))
    assert _current(clickhouse, one) == ["run-1"] * 3


def test_neither_labels_nor_an_archived_run_are_followed_whoever_promotes_them(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    _insert(clickhouse, finished(one))
    _insert(clickhouse, *(example(TraceJudged, one, run_id=run) for run in ("live", "run-1", "human-ann")))
    _promote(clickhouse, "human-ann")
    assert _current(clickhouse, one) == ["live"] * 3
    _promote(clickhouse, "run-1")
    assert _current(clickhouse, one) == ["run-1"] * 3
    _insert(clickhouse, _about_run(RunStateChanged, "run-1", state="archived"))
    assert _current(clickhouse, one) == ["live"] * 3
    archived = "SELECT DISTINCT run_id FROM v1_judgements WHERE archived"
    assert clickhouse.rows(archived) == [{"run_id": "run-1"}]
    (run,) = clickhouse.rows("SELECT state, archived, promoted_in FROM v1_runs WHERE run_id = 'run-1'")
    assert tuple(run.values()) == ("archived", True, [])
    assert clickhouse.rows("SELECT count() AS n FROM v1_promotions WHERE followed") == [{"n": 0}]


def test_no_view_shows_a_part_of_two_runs(settings: ClickHouseSettings, clickhouse: ClickHouse) -> None:
    """Somebody promotes one run and the other, again and again, while others look."""
    ids = [fresh_id() for _ in range(40)]
    for one in ids:
        _insert(clickhouse, finished(one, events=1))
    _insert(clickhouse, *(example(TraceJudged, one, run_id=run) for one in ids for run in ("run-a", "run-b")))
    _promote(clickhouse, "run-a")
    queries = (
        "SELECT groupUniqArray(run_id) AS runs, uniqExact(trace_id) AS n FROM v1_current_scores",
        "SELECT groupUniqArray(run_id) AS runs, count() AS n FROM v1_process_outcome",
        "SELECT groupUniqArray(run_id) AS runs, uniqExact(trace_id) AS n FROM v1_judgements WHERE current",
    )
    seen: set[str] = set()
    with _promoting(settings, "run-b", "run-a"):
        for number in range(90):
            (row,) = clickhouse.rows(queries[number % len(queries)])
            assert len(row["runs"]) == 1, row
            assert row["n"] == len(ids)
            seen.update(row["runs"])
    assert seen == {"run-a", "run-b"}


@contextmanager
def _promoting(settings: ClickHouseSettings, *runs: str) -> Iterator[None]:
    stop = threading.Event()

    def promote() -> None:
        mine = ClickHouse(settings)
        turns = itertools.cycle(runs)
        while not stop.is_set():
            _promote(mine, next(turns))
        mine.close()

    working = threading.Thread(target=promote)
    working.start()
    try:
        yield
    finally:
        stop.set()
        working.join()


def test_a_run_tells_its_plan_its_state_and_what_it_came_to(clickhouse: ClickHouse) -> None:
    ids = [fresh_id() for _ in range(3)]
    manifest = _about_run(RunManifest, "run-1", traces=3)
    _insert(clickhouse, manifest)
    runs = "SELECT * FROM v1_runs WHERE run_id = {id:String}"
    (planned,) = clickhouse.rows(runs, {"id": "run-1"})
    assert (planned["kind"], planned["state"], planned["judgements"], planned["traces"]) == ("rescore", "planned", 0, 3)
    assert planned["cost_usd"] is planned["mean_overall"] is planned["first_started_at"] is planned["state_at"] is None
    _insert(clickhouse, *(_about_run(RunStateChanged, "run-1", state=state) for state in ("running", "done")))
    prices: tuple[int | None, ...] = (1_500_000_000, 500_000_000, None)
    for one, price in zip(ids, prices, strict=True):
        numbers = {"prompt_tokens": 10, "completion_tokens": 2, "calls": 1, "cost_nano_usd": price}
        _insert(clickhouse, example(TraceJudged, one, run_id="run-1", overall_milli=3000, **numbers))
    unscored = {"outcome": "unscored", "overall_milli": None, "grades": (), "cost_nano_usd": None}
    _insert(clickhouse, example(TraceJudged, ids[0], run_id="run-1", judge_digest="sha256:other", **unscored))
    _promote(clickhouse, "run-1")
    (run,) = clickhouse.rows(runs, {"id": "run-1"})
    assert (run["state"], run["archived"], run["promoted_in"]) == ("done", False, [PROJECT])
    assert (run["judgements"], run["judged_traces"], run["scored"], run["unscored"]) == (4, 3, 3, 1)
    assert (run["mean_overall"], run["cost_usd"], run["unpriced"]) == (3.0, 2.0, 2)
    assert run["rubric"] == manifest.rubric.decode()
    assert run["first_started_at"] <= run["last_ended_at"]
    _insert(clickhouse, example(TraceJudged, ids[0], run_id="human-ann"), example(TraceJudged, ids[0]))
    kinds = clickhouse.rows("SELECT run_id, kind, state FROM v1_runs ORDER BY run_id")
    assert [tuple(row.values()) for row in kinds] == [
        ("human-ann", "human", ""),
        ("live", "live", ""),
        ("run-1", "rescore", "done"),
    ]


def test_labels_stand_beside_the_grades_of_every_run(clickhouse: ClickHouse) -> None:
    one = fresh_id()

    def graded(run_id: str, grade: int | None) -> TraceJudged:
        grades = (Grade(criterion="efficiency", grade=grade, weight=1000, rationale="", cited_seqs=()),)
        return example(TraceJudged, one, run_id=run_id, grades=grades)

    _insert(clickhouse, finished(one), graded("live", 2), graded("run-1", 4), graded("run-2", None))
    _insert(clickhouse, graded("human-ann", 3))
    (label,) = clickhouse.rows("SELECT labeller, criterion, grade, latest FROM v1_labels")
    assert tuple(label.values()) == ("ann", "efficiency", 3, True)
    beside = clickhouse.rows("SELECT run_id, label, grade, difference, current FROM v1_calibration ORDER BY run_id")
    assert [tuple(row.values()) for row in beside] == [("live", 3, 2, -1, True), ("run-1", 3, 4, 1, False)]


@pytest.mark.parametrize(
    ("milli", "band"), [(0, "0-1"), (999, "0-1"), (1000, "1-2"), (4000, "4-5"), (5000, "4-5"), (None, "unscored")]
)
def test_process_stands_beside_outcome(clickhouse: ClickHouse, milli: int | None, band: str) -> None:
    judged, bare = fresh_id(), fresh_id()
    outcome = "unscored" if milli is None else "scored"
    _insert(clickhouse, finished(judged), finished(bare))
    _insert(clickhouse, example(TraceJudged, judged, overall_milli=milli, outcome=outcome))
    _insert(
        clickhouse, example(TraceValidated, judged), example(TraceValidated, judged, run_id="again", verdict="flaky")
    )
    rows = clickhouse.rows("SELECT trace_id, overall, band, verdict, level FROM v1_process_outcome ORDER BY band DESC")
    level = example(TraceValidated, judged).level
    overall = None if milli is None else milli / 1000
    assert [tuple(row.values()) for row in rows] == [
        (judged, overall, band, "fixed", level),
        (bare, None, "", "", ""),
    ]
    cells = clickhouse.rows("SELECT * FROM v1_process_outcome_matrix ORDER BY band DESC")
    assert [(row["band"], row["verdict"], row["traces"], row["mean_overall"]) for row in cells] == [
        (band, "fixed", 1, overall),
        ("", "", 1, None),
    ]


def test_what_a_judgement_cost_and_rests_on_has_columns(clickhouse: ClickHouse) -> None:
    one = fresh_id()
    record = example(TraceJudged, one)
    _insert(clickhouse, finished(one), record)
    (judgement,) = clickhouse.rows("SELECT * FROM v1_judgements")
    first = record.grades[0]
    assert judgement["cost_usd"] == (None if record.cost_nano_usd is None else record.cost_nano_usd / 1e9)
    assert (judgement["calls"], judgement["jurors"]) == (record.calls, list(record.jurors))
    assert (judgement["cached_from"], judgement["left_out_events"]) == (
        record.cached_from or "",
        record.left_out_events,
    )
    assert judgement["votes"][first.criterion] == list(first.votes)
    assert judgement["spread"][first.criterion] == first.spread
    (score,) = clickhouse.rows(f"SELECT * FROM v1_scores WHERE criterion = '{first.criterion}'")
    assert (score["votes"], score["spread"]) == (list(first.votes), first.spread)
    assert [quote["text"] for quote in score["quotes"]] == [quote.text for quote in first.quotes]
    assert [found["rule"] for found in score["suspicions"]] == [found.rule for found in record.suspicions]
