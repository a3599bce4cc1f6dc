"""The deterministic judge: grades from the features of a trace, for every criterion that has a ladder. Pure.

Each grade comes with its reasons in words and the seqs that show them. Process only: no feature looks at what a test
run said, so no result can move a grade. The same trace gets the same grades.
"""

from collections.abc import Callable, Mapping

from judge import bugfixing, novice, trajectory
from judge.features import Features
from judge.opinions import Opinion, Seqs
from judge.rubric import Criterion, Rubric
from judge.scoring import within_evidence
from schemas.records import Grade

LEAST_WEIGHT = 500
"""Per mille of a rubric's weight that must be gradable for its score to mean something."""
NO_LADDER = "this criterion cannot be graded by form; it needs a judge that reads"
CRITERIA: dict[str, Callable[[Features], Opinion]] = {
    "problem_understanding": bugfixing.problem_understanding,
    "causal_linking": bugfixing.causal_linking,
    "experiment_design": bugfixing.experiment_design,
    "efficiency": bugfixing.efficiency,
    "reproducibility": bugfixing.reproducibility,
    "safety_hygiene": bugfixing.safety_hygiene,
    "grounding": trajectory.grounding,
    "verification": trajectory.verification,
    "honest_report": trajectory.honest_report,
    "scope_discipline": trajectory.scope_discipline,
    "course_correction": trajectory.course_correction,
    "tool_economy": trajectory.tool_economy,
    "reading_the_failure": novice.reading_the_failure,
    "forming_hypotheses": novice.forming_hypotheses,
    "minimal_reproduction": novice.minimal_reproduction,
    "one_change_at_a_time": novice.one_change_at_a_time,
    "reflection": novice.reflection,
}


class NoHeuristic(ValueError):
    """This judge can grade too little of the rubric for a score."""


def graded_by_form(rubric: Rubric) -> tuple[str, ...]:
    """The ids of the rubric's criteria that this judge can grade, in the rubric's order."""
    return tuple(criterion.id for criterion in rubric.criteria if criterion.id in CRITERIA)


def check_rubric(rubric: Rubric) -> None:
    """Raises NoHeuristic when the criteria that this judge can grade have less than half of the weight.

    The others get no grade. A score of the smaller part would not be a score by this rubric.
    """
    known = graded_by_form(rubric)
    weight = sum(criterion.weight_per_mille for criterion in rubric.criteria if criterion.id in known)
    if weight < LEAST_WEIGHT:
        unknown = [criterion.id for criterion in rubric.criteria if criterion.id not in known]
        raise NoHeuristic(
            f"the heuristic judge can grade {weight} of 1000 per mille of {rubric.id} {rubric.version}, and needs"
            f" {LEAST_WEIGHT}: it cannot grade {', '.join(unknown)}; it knows {', '.join(CRITERIA)}"
        )


def grade(rubric: Rubric, features: Features, type_by_seq: Mapping[int, str]) -> tuple[Grade, ...]:
    """One grade for each criterion, uncapped; `type_by_seq` has the type of every event (at least one), in order.

    A grade that rests on the whole session cites its first and last event. A criterion that this judge cannot grade
    has no grade, and says so.
    """
    seqs = tuple(type_by_seq)
    ends = tuple(dict.fromkeys((seqs[0], seqs[-1])))
    return tuple(
        within_evidence(_graded(criterion, features, ends), criterion, type_by_seq) for criterion in rubric.criteria
    )


def _graded(criterion: Criterion, features: Features, ends: Seqs) -> Grade:
    ladder = CRITERIA.get(criterion.id)
    opinion = ladder(features) if ladder else Opinion(None, (NO_LADDER,), ())
    return Grade(
        criterion=criterion.id,
        grade=opinion.grade,
        weight=criterion.weight_per_mille,
        rationale="; ".join(opinion.reasons).capitalize() + ".",
        cited_seqs=opinion.seqs or (ends if ladder else ()),
    )
