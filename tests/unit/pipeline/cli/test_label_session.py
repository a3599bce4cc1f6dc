"""A sitting: sessions step by step, blind, with undo, and left and taken up at any moment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.label_session import Drafts, Leave, Sitting
from pipeline.label_drafts import Draft, from_json, to_json
from pipeline.label_sheets import Session
from pipeline.labels import Answer, Label, Rubric
from tests.support.judging import check, cmd, document, note
from tests.support.labels import ONE, RUBRIC, TWO, label

EVENTS = document(note(hypothesis="it rounds down"), cmd("ls"), check())["events"]
READ, GRADED = ("", "", ""), ("4", "because", "1", "2", "", "0-2", "")
KEPT = (Answer("care", 4, "because", (1,)), Answer("speed", 2, "", (0, 1, 2)))


class FakeDesk:
    """Sessions in memory; labels go to a list. `revisions` may change under the person's hands."""

    def __init__(self, *labelled: tuple[str, int]) -> None:
        self.rubric: Rubric = RUBRIC
        self.kept: list[Label] = []
        self.revisions = {ONE: 1, TWO: 1}
        self._labelled = set(labelled)

    def labelled(self) -> set[tuple[str, int]]:
        return self._labelled

    def session(self, trace_id: str) -> tuple[Session, list[dict[str, Any]]] | None:
        if trace_id not in self.revisions:
            return None
        return Session(trace_id, self.revisions[trace_id], f"task of {trace_id}", {}, []), EVENTS

    def keep(self, label: Label, started_us: int) -> None:
        self.kept.append(label)


def sit(desk: FakeDesk, folder: Path, *words: str, ids: tuple[str, ...] = (ONE, TWO)) -> Sitting:
    """The person says these words, then goes."""
    said: Iterator[str] = iter(words)

    def ask(_: str) -> str:
        for word in said:
            return word
        raise Leave

    sitting = Sitting(desk, Drafts(folder / "draft.json"), ask)  # type: ignore[arg-type]  # a desk in memory
    sitting.work_through(ids)
    assert next(said, None) is None, "the person said more than was asked"
    return sitting


def test_a_session_is_read_and_graded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = FakeDesk()
    sit(desk, tmp_path, *READ, *GRADED)
    assert desk.kept == [Label(ONE, 1, KEPT)]
    shown = capsys.readouterr().out
    for words in ("it rounds down", "$ ls", "How was the care?", "speed at 5"):
        assert words in shown


def test_all_events_at_once_or_none(tmp_path: Path) -> None:
    desk = FakeDesk()
    sit(desk, tmp_path, "a", *GRADED, "g", *GRADED)
    assert [label.trace_id for label in desk.kept] == [ONE, TWO]


def test_leaving_anywhere_and_coming_back_gives_the_same_labels(tmp_path: Path) -> None:
    words = (*READ, *GRADED, *READ, *GRADED)
    whole = FakeDesk()
    sit(whole, tmp_path / "whole", *words)
    for cut in range(len(words)):
        desk, folder = FakeDesk(), tmp_path / str(cut)
        left = sit(desk, folder, *words[:cut])
        # What was only looked at is shown again, and a criterion that was not answered to its end is asked again.
        begun = left.draft.current is not None and bool(left.draft.current.answers)
        answered = len(left.draft.current.answers) if left.draft.current else 0
        rest = GRADED[3 * answered :] if begun else (*READ, *GRADED)
        after = () if left.draft.done else (*READ, *GRADED)
        sit(desk, folder, *rest, *after) if len(left.draft.done) < 2 else None
        assert desk.kept == whole.kept


def test_what_is_labelled_is_not_shown_again_unless_it_was_revised(tmp_path: Path) -> None:
    desk = FakeDesk((ONE, 1))
    sit(desk, tmp_path, *READ, *GRADED)
    assert [label.trace_id for label in desk.kept] == [TWO]
    sit(desk, tmp_path)
    desk.revisions[TWO] = 2
    sit(desk, tmp_path, *READ, *GRADED)
    assert [(label.trace_id, label.revision) for label in desk.kept] == [(TWO, 1), (TWO, 2)]


def test_a_grade_is_taken_back(tmp_path: Path) -> None:
    desk = FakeDesk()
    sit(desk, tmp_path, *READ, "1", "oops", "", "u", *GRADED[:6], "u", "2", "", "0-2", "", ids=(ONE,))
    assert desk.kept == [Label(ONE, 1, KEPT)]


def test_a_label_is_taken_back_and_the_later_one_counts(tmp_path: Path) -> None:
    desk = FakeDesk()
    again = ("5", "", "", "")
    sit(desk, tmp_path, *READ, *GRADED, "u", *again, *READ, *GRADED)
    assert [label.trace_id for label in desk.kept] == [ONE, ONE, TWO]
    assert [answer.grade for answer in desk.kept[1].answers] == [4, 5]


def test_what_is_no_answer_is_asked_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = FakeDesk()
    sit(desk, tmp_path, "g", "7", "e 1", "e", "s", "", "9", "x", "1", *GRADED[3:], ids=(ONE,))
    assert desk.kept == [Label(ONE, 1, (Answer("care", None, "", (1,)), KEPT[1]))]
    told = capsys.readouterr()
    for words in ("a grade is 0 to 5 or skip, not '7'", "the trace has no event 9", "not 'x'"):
        assert words in told.err
    assert told.out.count("$ ls") == 1


def test_a_trace_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    desk = FakeDesk()
    sit(desk, tmp_path, "g", "3", "", "")
    del desk.revisions[ONE]
    sit(desk, tmp_path, *READ, *GRADED)
    assert [label.trace_id for label in desk.kept] == [TWO]


def test_a_damaged_draft_is_told_and_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "draft.json"
    for content in ("{", "[]", '{"current": null}'):
        file.write_text(content)
        with pytest.raises(typer.Exit):
            sit(FakeDesk(), tmp_path)
        assert file.read_text() == content
    assert "move it away to begin anew" in capsys.readouterr().err


@given(st.lists(st.sampled_from(["answer", "undo", "finish"]), max_size=30))
def test_a_draft_survives_as_json(moves: list[str]) -> None:
    draft, numbers = Draft(), itertools.count(1)
    for move in moves:
        if draft.current is None:
            draft = draft.begun(ONE, next(numbers))
        elif move == "undo":
            draft = draft.undone()
        elif draft.next_criterion(RUBRIC) is None:
            draft = draft.finished()
        elif (criterion := draft.next_criterion(RUBRIC)) is not None:
            draft = draft.answered(Answer(criterion.id, 3, "n", (1, 2)))
        assert from_json(to_json(draft)) == draft


def test_undo_of_nothing_is_nothing() -> None:
    assert Draft().undone() == Draft()
    done = Draft(None, (label(3, 4),))
    assert done.undone() == Draft(label(3), ())
