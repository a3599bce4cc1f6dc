"""The ladders of the rubric for people who learn to debug, from what a session shows. Pure.

They look for habits, not for success: what a run said is not looked at.
"""

from judge.features import Features
from judge.opinions import Opinion, counted, fact, met, said, shown


def reading_the_failure(f: Features) -> Opinion:
    """0 to 5 by whether the failure was brought about and put into words before the first change of source."""
    if not (f.checks_before or f.looks_before):
        return said(0, fact("nothing was run or looked at before the first change", f.actions[:1] or f.notes[:1]))
    if not f.checks_before:
        return said(1, fact("code was looked at", f.looks_before), met(False, "the failure was brought about"))
    ran = fact("the failure was brought about", f.checks_before)
    seen, concrete, contrast = (
        tuple(seq for seq in seqs if seq > f.checks_before[0])
        for seqs in (f.early_observations, f.early_concrete_observations, f.early_contrasts)
    )
    noted = shown("what it shows is written down before the first change", seen)
    if not noted.good:
        return said(2, ran, noted)
    named = shown("a place or a value in it is named", concrete)
    apart = shown("what should have been is told from what is", contrast)
    return said(3 + (named.good and 1 + apart.good), ran, noted, named, apart)


def forming_hypotheses(f: Features) -> Opinion:
    """0 to 5 by when a cause is named, whether it could turn out wrong, and whether it was put to the test."""
    if not f.notes:
        return said(0, fact("no thought is recorded", f.actions[:1]))
    if not f.hypotheses:
        return said(1, fact("no cause is ever named", f.notes))
    early = shown("a cause is named before the first change", f.early_hypotheses)
    if not early.good:
        return said(2, fact(f"{counted(f.hypotheses, 'hypothesis')} stated", f.hypotheses), early)
    concrete = shown("it names a place or a value that can be checked", f.concrete_hypotheses)
    if not concrete.good:
        return said(3, early, concrete)
    first = f.concrete_hypotheses[0]
    trials = tuple(seq for seq in f.checks_before if seq > first)
    linked = f.chain_witnesses if {*f.concrete_hypotheses} & {*f.tested_hypotheses} else ()
    tested = shown("it was put to the test", linked or trials)
    return said(4 + tested.good, early, concrete, tested)


def minimal_reproduction(f: Features) -> Opinion:
    """0 to 5 by how small the thing is that shows the failure before the first change, and whether it was run again."""
    if not f.checks:
        return said(0, fact("nothing was run", f.actions[:1]))
    before = shown("something was run before the first change", f.checks_before)
    if not before.good:
        return said(1, fact("something was run", f.checks), before)
    narrow = shown("it was narrowed to a part of the suite", f.narrow_checks_before)
    if not narrow.good and not f.own_reproductions:
        return said(2, before, narrow)
    own = shown("a reproduction of one's own was made and run", f.own_reproductions)
    if not own.good:
        return said(3, before, narrow, own)
    again = shown("it was run again after the last change", f.reproductions_rerun)
    return said(4 + again.good, before, own, again)


def one_change_at_a_time(f: Features) -> Opinion:
    """0 to 5 by how much was changed before something was run to see what it did."""
    if not (f.source_edits or f.checks):
        return said(0, fact("nothing was changed or run", f.actions[:1] or f.notes[:1]))
    changed = shown("source was changed", f.source_edits)
    if not (changed.good and f.checked_steps):
        return said(1, changed, met(False, "a run shows what a change did", f.checks))
    crowded = tuple(sorted({*f.big_steps, *f.crowded_edits}))
    seen = fact("a run shows what changes did", f.checked_steps)
    small = met(not crowded, "steps were small", crowded)
    whole = met(not f.unchecked_edits, "no change was left unchecked", f.unchecked_edits)
    if not (small.good and whole.good):
        return said(2 if not small.good and len(f.checked_steps) == 1 else 3, changed, seen, small, whole)
    baseline = shown("something was run before the first change to compare with", f.checks_before)
    return said(4 + baseline.good, changed, seen, small, whole, baseline)


def reflection(f: Features) -> Opinion:
    """0 to 5 by what is said after the last change: that it was seen, why it was so, what is learnt."""
    if not f.notes:
        return said(0, fact("no thought is recorded", f.actions[:1]))
    closing = shown("something is said after the last change", f.closing_notes)
    if not closing.good:
        return said(1, fact("there are notes on the way", f.notes), closing)
    account = shown("it says what was seen or decided", f.closing_accounts)
    if not account.good:
        return said(2, closing, account)
    why = shown("it says why it was so", f.closing_reasons)
    learnt = shown("it is said what was learnt or what to do otherwise", f.lessons)
    return said(3 + why.good + learnt.good, account, why, learnt)
