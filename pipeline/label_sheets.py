"""Sheets on which people grade: written blank, read back line by line. Pure: text in, text out.

CSV has a row for each criterion of each trace; JSON lines have a trace a line. Of what comes back only `trace_id`,
`revision`, `criterion`, `grade`, `note` and `cited_seqs` count, so that a sheet of any origin with these will do.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline.ids import SHAPE
from pipeline.labels import GRADES, Answer, BadValue, Label, Rubric, faults_of, grade_in, seqs_in

ANSWERED = ("grade", "note", "cited_seqs")
NEEDED = ("trace_id", "criterion", "grade")
BLANK: Mapping[str, Any] = {"grade": None, "note": "", "cited_seqs": []}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Session:
    """A trace as a sheet tells it: facts as they are shown, and a line an event."""

    trace_id: str
    revision: int
    task: str
    facts: Mapping[str, Any]
    events: Sequence[str]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong with a line of a sheet; lines count from 1."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Line:
    """An answer, and the line it stands in."""

    number: int
    trace_id: str
    revision: int | None
    answer: Answer


def to_csv(sessions: Iterable[Session], rubric: Rubric) -> Iterator[str]:
    """The rows of a blank sheet, heading first. The session is told in the first row of each trace only."""
    anchors = [f"anchor_{grade}" for grade in GRADES]
    yield _row(["trace_id", "revision", "criterion", *ANSWERED, "title", "question", *anchors, "task", "session"])
    for one in sessions:
        facts = "\n".join([*(f"{name}: {value}" for name, value in one.facts.items()), "", *one.events])
        for place, criterion in enumerate(rubric.criteria):
            told = (one.task, facts) if place == 0 else ("", "")
            described = (criterion.title, criterion.question, *criterion.anchors)
            yield _row([one.trace_id, one.revision, criterion.id, "", "", "", *described, *told])


def to_jsonl(sessions: Iterable[Session], rubric: Rubric) -> Iterator[str]:
    """A blank sheet, a trace a line."""
    described = [
        {"criterion": c.id, "title": c.title, "question": c.question, "guidance": c.guidance, "anchors": c.anchors}
        for c in rubric.criteria
    ]
    blank = [{"criterion": c.id, **BLANK} for c in rubric.criteria]
    for one in sessions:
        line = {
            "trace_id": one.trace_id,
            "revision": one.revision,
            "grades": blank,
            "task": one.task,
            "facts": one.facts,
            "events": one.events,
            "rubric": {"id": rubric.id, "version": rubric.version, "digest": rubric.digest, "criteria": described},
        }
        yield orjson.dumps(line).decode() + "\n"


def read_csv(text: str, rubric: Rubric) -> tuple[list[Line], list[Fault]]:
    """The answers of a CSV sheet and all that is wrong with it. Rows without a grade are not answered."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    except csv.Error as error:
        return [], [Fault(1, f"not CSV: {error}")]
    if missing:
        return [], [Fault(1, f"the heading lacks {', '.join(missing)}")]
    lines, faults, number = list[Line](), list[Fault](), reader.line_num + 1
    try:
        for row in reader:
            _read({k: v or "" for k, v in row.items() if isinstance(k, str)}, number, rubric, lines, faults)
            number = reader.line_num + 1
    except csv.Error as error:
        faults.append(Fault(number, f"not CSV: {error}"))
    return lines, faults


def read_jsonl(text: str, rubric: Rubric) -> tuple[list[Line], list[Fault]]:
    """The answers of a sheet of JSON lines and all that is wrong with it. What has no grade is not answered.

    A line is a trace with `grades` (a list of answers, or an object by criterion), or one answer with its `trace_id`.
    """
    lines, faults = list[Line](), list[Fault]()
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                _read_object(orjson.loads(line), number, rubric, lines, faults)
            except orjson.JSONDecodeError as error:
                faults.append(Fault(number, f"not JSON: {error}"))
    return lines, faults


def _read_object(value: Any, number: int, rubric: Rubric, lines: list[Line], faults: list[Fault]) -> None:
    if not isinstance(value, dict):
        faults.append(Fault(number, "expected a JSON object"))
        return
    grades = value.get("grades", [value])
    if isinstance(grades, dict):
        given = grades.items()
        grades = [
            one | {"criterion": n} if isinstance(one, dict) else {"criterion": n, "grade": one} for n, one in given
        ]
    if not isinstance(grades, list) or not all(isinstance(one, dict) for one in grades):
        faults.append(Fault(number, "grades is a list of objects, or an object by criterion"))
        return
    about = {name: value.get(name, "") for name in ("trace_id", "revision")}
    for one in grades:
        _read({**one, **about}, number, rubric, lines, faults)


def _read(row: Mapping[str, Any], number: int, rubric: Rubric, lines: list[Line], faults: list[Fault]) -> None:
    """Add the answer in a row, or what is wrong with it."""
    if row.get("grade") is None or str(row["grade"]).strip() == "":
        if str(row.get("note") or "").strip():
            faults.append(Fault(number, f"{row.get('criterion')} has a note and no grade; skip is one"))
        return
    trace_id, revision = str(row.get("trace_id", "")).strip(), str(row.get("revision") or "").strip()
    if not SHAPE.fullmatch(trace_id):
        faults.append(Fault(number, f"{trace_id[:64]!r} is no trace id"))
    if revision and not (revision.isdecimal() and revision.isascii() and len(revision) < 10):
        faults.append(Fault(number, f"{revision[:64]!r} is no revision"))
        revision = ""
    try:
        note = str(row.get("note") or "").strip()
        cited = seqs_in(row.get("cited_seqs") or "")
        answer = Answer(str(row.get("criterion", "")).strip(), grade_in(row["grade"]), note, cited)
    except BadValue as error:
        faults.append(Fault(number, str(error)))
        return
    faults += [Fault(number, what) for what in faults_of(answer, rubric)]
    lines.append(Line(number, trace_id, int(revision) if revision else None, answer))


def labels_in(lines: Sequence[Line]) -> tuple[list[Label], list[Fault]]:
    """The answers gathered by trace, in the order of the sheet, and which contradict one another."""
    gathered: dict[str, dict[str, Line]] = {}
    faults = list[Fault]()
    for line in lines:
        of_trace = gathered.setdefault(line.trace_id, {})
        first = next(iter(of_trace.values()), line)
        if (again := of_trace.get(line.answer.criterion)) is not None:
            faults.append(Fault(line.number, f"{line.answer.criterion} of this trace is graded in line {again.number}"))
        elif first.revision != line.revision:
            faults.append(Fault(line.number, f"line {first.number} is about another revision of this trace"))
        of_trace.setdefault(line.answer.criterion, line)
    labels = [
        Label(trace_id, next(iter(answers.values())).revision, tuple(line.answer for line in answers.values()))
        for trace_id, answers in gathered.items()
    ]
    return labels, faults


def _row(cells: Sequence[object]) -> str:
    """A row of CSV. What a spreadsheet would take for a formula gets an apostrophe before it: sessions say anything."""
    written = io.StringIO()
    safe = [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells]
    csv.writer(written, lineterminator="\n").writerow(safe)
    return written.getvalue()
