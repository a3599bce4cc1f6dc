"""Labels: what is a grade, what becomes of one, and that people's scores are made as the judge's."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from judge import rubric_files, scoring
from judge.rubric_files import Source, built_in
from pipeline.cli.rubric_files import DEFAULT, read_rubric
from pipeline.labels import Answer, BadValue, faults_of, grade_in, overall_milli, record_of, rubric_of, seqs_in
from schemas.codec import decode, encode
from schemas.records import Grade
from tests.support.labels import RUBRIC, label, subject


def _kept(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("given", "grade"), [("0", 0), (" 5 ", 5), (3, 3), ("skip", None), ("SKIP", None), ("-", None)]
)
def test_a_grade(given: object, grade: int | None) -> None:
    assert grade_in(given) == grade


@pytest.mark.parametrize("given", ["6", "-1", "3.5", "", "three", True, 2.0, None, [3], "٣"])
def test_no_grade(given: object) -> None:
    with pytest.raises(BadValue, match="0 to 5 or skip"):
        grade_in(given)


@pytest.mark.parametrize(
    ("given", "seqs"),
    [("", ()), ("3", (3,)), ("9, 3;3 5-7", (3, 5, 6, 7, 9)), ([2, "4"], (2, 4)), ([], ())],
)
def test_citations(given: object, seqs: tuple[int, ...]) -> None:
    assert seqs_in(given) == seqs


@pytest.mark.parametrize("given", ["x", "3-1", "1-99999", "-3", [True], [None], {"a": 1}, 7, "1.5"])
def test_no_citations(given: object) -> None:
    with pytest.raises(BadValue):
        seqs_in(given)


def test_a_label_becomes_a_score_of_its_own_run() -> None:
    record = record_of(label(5, 2), subject(), RUBRIC, "anna", 7, 9, _kept)
    assert (record.judge, record.run_id, record.outcome, record.overall_milli) == (
        "human",
        "human-anna",
        "scored",
        3800,
    )
    assert (record.trace_id, record.revision, record.project, record.head) == (
        subject().trace_id,
        1,
        "acme",
        "sha256:head",
    )
    assert [(g.criterion, g.grade, g.weight, g.rationale, g.cited_seqs) for g in record.grades] == [
        ("care", 5, 600, "because", (1,)),
        ("speed", 2, 400, "because", (1,)),
    ]
    assert decode(encode(record)) == record


def test_people_are_told_apart_by_name_only() -> None:
    one = record_of(label(5, 2), subject(), RUBRIC, "anna", 7, 9, _kept)
    again = record_of(label(1), subject(), RUBRIC, "anna", 99, 9, _kept)
    other = record_of(label(5, 2), subject(), RUBRIC, "ben", 7, 9, _kept)
    assert one.judge_digest == again.judge_digest != other.judge_digest


def test_what_is_skipped_or_missing_has_no_part_in_the_score() -> None:
    assert record_of(label(4, None), subject(), RUBRIC, "anna", 7, 9, _kept).overall_milli == 4000
    assert record_of(label(4), subject(), RUBRIC, "anna", 7, 9, _kept).overall_milli == 4000
    nothing = record_of(label(None, None), subject(), RUBRIC, "anna", 7, 9, _kept)
    assert (nothing.outcome, nothing.reason, nothing.overall_milli) == ("unscored", "no_grade", None)


def test_notes_are_cleaned() -> None:
    record = record_of(label(4, 4), subject(), RUBRIC, "anna", 7, 9, str.upper)
    assert {grade.rationale for grade in record.grades} == {"BECAUSE"}


def test_faults_are_told_in_words() -> None:
    assert faults_of(Answer("care", 3, "", (0, 4)), RUBRIC, subject()) == []
    assert faults_of(Answer("care", 3, "", (9, 2)), RUBRIC, subject()) == ["the trace has no event 9"]
    (unknown,) = faults_of(Answer("elegance", 3), RUBRIC)
    assert "no criterion 'elegance'; it has: care, speed" in unknown
    assert "4001 characters" in faults_of(Answer("care", 3, "x" * 4001), RUBRIC)[0]


@given(st.lists(st.tuples(st.integers(1, 999), st.one_of(st.none(), st.integers(0, 5))), max_size=8))
def test_the_score_is_made_as_the_judge_makes_it(given: list[tuple[int, int | None]]) -> None:
    grades = [Grade(criterion="c", grade=grade, weight=w, rationale="", cited_seqs=()) for w, grade in given]
    assert overall_milli(grades) == scoring.overall_milli(grades)


@pytest.mark.parametrize("source", built_in(), ids=lambda source: str(source.name))
def test_a_rubric_has_the_digest_that_the_judge_has_for_it(source: Source) -> None:
    judged = source.rubric()
    assert read_rubric(source.name) == rubric_of(judged.content(), judged.digest())


def test_the_default_rubric_is_the_judges() -> None:
    assert DEFAULT == rubric_files.DEFAULT


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no.yaml: no such file"),
        ("a: [", "no.yaml: "),
        ("- 1", "no.yaml: "),
        ("", "no.yaml: "),
    ],
)
def test_what_is_no_rubric_is_told(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "no.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(typer.Exit):
        read_rubric(str(file))
    assert said in capsys.readouterr().err
