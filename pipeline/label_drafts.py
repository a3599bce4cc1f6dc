"""Where a person is in labelling: the trace in hand, its answers, what was done before. Pure; JSON between sittings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.labels import Answer, Criterion, Label, Rubric


@dataclass(frozen=True, slots=True)
class Draft:
    """`current` is the trace in hand with what is answered so far; `done` are those of earlier, in order."""

    current: Label | None = None
    done: tuple[Label, ...] = ()

    def begun(self, trace_id: str, revision: int) -> Draft:
        """With another trace in hand."""
        return replace(self, current=Label(trace_id, revision, ()))

    def next_criterion(self, rubric: Rubric) -> Criterion | None:
        """What is to be answered next about the trace in hand; None when all is, or none is in hand."""
        answered = len(self.current.answers) if self.current else len(rubric.criteria)
        return rubric.criteria[answered] if answered < len(rubric.criteria) else None

    def answered(self, answer: Answer) -> Draft:
        """With one more answer about the trace in hand."""
        assert self.current is not None
        return replace(self, current=replace(self.current, answers=(*self.current.answers, answer)))

    def undone(self) -> Draft:
        """Without the last answer; where the trace in hand has none, the trace before is taken up again."""
        if self.current is not None and self.current.answers:
            return replace(self, current=replace(self.current, answers=self.current.answers[:-1]))
        if not self.done:
            return self
        last = self.done[-1]
        return Draft(replace(last, answers=last.answers[:-1]), self.done[:-1])

    def finished(self) -> Draft:
        """With the trace in hand put to those that are done."""
        assert self.current is not None
        return Draft(None, (*self.done, self.current))

    def has(self, trace_id: str, revision: int) -> bool:
        """Whether this revision is done."""
        return any((label.trace_id, label.revision) == (trace_id, revision) for label in self.done)


def to_json(draft: Draft) -> dict[str, Any]:
    """The draft as a JSON value."""
    current = None if draft.current is None else _label(draft.current)
    return {"current": current, "done": [_label(label) for label in draft.done]}


def from_json(value: Mapping[str, Any]) -> Draft:
    """The draft in a JSON value. Raises KeyError, TypeError."""
    current = None if value["current"] is None else _read(value["current"])
    return Draft(current, tuple(_read(label) for label in value["done"]))


def _label(label: Label) -> dict[str, Any]:
    answers = [[one.criterion, one.grade, one.note, list(one.cited_seqs)] for one in label.answers]
    return {"trace_id": label.trace_id, "revision": label.revision, "answers": answers}


def _read(value: Mapping[str, Any]) -> Label:
    answers = tuple(Answer(name, grade, note, tuple(seqs)) for name, grade, note, seqs in value["answers"])
    return Label(value["trace_id"], value["revision"], answers)
