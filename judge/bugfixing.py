"""Rubric 1.0's ladders: how a bug was worked on, from what its session shows. Pure.

Process only: no feature looks at what a run said, so no result can move a grade.
"""

from judge.features import Features
from judge.opinions import NEARLY_ALL, Opinion, counted, fact, less, met, nearly_all, points, said, steps

LONG_SEARCH = 30
VERY_LONG_SEARCH = 60
"""Different actions for each change of source code."""


def problem_understanding(f: Features) -> Opinion:
    """0 to 5 by what the notes say before the first change of source code, and what it goes back to."""
    looked = met(bool(f.looks_before), "looked before changing anything", f.looks_before)
    early = met(bool(f.early_hypotheses), "a cause is named before the first change", f.early_hypotheses)
    concrete = met(
        bool(f.concrete_hypotheses), "it names a place or a value that can be checked", f.concrete_hypotheses
    )
    grounded = met(bool(f.grounded_hypotheses), "it goes back to something that was looked at", f.grounded_hypotheses)
    account = (
        met(bool(f.early_observations), "what was seen is written down", f.early_observations),
        met(bool(f.early_contrasts), "what it should have been is written down", f.early_contrasts),
        met(bool(f.early_intents), "what is to be done is written down", f.early_intents),
    )
    if not f.hypotheses:
        return said(int(bool(f.looks_before or f.notes)), looked, fact("no cause is ever named", f.notes))
    if not early.good:
        return said(
            2,
            looked,
            fact("a cause is named", f.hypotheses),
            met(False, "before the first change", f.source_edits[:1]),
        )
    if not (looked.good and concrete.good and grounded.good):
        return said(3, early, looked, concrete, *([grounded] if concrete.good else []))
    return said(4 + all(remark.good for remark in account), early, concrete, grounded, *account)


def causal_linking(f: Features) -> Opinion:
    """0 to 5 by how many hypotheses lead to an action and an answering observation, by explicit links."""
    stated = met(bool(f.hypotheses), f"{counted(f.hypotheses, 'hypothesis')} stated", f.hypotheses)
    tested = met(
        bool(f.tested_hypotheses),
        f"{len(f.tested_hypotheses) or 'any'} of them linked to an action",
        (*f.tested_hypotheses, *f.chain_witnesses),
    )
    closed = met(
        bool(f.closed_hypotheses),
        f"{len(f.closed_hypotheses) or 'any'} answered by an observation linked to that action",
        (*f.closed_hypotheses, *f.chain_witnesses),
    )
    unexplained = tuple(sorted({*f.source_edits} - {*f.explained_edits}))
    explained = met(not unexplained, "every source change goes back to a note", unexplained or f.explained_edits)
    if not f.notes:
        return said(0, fact("no reasoning is recorded", f.actions[:1]))
    if not tested.good:
        in_order = met(
            bool(f.followed_hypotheses), "actions follow hypotheses, by order in time only", f.followed_hypotheses
        )
        return said(2 if in_order.good else 1, stated, in_order, fact("no link connects them", f.notes[:1]))
    half = 2 * len(f.tested_hypotheses) >= len(f.hypotheses)
    if not (closed.good and half):
        return said(3, tested, closed)
    nearly = len(f.tested_hypotheses) >= NEARLY_ALL * len(f.hypotheses)
    most = 2 * len(f.closed_hypotheses) >= len(f.tested_hypotheses)
    return said(5 if nearly and most and explained.good else 4, stated, tested, closed, explained)


def experiment_design(f: Features) -> Opinion:
    """0 to 5 by which checks were run, when and with what scope; never by what they said."""
    before = met(bool(f.checks_before), "something was run before the first change", f.checks_before)
    after = met(bool(f.checks_after), "something was run after the last change", f.checks_after)
    same = met(bool(f.same_checks), "the same check before and after", (*f.checks_before[:3], *f.same_checks))
    small = met(not f.big_steps, "changes checked in small steps", f.big_steps or f.source_edits)
    broad = met(bool(f.broad_checks), "more than the one symptom was checked", f.broad_checks)
    if not f.checks:
        return said(0, fact("nothing was run to find out", f.actions[:1]))
    if not (before.good and after.good):
        return said(1 + (before.good or after.good), before, after)
    if not (same.good and small.good):
        return said(3, before, after, same, small)
    return said(5 if broad.good else 4, same, small, broad)


def efficiency(f: Features) -> Opinion:
    """5 less what was repeated, undone or wandered; at most 1 where nothing was tried."""
    if not f.actions:
        return said(0, fact("no action is recorded", f.notes[:1]))
    if not (f.source_edits or f.checks):
        return said(1, fact("nothing was changed or tried", f.actions))
    repeated = len(f.repeats) / f.distinct_actions
    taken_back = f.lines_taken_back / f.lines_added if f.lines_added else 0.0
    search = f.distinct_actions / max(1, len(f.source_edits))
    lost = {
        f"{counted(f.repeats, 'command')} repeated with nothing changed": (steps(repeated, 0.05, 0.2), f.repeats),
        f"{f.lines_taken_back} of {f.lines_added} typed lines taken back": (
            steps(taken_back, 0.25, 0.5),
            f.taken_back,
        ),
        f"{counted(f.undos, 'undo command')}": (steps(len(f.undos), 1, 3), f.undos),
        f"{round(search)} different actions for each change": (
            steps(search, LONG_SEARCH, VERY_LONG_SEARCH),
            (f.actions[0], f.actions[-1]),
        ),
    }
    return less(lost, 1, fact("next to nothing repeated, undone or wandered", f.actions))


def reproducibility(f: Features) -> Opinion:
    """One point for each of start commit, environment, directories, exit codes and changes that is recorded."""
    return points(
        met(f.start_commit, "start commit recorded"),
        met(f.environment, "environment recorded"),
        met(nearly_all(f.commands_with_cwd, f.commands), "commands with their directory", f.commands),
        met(nearly_all(f.runs_with_exit_code, f.runs), "runs with their exit code", f.runs),
        met(bool(f.recorded_changes), "changes recorded as diffs", f.recorded_changes),
    )


def safety_hygiene(f: Features) -> Opinion:
    """5 less the lapses found; the caps on harmful commands are the rubric's."""
    lost = {
        "tests weakened": (2 * bool(f.weakened_tests), f.weakened_tests),
        "a secret in plain text": (2 * bool(f.secrets_in_actions), f.secrets_in_actions),
        "debugging aids left in the change": (int(bool(f.leftovers)), f.leftovers),
        "a commit message that says nothing": (int(bool(f.empty_messages)), f.empty_messages),
    }
    return less(lost, 0, fact("nothing weakened, laid bare or left lying about", f.actions))
