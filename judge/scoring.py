"""From grades to a score: what a grade must cite, caps computed by code, then the weighted mean. Pure.

The same for every judge, whatever it answered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from judge.features import Features
from judge.rubric import Criterion, Evidence, Rubric
from schemas.records import Grade


def evidence_missing(grade: Grade, criterion: Criterion, type_by_seq: Mapping[int, str]) -> str | None:
    """What the grade lacks in citations by the criterion's rules, in words; None where it lacks nothing.

    `type_by_seq` has the type of each event of the trace; a seq that is not in it is evidence of nothing.
    """
    rule = _unmet(grade, criterion, type_by_seq)
    if rule is None:
        return None
    cited = sorted({type_by_seq[seq] for seq in grade.cited_seqs if seq in type_by_seq})
    return f"{criterion.id}: {rule}; grade {grade.grade} cites {', '.join(cited) or 'nothing'}"


def within_evidence(grade: Grade, criterion: Criterion, type_by_seq: Mapping[int, str]) -> Grade:
    """The grade, lowered as far as its citations demand; a lowered one says why."""
    while (rule := _unmet(grade, criterion, type_by_seq)) is not None:
        lower = rule.from_grade - 1
        grade = replace(grade, grade=lower, rationale=f"{grade.rationale} Held at {lower}: {rule}.")
    return grade


def _unmet(grade: Grade, criterion: Criterion, type_by_seq: Mapping[int, str]) -> Evidence | None:
    cited = {type_by_seq.get(seq) for seq in grade.cited_seqs}
    for rule in criterion.evidence:
        if grade.grade is not None and grade.grade >= rule.from_grade and cited.isdisjoint(rule.cites):
            return rule
    return None


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


def overall_milli(grades: Iterable[Grade]) -> int | None:
    """The weighted mean of the grades in thousandths, 0 to 5000; half a thousandth rounds up.

    A criterion without grade has no part in it, as if its weight were the others'. None where nothing has a grade.
    """
    given = [(grade.weight, grade.grade) for grade in grades if grade.grade is not None]
    whole = sum(weight for weight, _ in given)
    total = 1000 * sum(weight * grade for weight, grade in given)
    return (2 * total + whole) // (2 * whole) if given else None
