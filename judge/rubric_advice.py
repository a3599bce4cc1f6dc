"""What to know of a rubric though it is no fault: what the heuristic judge grades, what misleads. Pure."""

from collections.abc import Iterable
from typing import Any

from judge.heuristics import LEAST_WEIGHT, graded_by_form
from judge.rubric import Criterion, Rubric


def by_form(rubric: Rubric) -> dict[str, Any]:
    """What the heuristic judge can grade, for nothing and without a model: criteria, their weight, whether it will."""
    known = graded_by_form(rubric)
    weight = sum(criterion.weight_per_mille for criterion in rubric.criteria if criterion.id in known)
    return {
        "grades": list(known),
        "grades_not": [criterion.id for criterion in rubric.criteria if criterion.id not in known],
        "usable": weight >= LEAST_WEIGHT,
        "weight_per_mille": weight,
    }


def advice(rubric: Rubric, built_in: Iterable[Rubric]) -> list[str]:
    """Sentences about what grades will not show by themselves."""
    others = [other for other in built_in if other.digest() != rubric.digest()]
    return [
        *(
            f"{rubric.id} {rubric.version} is built in with another content: give yours another id or version, or"
            " scores of both will be taken for the same in charts"
            for other in others
            if (other.id, other.version) == (rubric.id, rubric.version)
        ),
        *(each for criterion in rubric.criteria for each in _of_anchors(criterion)),
        *_own_ladders(rubric, others),
    ]


def _of_anchors(criterion: Criterion) -> Iterable[str]:
    texts = list(criterion.anchors.values())
    for grade, text in criterion.anchors.items():
        if (first := texts.index(text)) != grade:
            yield f"{criterion.id}: anchors {first} and {grade} say the same, so that no grader can tell them apart"
    if not criterion.question.rstrip().endswith("?"):
        yield f"{criterion.id}: the question is none; graders answer a question more alike than they follow a heading"


def _own_ladders(rubric: Rubric, built_in: Iterable[Rubric]) -> Iterable[str]:
    anchors = {criterion.id: criterion.anchors for other in built_in for criterion in other.criteria}
    for criterion in rubric.criteria:
        if criterion.id in graded_by_form(rubric) and anchors.get(criterion.id, criterion.anchors) != criterion.anchors:
            yield (
                f"{criterion.id}: a built-in criterion of this id has other anchors; the heuristic judge grades by"
                " those, whatever yours say. Give it another id where they mean something else"
            )
