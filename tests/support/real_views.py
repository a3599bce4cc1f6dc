"""All shared sessions as exporters see them, without servers: read by the importers, with SWE-bench's own verdicts.

Where a session has no report its verdict is made up, so that pairs of one task are there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from clients.importers.formats import Imported
from pipeline.exports.formats import FORMATS, Format
from pipeline.exports.reading import Unit, units_of
from pipeline.exports.running import Asked, Export
from pipeline.exports.splits import Splits, shares_of
from pipeline.exports.view import Row, View
from schemas.events import EVENT_ADAPTER, stored_form
from tests.support.exports import Stored, view
from tests.support.trajectories import FILES, read

SPLITS = "60/20/20"
START = "bfd2593d4b416122e30cdefe0c72d322ef471611"
LISTS = {"FAIL_TO_PASS": ("failed", "fail_to_pass"), "PASS_TO_PASS": ("passed", "pass_to_pass")}


@cache
def real_views() -> tuple[View, ...]:
    """One view a session, in the order of the files."""
    sessions = [(file, one) for file in FILES for one in read(file)]
    return tuple(_view(number, file, one) for number, (file, one) in enumerate(sessions, 1))


def units(form: Format) -> Iterator[Unit]:
    """What the reader of stored traces would plan over them."""
    views = real_views()
    if form.units == "traces":
        for one in views:
            yield from units_of("traces", one.trace["repo_origin"], [one.id], [])
        return
    for repo, task in dict.fromkeys((one.trace["repo_origin"], one.trace["task_id"]) for one in views):
        of_task = [one for one in views if (one.trace["repo_origin"], one.trace["task_id"]) == (repo, task)]
        good = [one.id for one in of_task if one.verdict == "fixed"]
        bad = [one.id for one in of_task if one.verdict == "not_fixed"]
        others = bad if form.units == "pairs" else [*good, *bad]
        yield from units_of(form.units, repo, good, others) if good else ()


def export_real(folder: Path, name: str, parquet: bool = False) -> Export:
    """All of them in one format, with a card."""
    form = FORMATS[name]
    asked = Asked(format=name, selection={}, purpose="research", splits=SPLITS, seed=5, keep_participants=False)
    stored = Stored(real_views())
    with closing(Export(folder, asked, form, Splits(shares_of(SPLITS), 5))) as work:
        work.begin(lambda: units(form))
        while work.advance(stored):
            pass
        work.sweep(stored)
        work.finish("cc-by-4.0", parquet and bool(form.columns))
    return work


def _view(number: int, file: Path, one: Imported) -> View:
    trace = one.session.trace.model_dump()
    events = [
        stored_form(EVENT_ADAPTER.validate_python(event).model_dump(exclude_none=True)) for event in one.session.events
    ]
    report = file.with_name(f"{file.name.partition('.traj')[0]}.report.json")
    verdict, tests = _reported(report) if report.exists() else (("fixed" if number % 3 else "not_fixed"), _TESTS)
    given: dict[str, Any] = {
        name: value if value is not None else "" for name, value in trace.items() if name != "environment"
    }
    given |= {"start_commit": trace["start_commit"] or START, "environment": trace["environment"]}
    given |= {"created_at": datetime(2026, 1, 2, tzinfo=UTC), "project": trace["project"] or "default"}
    made = view(number, events=events, verdict=verdict, **given)
    return replace(made, tests=tests)


_TESTS: tuple[Row, ...] = (
    {
        "test_id": "tests/t.py::t",
        "category": "fail_to_pass",
        "suite": "original",
        "before": "failed",
        "after": "passed",
    },
)


def _reported(report: Path) -> tuple[str, tuple[Row, ...]]:
    [found] = json.loads(report.read_text()).values()
    tests = tuple(
        {
            "test_id": test,
            "suite": "original",
            "before": before,
            "after": after,
            "category": category if ok else "other",
        }
        for name, (before, category) in LISTS.items()
        for after, ok in (("passed", True), ("failed", False))
        for test in found["tests_status"][name]["success" if ok else "failure"]
    )
    return ("fixed" if found["resolved"] else "not_fixed"), tests
