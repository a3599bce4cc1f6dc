"""A small rubric, labels and subjects, made up."""

from __future__ import annotations

from typing import Any

from pipeline.labels import Answer, Criterion, Label, Rubric, Subject
from tests.support.traces import trace_id

ONE, TWO = trace_id(1), trace_id(2)


def criterion(name: str, weight: int) -> Criterion:
    """A criterion with six anchors."""
    anchors = tuple(f"{name} at {grade}" for grade in range(6))
    return Criterion(name, name.title(), weight, f"How was the {name}?", "Look.", anchors)


RUBRIC = Rubric("small", "1", "sha256:small", "Small", "Grade.", (criterion("care", 600), criterion("speed", 400)))


def subject(trace: str = ONE, **changes: Any) -> Subject:
    """A revision with five events."""
    fields: dict[str, Any] = {"revision": 1, "project": "acme", "head": "sha256:head", "seqs": frozenset(range(5))}
    return Subject(trace_id=trace, **fields | changes)


def label(*grades: int | None, trace: str = ONE, revision: int | None = 1) -> Label:
    """A label with these grades of the rubric's criteria, in order."""
    answers = (Answer(one.id, grade, "because", (1,)) for one, grade in zip(RUBRIC.criteria, grades, strict=False))
    return Label(trace, revision, tuple(answers))
