"""What people grade: labels as values, what may be wrong with one, and the record that a label becomes. Pure.

A label is a person's grades of one revision of a trace by one rubric. It is stored as a judge's score is, in a run of
its own for each labeller, so that all that compares runs compares people too. Labels are only added: a later one of the
same person for the same revision and rubric counts instead of the earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.canonical import digest_of
from schemas.records import Grade, TraceJudged

KIND = "human"
RUN_PREFIX = f"{KIND}-"
LABELLER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
GRADES = range(6)
SKIPPED = ("skip", "-")
NO_GRADE = "no_grade"
LONGEST_NOTE = 4_000
Clean = Callable[[str], str]
"""Takes the secrets out of what somebody wrote."""


class BadValue(ValueError):
    """What was given for a grade or for citations is none; the text says what would be."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a rubric says of one criterion; `anchors[g]` describes grade g."""

    id: str
    title: str
    weight: int
    question: str
    guidance: str
    anchors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rubric:
    """As much of a rubric as people need to grade by it."""

    id: str
    version: str
    digest: str
    title: str
    guidance: str
    criteria: tuple[Criterion, ...]

    def criterion(self, name: str) -> Criterion | None:
        """The criterion of this id, if it has one."""
        return next((one for one in self.criteria if one.id == name), None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's grade of one criterion; None is one who could not tell."""

    criterion: str
    grade: int | None
    note: str = ""
    cited_seqs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """One person's answers about one trace; `revision` None is the latest."""

    trace_id: str
    revision: int | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """The revision of a trace that a label is about; `seqs` are those of its events."""

    trace_id: str
    revision: int
    project: str
    head: str
    seqs: frozenset[int]


def rubric_of(content: Mapping[str, Any], digest: str) -> Rubric:
    """The rubric in a rubric's content as JSON, as the files of judge/rubrics have it. Raises KeyError, TypeError."""
    criteria = tuple(
        Criterion(
            id=one["id"],
            title=one["title"],
            weight=one["weight_per_mille"],
            question=one["question"],
            guidance=one["guidance"],
            anchors=tuple(one["anchors"][str(grade)] for grade in GRADES),
        )
        for one in content["criteria"]
    )
    return Rubric(content["id"], content["version"], digest, content["title"], content["guidance"], criteria)


def run_of(labeller: str) -> str:
    """The run that holds a person's labels."""
    return RUN_PREFIX + labeller


def grade_in(value: object) -> int | None:
    """The grade in `0` to `5` (text or number), None in `skip`. Raises BadValue."""
    text = str(value).strip().lower()
    if text in SKIPPED:
        return None
    if isinstance(value, bool) or text not in map(str, GRADES):
        raise BadValue(f"a grade is 0 to 5 or skip, not {value!r}")
    return int(text)


def seqs_in(value: object) -> tuple[int, ...]:
    """The numbers in `3, 5 7-9`, or in a list of them. Raises BadValue."""
    words = re.split(r"[,;\s]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(words, list):
        raise BadValue(f"events are given by their numbers, as in 3 5 7-9, not {value!r}")
    return tuple(sorted({seq for word in words if word != "" for seq in _span(word)}))


def _span(word: object) -> Iterable[int]:
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", str(word))
    if found is None or isinstance(word, bool):
        raise BadValue(f"events are given by their numbers, as in 3 5 7-9, not {word!r}")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 0 <= last - first < 1000:
        raise BadValue(f"{word} is no span of events")
    return range(first, last + 1)


def faults_of(answer: Answer, rubric: Rubric, subject: Subject | None = None) -> list[str]:
    """What is wrong with an answer, in words; with a subject, also whether the trace has the events it cites."""
    faults = []
    if rubric.criterion(answer.criterion) is None:
        known = ", ".join(one.id for one in rubric.criteria)
        faults.append(f"rubric {rubric.id} {rubric.version} has no criterion {answer.criterion!r}; it has: {known}")
    if len(answer.note) > LONGEST_NOTE:
        faults.append(f"the note has {len(answer.note)} characters; {LONGEST_NOTE} is the most")
    if subject and (unknown := sorted(set(answer.cited_seqs) - subject.seqs)):
        faults.append(f"the trace has no event {', '.join(map(str, unknown[:5]))}")
    return faults


def overall_milli(grades: Iterable[Grade]) -> int | None:
    """The weighted mean of the grades in thousandths, exactly as the judge's (a test holds the two together)."""
    given = [(grade.weight, grade.grade) for grade in grades if grade.grade is not None]
    whole = sum(weight for weight, _ in given)
    total = 1000 * sum(weight * grade for weight, grade in given)
    return (2 * total + whole) // (2 * whole) if given else None


def record_of(
    label: Label, subject: Subject, rubric: Rubric, labeller: str, started_us: int, duration_us: int, clean: Clean
) -> TraceJudged:
    """The record of a label without faults. Without any grade it is unscored; criteria not answered are left out."""
    answers = {answer.criterion: answer for answer in label.answers}
    grades = tuple(
        Grade(
            criterion=criterion.id,
            grade=(answer := answers[criterion.id]).grade,
            weight=criterion.weight,
            rationale=clean(answer.note),
            cited_seqs=answer.cited_seqs,
        )
        for criterion in rubric.criteria
        if criterion.id in answers
    )
    overall = overall_milli(grades)
    return TraceJudged(
        trace_id=subject.trace_id,
        project=subject.project,
        revision=subject.revision,
        head=subject.head,
        outcome="unscored" if overall is None else "scored",
        reason=NO_GRADE if overall is None else None,
        overall_milli=overall,
        grades=grades,
        rubric_id=rubric.id,
        rubric_version=rubric.version,
        rubric_digest=rubric.digest,
        judge=KIND,
        judge_digest=digest_of({"kind": KIND, "labeller": labeller}),
        run_id=run_of(labeller),
        prompt_tokens=0,
        completion_tokens=0,
        started_at_us=started_us,
        duration_us=duration_us,
    )
