"""`replay --run`: the tables of the sinks rebuilt beside the live ones, held against them, exchanged, dropped.

The work is that of `sinks.shadow`, a process of its own; here it is asked for, audited, and told.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import typer
from rich.table import Table
from rich.text import Text

from pipeline.audit import audit_entry
from pipeline.cli.changes import actor_of, answer_of, audited
from pipeline.cli.terminal import WRONG_USAGE, fail, note, out
from pipeline.clock import now_us
from schemas.records import AuditEntry

MODULE = "sinks.shadow"
SHOWN = 16
"""Characters of a digest in the table: all columns fit 80."""
DIFFERENT, FAILED = 1, 3
BUILD, CHECK, SWAP, DROP = "build", "check", "swap", "drop"
WOULD = {
    SWAP: "would exchange the rebuilt tables with the live ones, or exchange them back",
    DROP: "would drop the database of the rebuild",
}


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What is asked of a rebuild. Times are milliseconds."""

    run: str
    action: str
    topics: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def arguments(self) -> list[str]:
        """For the module."""
        times = {"--since-ms": self.since_ms, "--until-ms": self.until_ms}
        named = [word for topic in self.topics for word in ("--topic", topic)]
        timed = [word for name, ms in times.items() if ms is not None for word in (name, str(ms))]
        return [self.action, "--run", self.run, *named, *timed]


def action_of(run: str, actions: Sequence[str], into: str, bounded: bool, narrowed: bool) -> str:
    """What is to be done with a rebuild. `bounded`: topics or times are given; `narrowed`: traces or a partition.

    Raises typer.Exit where options do not go together.
    """
    if not run:
        raise fail(f"--{actions[0]} needs --run NAME", WRONG_USAGE)
    if len(actions) > 1:
        raise fail(f"one at a time: --{', --'.join(actions)}", WRONG_USAGE)
    if narrowed:
        raise fail("a rebuild is made of whole topics: neither --trace nor --partition goes with --run", WRONG_USAGE)
    if actions and bounded:
        raise fail("--topic, --from and --to belong to the beginning of a rebuild", WRONG_USAGE)
    if not actions and into != "sinks":
        raise fail("--run rebuilds tables with --into sinks; or it is to --check, --swap or --drop", WRONG_USAGE)
    return actions[0] if actions else BUILD


def rebuild(asked: Rebuild, yes: bool, by: str, as_json: bool) -> None:
    """Do it and say what came of it. Raises typer.Exit: 1 for differences, 3 where it could not be done."""
    if asked.action in WOULD and not yes:
        raise fail(f"nothing was done: --{asked.action} {WOULD[asked.action]}; --yes does it", WRONG_USAGE)
    if asked.action != CHECK:
        answer_of(lambda: audited(_entry(asked, by)))
    command = [sys.executable, "-m", MODULE, *asked.arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if not done.stdout:
        raise fail(f"{asked.action} of {asked.run} was cut short: the same command goes on", FAILED)
    document = orjson.loads(done.stdout)
    if as_json:
        sys.stdout.buffer.write(done.stdout)
    else:
        _print(document)
    raise typer.Exit(done.returncode)


def _entry(asked: Rebuild, by: str) -> AuditEntry:
    given = {"topics": ", ".join(asked.topics), "from_ms": asked.since_ms, "until_ms": asked.until_ms}
    detail = {name: str(value) for name, value in given.items() if value not in (None, "")}
    return audit_entry(actor_of(by), f"replay {asked.action}", f"rebuild/{asked.run}", now_us(), detail=detail)


def _print(document: dict[str, Any]) -> None:
    database, action = document["database"], document["action"]
    if action == BUILD:
        numbers = f"{document['rows']} rows of {document['records']} records, {document['rows_per_s']} rows a second"
        out.print(f"{database} is up to date: {numbers}", highlight=False, soft_wrap=True)
        if document["refused"]:
            note(f"{document['refused']} records cannot become rows; they are dead letters of the live sink, too")
    elif action == CHECK:
        _print_comparison(document)
    elif action == SWAP:
        held = "the former live tables" if document["swapped"] else "the rebuilt tables"
        out.print(f"exchanged: {database} now holds {held}", highlight=False, soft_wrap=True)
    else:
        out.print(f"{database} {'is dropped' if document['dropped'] else 'was not there'}", highlight=False)


def _print_comparison(document: dict[str, Any]) -> None:
    digests = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("table", "rows live", "rows rebuilt", "digest live", "digest rebuilt"):
        digests.add_column(name, justify="right" if name.startswith("rows") else "left", no_wrap=True)
    for name, live in document["live"].items():
        made = document["shadow"][name]
        style = "" if live == made else "bold red"
        rows, shown = (live["rows"], made["rows"]), (live["digest"][:SHOWN], made["digest"][:SHOWN])
        digests.add_row(name, *map(str, rows), *shown, style=style)
    out.print(digests)
    for found in document["differences"]:
        where = f"{found['table']} {found['place']}: {found['count']} {_MEANING[found['kind']]}"
        out.print(Text(f"{where}, first {'; '.join(found['keys'])}"), soft_wrap=True)
    if document["swapped"]:
        note("the tables were swapped: `rebuilt` are the former live ones")
    out.print("equal" if document["equal"] else "different", style="bold green" if document["equal"] else "bold red")


_MEANING = {
    "missing": "missing in the live table",
    "extra": "in the live table that the log does not have",
    "different": "different",
}
