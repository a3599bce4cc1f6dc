"""One export from its plan to its card. Killed at any moment, the same call goes on from the last checkpoint.

What is to be exported is decided once, and kept in the folder: the ids in order. They are gone through in batches; a
batch is on the disk before its checkpoint is, and what is there without a checkpoint is taken away at the next start.
Just before its checkpoint every trace of a batch is asked for again: where one was erased meanwhile, or has another
revision, the batch is written again without what was. Memory is READ_BYTES of documents, or one unit that is larger.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import orjson

from pipeline.exports.card import card
from pipeline.exports.formats import Format
from pipeline.exports.parquet import write_beside
from pipeline.exports.parts import Parts, Positions, write_durably
from pipeline.exports.pii import Remains
from pipeline.exports.reading import Unit
from pipeline.exports.splits import Splits
from pipeline.exports.tally import Counts, Tally
from pipeline.exports.view import Line, NotExportable, View

BATCH, SWEEP = 200, 1000
READ_BYTES = 4 * 1024 * 1024
"""Of documents whose events are read with one query: a query costs as much for one trace as for fifty."""
_NO_MORE = "erased, or its consent or revision changed since"


class OtherExport(Exception):
    """The folder holds something else; the text says what to do."""


class Source(Protocol):
    """Where views come from, see pipeline/exports/reading.py."""

    def views(self, ids: Collection[str], /) -> dict[str, View]:
        """These traces without their events; those that may not be exported are left out."""

    def standing(self, ids: Collection[str], /) -> Mapping[str, tuple[int, str]]:
        """Revision and verdict of these traces now; those that may not be exported are left out."""

    def whole(self, views: Collection[View], tests: bool, /) -> Mapping[str, View]:
        """The same with their events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What decides the content of an export; a folder is of one."""

    format: str
    selection: dict[str, Any]
    purpose: str
    splits: str
    seed: int
    keep_participants: bool

    def content(self) -> dict[str, Any]:
        """As a JSON value."""
        return {name: getattr(self, name) for name in self.__slots__}


class Export:
    """An export in its folder. `advance` does one batch."""

    def __init__(self, folder: Path, asked: Asked, form: Format, splits: Splits, part_bytes: int | None = None) -> None:
        self.folder, self.asked, self.form, self._splits = folder, asked, form, splits
        self._own = folder / ".export"
        self._parts = Parts(folder) if part_bytes is None else Parts(folder, part_bytes)
        self._next, self._at, self._positions, self.counts = 0, 0, Positions(), Counts()
        self._key = b""

    def begin(self, plan: Callable[[], Iterator[Unit]]) -> int:
        """Decide what to export, or take up what was begun; how many units there are. Raises OtherExport."""
        self._own.mkdir(parents=True, exist_ok=True)
        begun, planned = self._own / "asked.json", self._own / "plan.jsonl"
        if not begun.exists():
            self._decide(plan(), planned)
            own = {"asked": self.asked.content(), "key": secrets.token_hex(16)}
            write_durably(begun, orjson.dumps(own))
        own = orjson.loads(begun.read_bytes())
        if own["asked"] != self.asked.content():
            raise OtherExport(f"{self.folder} holds an export with other options: repeat those, or take another folder")
        self._key = bytes.fromhex(own["key"])
        self._take_up()
        with planned.open("rb") as lines:
            return sum(1 for _ in lines)

    @property
    def done(self) -> int:
        """Units that are written, or left out for good."""
        return self._next

    def advance(self, source: Source) -> bool:
        """Write the next batch; False where there is none. Raises what the source raises: the same call goes on."""
        batch, at = self._batch()
        if not batch:
            return False
        gone: set[str] = set()
        while True:
            tally = Tally(self.counts)
            views = self._write(source, batch, gone, tally)
            # Whoever was erased while this batch was written is not found any more, and is not in the next try.
            now = source.standing(views) if views else {}
            late = {name for name, view in views.items() if now.get(name) != (view.trace["revision"], view.verdict)}
            if not late:
                break
            gone |= late
            self._parts.restore(self._positions, _traces(batch))
        self._checkpoint(self._next + len(batch), at, tally.counts)
        return True

    def sweep(self, source: Source) -> int:
        """Take out what was written and erased since; how many lines and documents that were. For the end."""
        tally = Tally(self.counts)
        with (self._own / "plan.jsonl").open("rb") as lines:
            units = map(_planned, lines)
            while ids := set(_traces(islice(units, SWEEP))):
                if gone := ids - source.standing(ids).keys():
                    tally.add("taken out", _NO_MORE, self._parts.without(gone))
        taken = sum(tally.counts.get("taken out", {}).values()) - sum(self.counts.get("taken out", {}).values())
        if taken:
            self._checkpoint(self._next, self._at, tally.counts)
        return taken

    def finish(self, licence: str, parquet: bool = False) -> None:
        """Write the card, and Parquet beside the lines where asked for; nobody can tell any more who is behind a
        pseudonym. Raises NoParquet."""
        if parquet:
            for part, columns in self.form.columns.items():
                for lines in sorted((self.folder / part).glob("*.jsonl")):
                    write_beside(lines, columns)
        own = {"asked": self.asked.content(), "key": secrets.token_hex(16)}
        write_durably(self._own / "asked.json", orjson.dumps(own))
        text = card(self.asked.content(), self.form, licence, self.counts, parquet)
        write_durably(self.folder / "README.md", text.encode())

    def close(self) -> None:
        """Let go of the files; what has no checkpoint is taken away when the export goes on."""
        self._parts.close()

    def _write(self, source: Source, batch: list[Unit], gone: set[str], tally: Tally) -> dict[str, View]:
        found = source.views(set(_traces(batch)) - gone)
        remains = Remains()
        used: dict[str, View] = {}
        whole = [unit for unit in batch if all(name in found for name in unit.traces)]
        if missing := len(batch) - len(whole):
            tally.add("left out", _NO_MORE, missing)
        for units in _together(whole, found):
            read = source.whole([found[name] for name in dict.fromkeys(_traces(units))], self.form.tests)
            for unit in units:
                try:
                    self._unit(unit, [read[name] for name in unit.traces], tally, remains)
                except NotExportable as reason:
                    tally.add("left out", str(reason))
                else:
                    used |= {name: found[name] for name in unit.traces}
        for rule, count in remains.counts.items():
            tally.add("remains", rule, count)
        return used

    def _unit(self, unit: Unit, views: list[View], tally: Tally, remains: Remains) -> None:
        split = self._splits.of(unit.repo)
        series = f"{split}-attempt-{unit.attempt + 1:03}" if unit.attempt else split
        whole = [self._presentable(view) for view in views]
        for view in whole:
            if len(view.events) != view.trace["event_count"]:
                raise NotExportable(_NO_MORE if not view.events else "events are missing or could not be read")
        records = list(self.form.export(*whole))
        if not records:
            raise NotExportable("the format has nothing to say of it")
        for record in records:
            if isinstance(record, Line):
                content = orjson.dumps(record.value, option=orjson.OPT_APPEND_NEWLINE)
                self._parts.append(record.part, series, content)
            else:
                content = record.content
                self._parts.put(record.part, split, record.name, content)
            remains.look(content)
            tally.add("records", f"{record.part}/{split}")
        # Beside another trace of its task, the one that gives the instance was counted with it.
        tally.written(split, views[-1:] if self.form.units == "tasks" else views)

    def _presentable(self, view: View) -> View:
        """With a pseudonym for who worked, which is the same within one export only."""
        if self.asked.keep_participants:
            return view
        name = blake2b(str(view.trace["participant_id"]).encode(), key=self._key, digest_size=6).hexdigest()
        return replace(view, trace={**view.trace, "participant_id": f"participant-{name}"})

    def _decide(self, units: Iterator[Unit], planned: Path) -> None:
        fresh = planned.with_suffix(".new")
        with fresh.open("wb") as file:
            for unit in units:
                line = [unit.traces, unit.repo, unit.attempt]
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(planned)

    def _take_up(self) -> None:
        with suppress(FileNotFoundError):
            state = orjson.loads((self._own / "state.json").read_bytes())
            self._next, self._at, self.counts = state["next"], state["at"], state["counts"]
            self._positions = {series: (number, size) for series, (number, size) in state["positions"].items()}
        self._parts.restore(self._positions, _traces(self._batch()[0]))

    def _batch(self) -> tuple[list[Unit], int]:
        """The next units, and where in the plan those after them begin."""
        with (self._own / "plan.jsonl").open("rb") as plan:
            plan.seek(self._at)
            lines = list(islice(iter(plan.readline, b""), BATCH))
        return [_planned(line) for line in lines], self._at + sum(map(len, lines))

    def _checkpoint(self, following: int, at: int, counts: Counts) -> None:
        positions = self._parts.checkpoint()
        state = {"next": following, "at": at, "positions": positions, "counts": counts}
        write_durably(self._own / "state.json", orjson.dumps(state))
        self._next, self._at, self._positions, self.counts = following, at, positions, counts


def _planned(line: bytes) -> Unit:
    traces, repo, attempt = orjson.loads(line)
    return Unit(tuple(traces), repo, attempt)


def _together(units: Iterable[Unit], found: Mapping[str, View]) -> Iterator[list[Unit]]:
    """The units in groups that are read at once."""
    group: list[Unit] = []
    sizes: dict[str, int] = {}
    for unit in units:
        own = {name: int(found[name].trace["document_size"]) for name in unit.traces}
        if group and sum((sizes | own).values()) > READ_BYTES:
            yield group
            group, sizes = [], {}
        group.append(unit)
        sizes |= own
    if group:
        yield group


def _traces(units: Iterable[Unit]) -> list[str]:
    return [name for unit in units for name in unit.traces]
