"""`label session`: a person reads sessions step by step in the terminal and grades them, without seeing any grade."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.text import Text

from clients.timeline import printable, rendered
from pipeline.audit import audit_entry
from pipeline.cli.changes import By, actor_of, answer_of
from pipeline.cli.label_writing import Labeller, cleaner, labeller_of, write
from pipeline.cli.rubric_files import DEFAULT, RubricName, read_rubric
from pipeline.cli.selecting import Projects, Sample, Seed, Since, Traces, Until, Verdicts, Where, chosen_by, selected
from pipeline.cli.tables import reading
from pipeline.cli.terminal import fail, note, out
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.label_drafts import Draft, from_json, to_json
from pipeline.label_rows import Labels, Sessions, subjects_of
from pipeline.label_sheets import Session
from pipeline.labels import (
    LONGEST_NOTE,
    Answer,
    BadValue,
    Criterion,
    Label,
    Rubric,
    Subject,
    grade_in,
    record_of,
    seqs_in,
)
from pipeline.settings import StackSettings, load

STEPS = "Enter: next event, a: all that are left, g: grade now, u: undo, q: leave"
GRADE = "grade 0 to 5, s: skip, u: undo, e SEQ: look at an event, q: leave"
Ask = Callable[[str], str]
Event = dict[str, Any]


class Leave(Exception):
    """The person wants to go; everything answered is kept."""


class Undo(Exception):
    """The person takes the last answer back."""


def session(
    labeller: Labeller,
    since: Since = None,
    until: Until = None,
    project: Projects = None,
    verdict: Verdicts = None,
    trace: Traces = None,
    where: Where = "",
    sample: Sample = None,
    seed: Seed = 0,
    rubric_name: RubricName = DEFAULT,
    by: By = "",
) -> None:
    """Grade the selected sessions one after another: what happened, then each criterion with its anchors.

    No judge's grade and no verdict is shown. What was labelled by this person and rubric is not shown again; leave at
    any time, the same command goes on. Needs accounts of CLICKHOUSE_USER and of the broker.
    """
    chosen = chosen_by(since, until, project, verdict, trace, where, sample, seed)
    name, rubric = labeller_of(labeller), read_rubric(rubric_name)
    ids = selected(chosen)
    drafts = Drafts(load(StackSettings).pr_telemetry_home / "labels" / f"{name}-{rubric.digest[-12:]}.json")
    with reading(analyst=False) as clickhouse:
        sitting = Sitting(Desk(clickhouse, name, rubric, by), drafts, _ask)
        sitting.work_through(ids)
    done = len(sitting.draft.done)
    note(f"{done} labelled so far in this sitting and earlier ones from this folder; the same command goes on")


def _ask(question: str) -> str:
    """A line that the person types. Raises Leave at the end of the input."""
    out.print(Text(f"{question} > ", "cyan"), end="")
    line = sys.stdin.readline()
    if not line:
        raise Leave
    return line.strip()


@dataclass(frozen=True, slots=True)
class Drafts:
    """The draft on disk, replaced whole after every answer."""

    path: Path

    def read(self) -> Draft:
        """The draft as it was left; an empty one where there is none. Raises typer.Exit when it is damaged."""
        try:
            return from_json(json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Draft()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise fail(f"{self.path} cannot be read: {error}; move it away to begin anew") from None

    def write(self, draft: Draft) -> None:
        """Keep the draft. Raises typer.Exit."""
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(to_json(draft)), encoding="utf-8")
            os.replace(new, self.path)
        except OSError as error:
            raise fail(f"{self.path} cannot be written: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class Desk:
    """What is on it for one person: sessions to read, and the log to put labels in."""

    clickhouse: ClickHouse
    labeller: str
    rubric: Rubric
    by: str

    def labelled(self) -> set[tuple[str, int]]:
        """The revisions that need no label any more."""
        return Labels(self.clickhouse).labelled(self.labeller, self.rubric.digest)

    def session(self, trace_id: str) -> tuple[Session, list[Event]] | None:
        """A session and its events; None where it is gone."""
        told = next(Sessions(self.clickhouse).told([trace_id]), None)
        return (told, Sessions(self.clickhouse).events(trace_id)) if told else None

    def keep(self, label: Label, started_us: int) -> None:
        """Append the label, audited. Raises typer.Exit."""
        subject = self._subject(label)
        record = record_of(
            label, subject, self.rubric, self.labeller, started_us, max(0, now_us() - started_us), cleaner()
        )
        detail = {"traces": "1", "rubric": self.rubric.digest, "trace": label.trace_id}
        entry = audit_entry(actor_of(self.by), "label", f"run/{record.run_id}", now_us(), detail=detail)
        answer_of(lambda: write([record], entry))

    def _subject(self, label: Label) -> Subject:
        found = subjects_of(self.clickhouse, [label.trace_id]).get(label.trace_id, {}).get(label.revision or 0)
        if found is None:
            raise fail(f"revision {label.revision} of {label.trace_id} is gone; its label was not kept")
        return found


class Sitting:
    """One person's way through the sessions, until all are labelled or the person leaves."""

    def __init__(self, desk: Desk, drafts: Drafts, ask: Ask) -> None:
        self._desk, self._drafts, self._ask = desk, drafts, ask
        self.draft = drafts.read()
        self._passed: set[str] = set()

    def work_through(self, ids: Sequence[str]) -> None:
        """Show and grade each session that has no label yet, the one in hand first."""
        labelled = self._desk.labelled()
        try:
            while (current := self._next(ids, labelled)) is not None:
                self._one(*current)
        except Leave:
            out.print()

    def _next(self, ids: Sequence[str], labelled: set[tuple[str, int]]) -> tuple[Session, list[Event]] | None:
        """The session in hand, or the next that is neither labelled nor done; None when there is no more."""
        if (current := self.draft.current) is not None:
            found = self._desk.session(current.trace_id)
            if found is not None and found[0].revision == current.revision:
                return found
            # It has another revision by now, or is gone: what was answered was about something else.
            self._put(Draft(None, self.draft.done))
        for trace_id in ids:
            found = None if trace_id in self._passed else self._desk.session(trace_id)
            place = trace_id, found[0].revision if found else 0
            if found is not None and place not in labelled and not self.draft.has(*place):
                self._put(self.draft.begun(*place))
                return found
            self._passed.add(trace_id)
        return None

    def _one(self, told: Session, events: list[Event]) -> None:
        started_us = now_us()
        _show_head(told)
        try:
            self._read(events)
            self._grade(events)
        except Undo:
            self._put(self.draft.undone())
            if self.draft.current:
                self._passed.discard(self.draft.current.trace_id)
            return
        assert self.draft.current is not None
        self._desk.keep(self.draft.current, started_us)
        self._put(self.draft.finished())
        note(f"labelled {told.trace_id}")

    def _read(self, events: list[Event]) -> None:
        """Event by event, unless grading had begun already."""
        if self.draft.current and self.draft.current.answers:
            return
        everything = False
        for event in events:
            _show_event(event, events)
            if not everything:
                word = self._word(STEPS)
                if word == "g":
                    return
                everything = word == "a"

    def _grade(self, events: list[Event]) -> None:
        """Criterion by criterion, then once more to take it back. Raises Undo where nothing is answered."""
        while True:
            criterion = self.draft.next_criterion(self._desk.rubric)
            try:
                if criterion is None:
                    self._word("Enter: keep these grades, u: undo, q: leave")
                    return
                self._put(self.draft.answered(self._answer(criterion, events)))
            except Undo:
                if not (self.draft.current and self.draft.current.answers):
                    raise
                self._put(self.draft.undone())

    def _answer(self, criterion: Criterion, events: list[Event]) -> Answer:
        _show_criterion(criterion)
        seqs = {event["seq"] for event in events}
        while True:
            word = self._word(GRADE)
            try:
                if word[:1] == "e":
                    wanted = seqs_in(word[1:])
                    _show_some(events, wanted)
                    continue
                grade = None if word == "s" else grade_in(word)
                break
            except BadValue as error:
                note(str(error))
        said = self._ask("why, in words (Enter: nothing)")[:LONGEST_NOTE]
        while True:
            try:
                cited = seqs_in(self._ask("events it rests on, as in 3 5 7-9 (Enter: none)"))
                if unknown := sorted(set(cited) - seqs):
                    raise BadValue(f"the trace has no event {', '.join(map(str, unknown))}")
                return Answer(criterion.id, grade, said, cited)
            except BadValue as error:
                note(str(error))

    def _word(self, question: str) -> str:
        """What the person answers, `u` and `q` obeyed."""
        word = self._ask(question).lower()
        if word == "q":
            raise Leave
        if word == "u":
            raise Undo
        return word

    def _put(self, draft: Draft) -> None:
        self.draft = draft
        self._drafts.write(draft)


def _show_head(told: Session) -> None:
    out.rule(Text(printable(told.task) or told.trace_id, "bold"))
    for name, value in {"trace": f"{told.trace_id} revision {told.revision}", **told.facts}.items():
        out.print(Text.assemble((f"{name}: ", "dim"), printable(value)), soft_wrap=True)


def _show_event(event: Event, events: list[Event]) -> None:
    numbers = {one["id"]: one["seq"] for one in events}
    out.print(rendered(event, events[0]["ts_client_us"], numbers))


def _show_some(events: list[Event], wanted: Sequence[int]) -> None:
    for event in events:
        if event["seq"] in wanted:
            _show_event(event, events)


def _show_criterion(criterion: Criterion) -> None:
    out.print()
    out.print(Text(criterion.title, "bold underline"))
    out.print(Text(criterion.question, "bold"))
    out.print(Text(criterion.guidance, "dim"))
    for grade, anchor in enumerate(criterion.anchors):
        out.print(Padding(Text.assemble((f"{grade}  ", "bold"), anchor), (0, 0, 0, 2)))
