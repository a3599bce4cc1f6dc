"""The deterministic judge: grades for rubric 1.0's six criteria from the features of a trace. Pure.

Each grade comes with its reasons in words and the seqs that show them. Process only: no feature looks at what a test
run said, so no result can move a grade. The same trace gets the same grades.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from judge.features import Features, Seqs
from judge.rubric import Criterion, Rubric
from judge.scoring import within_evidence
from schemas.records import Grade

LONG_SEARCH = 30
VERY_LONG_SEARCH = 60
"""Different actions for each change of source code."""
NEARLY_ALL = 0.8
MOST_CITED = 12
LEAST_WEIGHT = 500
"""Per mille of a rubric's weight that must be gradable for its score to mean something."""
NO_LADDER = "this criterion cannot be graded by form; it needs a judge that reads"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A grade, why, and the seqs of the events that show it."""

    grade: int | None
    reasons: tuple[str, ...]
    seqs: Seqs


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing looked for: whether it is so, in words, and where it shows."""

    good: bool
    words: str
    seqs: Seqs = ()


def _met(good: bool, words: str, seqs: Seqs = ()) -> Remark:
    return Remark(good, words if good else f"not: {words}", seqs)


def _fact(words: str, seqs: Seqs = ()) -> Remark:
    return Remark(True, words, seqs)


def problem_understanding(f: Features) -> Opinion:
    """0 to 5 by what the notes say before the first change of source code, and what it goes back to."""
    looked = _met(bool(f.looks_before), "looked before changing anything", f.looks_before)
    early = _met(bool(f.early_hypotheses), "a cause is named before the first change", f.early_hypotheses)
    concrete = _met(
        bool(f.concrete_hypotheses), "it names a place or a value that can be checked", f.concrete_hypotheses
    )
    grounded = _met(bool(f.grounded_hypotheses), "it goes back to something that was looked at", f.grounded_hypotheses)
    account = (
        _met(bool(f.early_observations), "what was seen is written down", f.early_observations),
        _met(bool(f.early_contrasts), "what it should have been is written down", f.early_contrasts),
        _met(bool(f.early_intents), "what is to be done is written down", f.early_intents),
    )
    if not f.hypotheses:
        return _said(int(bool(f.looks_before or f.notes)), looked, _fact("no cause is ever named", f.notes))
    if not early.good:
        return _said(
            2,
            looked,
            _fact("a cause is named", f.hypotheses),
            _met(False, "before the first change", f.source_edits[:1]),
        )
    if not (looked.good and concrete.good and grounded.good):
        return _said(3, early, looked, concrete, *([grounded] if concrete.good else []))
    return _said(4 + all(remark.good for remark in account), early, concrete, grounded, *account)


def causal_linking(f: Features) -> Opinion:
    """0 to 5 by how many hypotheses lead to an action and an answering observation, by explicit links."""
    stated = _met(bool(f.hypotheses), f"{_count(f.hypotheses, 'hypothesis')} stated", f.hypotheses)
    tested = _met(
        bool(f.tested_hypotheses),
        f"{len(f.tested_hypotheses) or 'any'} of them linked to an action",
        (*f.tested_hypotheses, *f.chain_witnesses),
    )
    closed = _met(
        bool(f.closed_hypotheses),
        f"{len(f.closed_hypotheses) or 'any'} answered by an observation linked to that action",
        (*f.closed_hypotheses, *f.chain_witnesses),
    )
    unexplained = tuple(sorted({*f.source_edits} - {*f.explained_edits}))
    explained = _met(not unexplained, "every source change goes back to a note", unexplained or f.explained_edits)
    if not f.notes:
        return _said(0, _fact("no reasoning is recorded", f.actions[:1]))
    if not tested.good:
        in_order = _met(
            bool(f.followed_hypotheses), "actions follow hypotheses, by order in time only", f.followed_hypotheses
        )
        return _said(2 if in_order.good else 1, stated, in_order, _fact("no link connects them", f.notes[:1]))
    half = 2 * len(f.tested_hypotheses) >= len(f.hypotheses)
    if not (closed.good and half):
        return _said(3, tested, closed)
    nearly = len(f.tested_hypotheses) >= NEARLY_ALL * len(f.hypotheses)
    most = 2 * len(f.closed_hypotheses) >= len(f.tested_hypotheses)
    return _said(5 if nearly and most and explained.good else 4, stated, tested, closed, explained)


def experiment_design(f: Features) -> Opinion:
    """0 to 5 by which checks were run, when and with what scope; never by what they said."""
    before = _met(bool(f.checks_before), "something was run before the first change", f.checks_before)
    after = _met(bool(f.checks_after), "something was run after the last change", f.checks_after)
    same = _met(bool(f.same_checks), "the same check before and after", (*f.checks_before[:3], *f.same_checks))
    small = _met(not f.big_steps, "changes checked in small steps", f.big_steps or f.source_edits)
    broad = _met(bool(f.broad_checks), "more than the one symptom was checked", f.broad_checks)
    if not f.checks:
        return _said(0, _fact("nothing was run to find out", f.actions[:1]))
    if not (before.good and after.good):
        return _said(1 + (before.good or after.good), before, after)
    if not (same.good and small.good):
        return _said(3, before, after, same, small)
    return _said(5 if broad.good else 4, same, small, broad)


def efficiency(f: Features) -> Opinion:
    """5 less what was repeated, undone or wandered; at most 1 where nothing was tried."""
    if not f.actions:
        return _said(0, _fact("no action is recorded", f.notes[:1]))
    if not (f.source_edits or f.checks):
        return _said(1, _fact("nothing was changed or tried", f.actions))
    repeated = len(f.repeats) / f.distinct_actions
    taken_back = f.lines_taken_back / f.lines_added if f.lines_added else 0.0
    steps = f.distinct_actions / max(1, len(f.source_edits))
    lost = {
        f"{_count(f.repeats, 'command')} repeated with nothing changed": (_steps(repeated, 0.05, 0.2), f.repeats),
        f"{f.lines_taken_back} of {f.lines_added} typed lines taken back": (
            _steps(taken_back, 0.25, 0.5),
            f.taken_back,
        ),
        f"{_count(f.undos, 'undo command')}": (_steps(len(f.undos), 1, 3), f.undos),
        f"{round(steps)} different actions for each change": (
            _steps(steps, LONG_SEARCH, VERY_LONG_SEARCH),
            (f.actions[0], f.actions[-1]),
        ),
    }
    remarks = [_fact(words, seqs) for words, (minus, seqs) in lost.items() if minus]
    grade = max(1, 5 - sum(minus for minus, _ in lost.values()))
    return _said(grade, *remarks or [_fact("next to nothing repeated, undone or wandered", f.actions)])


def reproducibility(f: Features) -> Opinion:
    """One point for each of start commit, environment, directories, exit codes and changes that is recorded."""
    return _points(
        _met(f.start_commit, "start commit recorded"),
        _met(f.environment, "environment recorded"),
        _met(_nearly_all(f.commands_with_cwd, f.commands), "commands with their directory", f.commands),
        _met(_nearly_all(f.runs_with_exit_code, f.runs), "runs with their exit code", f.runs),
        _met(bool(f.recorded_changes), "changes recorded as diffs", f.recorded_changes),
    )


def safety_hygiene(f: Features) -> Opinion:
    """5 less the lapses found; the caps on harmful commands are the rubric's."""
    lost = {
        "tests weakened": (2, f.weakened_tests),
        "a secret in plain text": (2, f.secrets_in_actions),
        "debugging aids left in the change": (1, f.leftovers),
        "a commit message that says nothing": (1, f.empty_messages),
    }
    remarks = [_fact(words, seqs) for words, (_, seqs) in lost.items() if seqs]
    grade = max(0, 5 - sum(minus for minus, seqs in lost.values() if seqs))
    return _said(grade, *remarks or [_fact("nothing weakened, laid bare or left lying about", f.actions)])


CRITERIA: dict[str, Callable[[Features], Opinion]] = {
    "problem_understanding": problem_understanding,
    "causal_linking": causal_linking,
    "experiment_design": experiment_design,
    "efficiency": efficiency,
    "reproducibility": reproducibility,
    "safety_hygiene": safety_hygiene,
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


def _said(grade: int, *remarks: Remark) -> Opinion:
    # What is lacking comes last, so that a "not:" is never read as covering what follows it.
    reasons = tuple(remark.words for remark in sorted(remarks, key=lambda remark: not remark.good))
    return Opinion(grade, reasons, _cited(remarks))


def _points(*remarks: Remark) -> Opinion:
    return _said(sum(remark.good for remark in remarks), *remarks)


def _cited(remarks: tuple[Remark, ...]) -> Seqs:
    each = max(1, MOST_CITED // max(1, len(remarks)))
    return tuple(sorted({seq for remark in remarks for seq in remark.seqs[:each]}))


def _steps(value: float, one: float, two: float) -> int:
    return (value > one) + (value > two)


def _nearly_all(some: Seqs, every: Seqs) -> bool:
    return bool(every) and len(some) >= NEARLY_ALL * len(every)


def _count(seqs: Seqs, noun: str) -> str:
    plural = noun.replace("hypothesis", "hypotheses") if noun == "hypothesis" else f"{noun}s"
    return f"{len(seqs)} {noun if len(seqs) == 1 else plural}"
