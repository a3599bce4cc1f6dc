"""From grades to a score: caps computed by code, then the weighted mean. Pure, the same for every judge."""

from collections.abc import Iterable
from dataclasses import replace

from judge.features import Features
from judge.rubric import Rubric
from schemas.records import Grade


def capped(grades: Iterable[Grade], rubric: Rubric, features: Features) -> tuple[Grade, ...]:
    """The grades with the rubric's caps applied; a lowered one says why and cites the events that caused it."""
    return tuple(_capped(grade, rubric, features) for grade in grades)


def _capped(grade: Grade, rubric: Rubric, features: Features) -> Grade:
    for cap in rubric.caps:
        seqs: tuple[int, ...] = getattr(features, cap.feature)
        if cap.criterion == grade.criterion and seqs and grade.grade is not None and grade.grade > cap.max_grade:
            grade = replace(
                grade,
                grade=cap.max_grade,
                rationale=f"{grade.rationale} Capped at {cap.max_grade}: {cap.reason}.",
                cited_seqs=tuple(sorted({*grade.cited_seqs, *seqs})),
            )
    return grade


def overall_milli(grades: Iterable[Grade]) -> int:
    """The weighted mean of the grades in thousandths, 0 to 5000; weights are per mille and sum to 1000."""
    return sum(grade.weight * (grade.grade or 0) for grade in grades)
