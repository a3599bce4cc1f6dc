"""Millions of events for `benchmarks.queries`, made inside the engine out of some real sessions.

The sessions at hand (imported ones in parts of at most PART events, and the told stories) go through the assembler and
the sink's own mapping into a database of templates; each trace is one of them with an id, a time, a project and people
of its own. Results are made up in benchmarks/queries_fill.sql. A number decides all about a trace, so that the same
rows come out again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clients.recorded import ClientEvent, Session
from pipeline.clickhouse import ClickHouse
from pipeline.settings import ClickHouseSettings
from schemas.records import TraceAssembled
from sinks.blocks import Entry, block_of, columns
from sinks.migrate import migrate
from sinks.rows import Position, rows_of
from sinks.statements import split
from tests.support.cookbook_telling import MONDAY_US, Assembled, Told, assembled, story
from tests.support.trajectories import FILES, read

PART, CHUNK, LONGEST = 100, 50, 400
"""Events of a template and of its chunks, at most; characters of one text in an event: real output is longer."""
STORIES = 6
"""How often each told story is a template: these have the edits and test runs that imported sessions seldom have."""
TEXTS = ("output", "text", "observation", "command")
TEMPLATES = "templates"
FILL = Path(__file__).with_suffix(".sql")
FIRST_MS, FOREVER_DAYS = 1_768_435_200_000, 20_000
"""90 days from 2026-01-15 on, whenever it is filled: the dates that the recipes ask for are among them."""
AT_ONCE = 20_000


def fill(settings: ClickHouseSettings, events: int) -> tuple[int, int]:
    """Tables with so many events, or a few more; how many traces that are, and how many templates they are made of."""
    made = templates()
    into = settings.model_copy(update={"clickhouse_database": TEMPLATES, "retention_days": FOREVER_DAYS})
    for each in (into, settings):
        migrate(each)
    clickhouse = ClickHouse(into)
    store(clickhouse, made)
    clickhouse.close()
    mean = sum(one.latest.event_count for one in made) / len(made)
    clickhouse = ClickHouse(settings)
    traces = round(events / mean / 0.99)  # 2 % are open and have no events yet, 1 % have two revisions
    given = {
        "traces": traces,
        "templates": len(made),
        "source": TEMPLATES,
        "began_us": MONDAY_US,
        "first_ms": FIRST_MS,
    }
    for first in range(0, traces, AT_ONCE):
        _run(clickhouse, given | {"first": first, "count": min(AT_ONCE, traces - first)})
    clickhouse.close()
    return traces, len(made)


def _run(clickhouse: ClickHouse, given: Mapping[str, object]) -> None:
    for statement in split(FILL.read_text()):
        clickhouse.command(re.sub(r"@(\w+)", lambda name: str(given[name[1]]), statement))


def templates() -> list[Assembled]:
    """Sessions as the assembler leaves them."""
    told = [part for file in FILES for one in read(file) for part in _parts(one.session)]
    told += [story(name, 0, "templates") for name in ("simple", "complex", "failed") for _ in range(STORIES)]
    return [assembled(replace(one, name=str(number), task=one.name)) for number, one in enumerate(told)]


def _parts(session: Session) -> Iterator[Told]:
    for first in range(0, len(session.events), PART):
        events = session.events[first : first + PART]
        began_us = events[0]["ts_client_us"]
        steps = [((event["ts_client_us"] - began_us) / 1e6, _step(event)) for event in events]
        yield Told(
            name=session.trace.task_id,
            hour=0,
            project="templates",
            participant=session.trace.participant_id,
            title=session.trace.task_title[:200],
            repo=session.trace.repo_origin,
            chunks=tuple(tuple(steps[chunk : chunk + CHUNK]) for chunk in range(0, len(steps), CHUNK)),
        )


def _step(event: ClientEvent) -> dict[str, Any]:
    kept = {name: value for name, value in event.items() if name not in ("seq", "ts_client_us", "ts_client_s")}
    return kept | {name: kept[name][:LONGEST] for name in TEXTS if isinstance(kept.get(name), str)}


def store(clickhouse: ClickHouse, made: Sequence[Assembled]) -> None:
    """The rows of the templates; the number of a template is its offset."""
    entries = []
    for number, one in enumerate(made):
        revision: TraceAssembled
        revision, document = one.revisions[-1]
        entries.append(Entry(number, rows_of(revision, Position("template", 0, number), document)))
    block = block_of("template", 0, entries)
    for table, rows in block.rows.items():
        clickhouse.insert(table, *columns(rows), block.token(table))
