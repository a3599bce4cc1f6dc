"""What a grade must cite, and the mean of what was graded."""

import pytest

from judge.rubric import Evidence
from judge.scoring import evidence_missing, overall_milli, within_evidence
from schemas.records import Grade
from tests.support.judging import RUBRIC

TYPES = {0: "rationale_note", 1: "cmd_run", 2: "test_run"}
CRITERION = RUBRIC.criteria[0].model_copy(
    update={
        "required_evidence": [
            Evidence(from_grade=4, cites=["rationale_note"]),
            Evidence(from_grade=2, cites=["cmd_run", "test_run"]),
        ]
    }
)


def grade(number: int | None, *cited: int, weight: int = 500) -> Grade:
    return Grade(criterion="problem_understanding", grade=number, weight=weight, rationale="So.", cited_seqs=cited)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        (grade(5, 0, 1), None),
        (grade(4, 0, 2), None),
        (grade(3, 2), None),
        (grade(1), None),
        (grade(None), None),
        (grade(2, 0), "problem_understanding: a grade from 2 upward must cite a cmd_run or test_run; grade 2 cites r"),
        (grade(4, 1, 2), "must cite a rationale_note; grade 4 cites cmd_run, test_run"),
        (grade(2, 99), "must cite a cmd_run or test_run; grade 2 cites nothing"),
    ],
)  # fmt: skip
def test_a_high_grade_says_what_evidence_it_lacks(given: Grade, missing: str | None) -> None:
    said = evidence_missing(given, CRITERION, TYPES)
    assert (said is None) == (missing is None)
    assert (missing or "") in (said or "")


def test_a_criterion_without_rules_asks_for_nothing() -> None:
    assert evidence_missing(grade(5), RUBRIC.criteria[0], TYPES) is None


@pytest.mark.parametrize(
    ("given", "lowered"), [(grade(5, 0, 1), 5), (grade(5, 1), 3), (grade(5, 0), 1), (grade(5), 1), (grade(None), None)]
)
def test_a_grade_is_lowered_to_what_its_citations_hold(given: Grade, lowered: int | None) -> None:
    held = within_evidence(given, CRITERION, TYPES)
    assert (held.grade, evidence_missing(held, CRITERION, TYPES)) == (lowered, None)
    assert held.rationale.startswith("So.")
    assert (held == given) == (given.grade == lowered)


@pytest.mark.parametrize(
    ("grades", "mean"),
    [
        ([grade(5), grade(2)], 3500),
        ([grade(5), grade(None)], 5000),
        ([grade(0), grade(None)], 0),
        ([grade(None)], None),
        ([], None),
        ([grade(5, weight=200), grade(4, weight=100), grade(None, weight=700)], 4667),
        ([grade(1, weight=1), grade(0, weight=1999)], 1),
    ],
)
def test_what_has_no_grade_has_no_part_in_the_mean(grades: list[Grade], mean: int | None) -> None:
    assert overall_milli(grades) == mean
