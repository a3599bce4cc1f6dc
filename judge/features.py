"""The named features of a trace that grades rest on, each with the seqs of the events that show it. Pure.

Outcomes are not looked at: not the counts, results, exit codes or output of any run, nor whether the fix works. Ids are
used only to follow `caused_by`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from judge import account, hygiene, working
from judge.dangers import dangers
from judge.links import Chains, chains, effects
from judge.phrases import Part, contrasts, is_concrete, names, read
from judge.timeline import Act, actions
from pipeline.redacted import PLACEHOLDER

Seqs = tuple[int, ...]
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Tuples are seqs of the events that show the feature, in order; empty where nothing shows it."""

    # What was thought
    notes: Seqs
    hypotheses: Seqs
    early_hypotheses: Seqs
    concrete_hypotheses: Seqs
    grounded_hypotheses: Seqs
    early_observations: Seqs
    early_contrasts: Seqs
    early_intents: Seqs
    early_concrete_observations: Seqs
    early_linked_observations: Seqs
    # What is claimed, and what stands behind it
    claims: Seqs
    concrete_claims: Seqs
    grounded_claims: Seqs
    claim_grounds: Seqs
    unbacked_claims: Seqs
    revisions: Seqs
    # How it was closed: notes after the last change of source
    closing_notes: Seqs
    closing_accounts: Seqs
    closing_reasons: Seqs
    closing_limits: Seqs
    lessons: Seqs
    # How thought and action hang together
    tested_hypotheses: Seqs
    closed_hypotheses: Seqs
    chain_witnesses: Seqs
    followed_hypotheses: Seqs
    explained_edits: Seqs
    # What was tried
    actions: Seqs
    source_edits: Seqs
    looks_before: Seqs
    checks: Seqs
    checks_before: Seqs
    checks_after: Seqs
    same_checks: Seqs
    broad_checks: Seqs
    big_steps: Seqs
    crowded_edits: Seqs
    unchecked_edits: Seqs
    checked_steps: Seqs
    narrow_checks_before: Seqs
    own_reproductions: Seqs
    reproductions_rerun: Seqs
    regression_tests: Seqs
    # What it cost
    repeats: Seqs
    distinct_actions: int
    undos: Seqs
    lines_added: int
    lines_taken_back: int
    taken_back: Seqs
    rereads: Seqs
    corrections: Seqs
    explained_corrections: Seqs
    checks_after_corrections: Seqs
    unreasoned_edits: Seqs
    # What was recorded
    start_commit: bool
    environment: bool
    commands: Seqs
    commands_with_cwd: Seqs
    runs: Seqs
    runs_with_exit_code: Seqs
    recorded_changes: Seqs
    # How carefully
    dangerous_commands: Seqs
    risky_commands: Seqs
    weakened_tests: Seqs
    secrets_in_actions: Seqs
    leftovers: Seqs
    empty_messages: Seqs
    strays: Seqs


CAP_FEATURES = frozenset(field.name for field in fields(Features) if field.type == Seqs)
CLAIMS: tuple[Part, ...] = ("hypothesis", "observation")
MOST_EDITS_A_STEP = 3
"""Source edits in a row without a check; more are a big step."""


def features(document: Mapping[str, Any]) -> Features:
    """The features of a finished trace's document."""
    events: Sequence[Event] = document["events"]
    acts = actions(events)
    edits = [act.seq for act in acts if act.edits_source]
    first, last = (edits[0], edits[-1]) if edits else (sys.maxsize, -1)
    notes = {event["seq"]: read(event) for event in events if event["type"] == "rationale_note"}
    said = {seq: note.parts for seq, note in notes.items() if note.parts}
    told = {seq: note.told for seq, note in notes.items()}
    linked = _chains(events, said)
    churn = hygiene.churn(diffs := hygiene.read_diffs(events))
    return Features(
        **_thought(said, linked, acts, first),
        **_claimed(told, said, linked, acts),
        **_tried(acts, edits, first, last),
        **_corrected(told, said, linked, acts, churn),
        **_recorded(document, events),
        **_care(events, acts, diffs),
    )


def _seqs(events: Iterable[Event]) -> Seqs:
    return tuple(event["seq"] for event in events)


def _chains(events: Sequence[Event], said: account.Said) -> Chains:
    answers = {seq for seq, found in said.items() if found.keys() - {"plan"}}
    notes = {event["seq"] for event in events if event["type"] == "rationale_note"}
    return chains(_seqs(events), effects(events), notes, answers)


def _thought(said: account.Said, linked: Chains, acts: Sequence[Act], first_edit: int) -> dict[str, Any]:
    def early(*wanted: Part) -> Seqs:
        return tuple(seq for seq in said if seq < first_edit and said[seq].keys() & {*wanted})

    hypotheses = tuple(seq for seq, found in said.items() if "hypothesis" in found)
    concrete = tuple(seq for seq in early("hypothesis") if is_concrete(said[seq]["hypothesis"]))
    looked_at = names("\n".join(act.what for act in acts if act.seq < first_edit and not act.doing.changes))
    tested = tuple(seq for seq in hypotheses if seq in linked.tested)
    closed = tuple(seq for seq in hypotheses if seq in linked.closed)
    last_try = max((act.seq for act in acts if act.checks or act.doing.changes), default=-1)
    seen = early("observation")
    return {
        "notes": tuple(said),
        "hypotheses": hypotheses,
        "early_hypotheses": early("hypothesis"),
        "concrete_hypotheses": concrete,
        "grounded_hypotheses": tuple(
            seq for seq in concrete if seq in linked.informed or names(said[seq]["hypothesis"]) & looked_at
        ),
        "early_observations": seen,
        "early_concrete_observations": tuple(seq for seq in seen if is_concrete(said[seq]["observation"])),
        "early_linked_observations": tuple(seq for seq in seen if seq in linked.informed),
        "early_contrasts": tuple(
            seq for seq in early(*CLAIMS) if contrasts(said[seq].get(part, "") for part in CLAIMS)
        ),
        "early_intents": early("plan", "decision"),
        "tested_hypotheses": tested,
        "closed_hypotheses": closed,
        "chain_witnesses": tuple(
            sorted({linked.tested[seq] for seq in tested} | {linked.closed[seq] for seq in closed})
        ),
        "followed_hypotheses": tuple(seq for seq in hypotheses if seq < last_try),
        "explained_edits": tuple(act.seq for act in acts if act.edits_source and act.seq in linked.reasoned),
    }


def _claimed(told: account.Told, said: account.Said, linked: Chains, acts: Sequence[Act]) -> dict[str, Any]:
    edits = [act.seq for act in acts if act.edits_source]
    checks = [act.seq for act in acts if act.checks]
    # A session that changes nothing is closed after the last thing that it ran.
    last = (edits or checks or [-1])[-1]
    closing = {seq: text for seq, text in told.items() if seq > last and seq in said}
    grounds = account.grounds(said, acts, linked.informed)
    claims = tuple(seq for seq, found in said.items() if found.keys() & {*CLAIMS})
    return {
        "claims": claims,
        "concrete_claims": tuple(seq for seq in claims if is_concrete(account.claimed(said[seq]))),
        "grounded_claims": tuple(grounds),
        "claim_grounds": tuple(sorted({*grounds.values()})),
        "unbacked_claims": account.unbacked(told, edits, checks),
        "closing_notes": tuple(closing),
        "closing_accounts": tuple(seq for seq in closing if said[seq].keys() & {"observation", "decision"}),
        "closing_reasons": account.saying(account.REASON, closing),
        "closing_limits": account.limits(closing),
        "lessons": account.saying(account.LESSON, told),
    }


def _tried(acts: Sequence[Act], edits: Sequence[int], first: int, last: int) -> dict[str, Any]:
    checking = [act for act in acts if act.checks]
    before = [act for act in checking if act.seq < first]
    after = [act for act in checking if act.seq > last and edits]
    known = {check for act in before for check in act.checks}
    same = [act for act in after if known.intersection(act.checks)]
    reproductions = working.own_reproductions(acts, first)
    reproducing = {check for act in reproductions for check in act.checks}
    ended, unchecked = working.checked_steps(acts)
    several = len({check for act in after for check in act.checks}) > 1
    return {
        "actions": tuple(act.seq for act in acts),
        "source_edits": tuple(edits),
        "looks_before": tuple(act.seq for act in acts if act.seq < first and not act.doing.changes),
        "checks": tuple(act.seq for act in checking),
        "checks_before": tuple(act.seq for act in before),
        "checks_after": tuple(act.seq for act in after),
        "same_checks": tuple(act.seq for act in same),
        "broad_checks": tuple(act.seq for act in after if several or act.doing.whole_suite),
        "big_steps": _big_steps(acts),
        "crowded_edits": working.crowded_edits(acts),
        "checked_steps": ended,
        "unchecked_edits": unchecked,
        "narrow_checks_before": tuple(act.seq for act in before if not act.doing.whole_suite),
        "own_reproductions": tuple(act.seq for act in reproductions),
        "reproductions_rerun": tuple(act.seq for act in after if reproducing.intersection(act.checks)),
        "regression_tests": working.regression_tests(acts),
        "repeats": tuple(act.seq for act in acts if act.repeats),
        "rereads": working.rereads(acts),
        "distinct_actions": len({act.what for act in acts}),
        "undos": tuple(act.seq for act in acts if act.doing.undoes and not act.repeats),
    }


def _big_steps(acts: Iterable[Act]) -> Seqs:
    found: list[int] = []
    unchecked = 0
    for act in acts:
        unchecked = 0 if act.checks else unchecked + act.edits_source
        if unchecked > MOST_EDITS_A_STEP and act.edits_source:
            found.append(act.seq)
    return tuple(found)


def _recorded(document: Mapping[str, Any], events: Sequence[Event]) -> dict[str, Any]:
    commands = [event for event in events if event["type"] == "cmd_run"]
    runs = [event for event in events if event["type"] in {"cmd_run", "test_run"}]
    return {
        "start_commit": bool(document.get("repo", {}).get("start_commit")),
        "environment": bool(document.get("environment")),
        "commands": _seqs(commands),
        "commands_with_cwd": _seqs(event for event in commands if event.get("cwd")),
        "runs": _seqs(runs),
        "runs_with_exit_code": _seqs(event for event in runs if "exit_code" in event),
        "recorded_changes": _seqs(
            event for event in events if event["type"] in {"file_edit", "commit"} and event.get("diff_unified")
        ),
    }


def _corrected(
    told: account.Told, said: account.Said, linked: Chains, acts: Sequence[Act], churn: hygiene.Churn
) -> dict[str, Any]:
    revisions = account.saying(account.REVISION, told)
    giving_reasons = sorted({*said, *revisions})
    undone = {act.seq for act in acts if act.doing.undoes and not act.repeats}
    corrections = tuple(sorted(undone | {*churn.seqs}))
    after = [act.seq for act in acts if act.checks and corrections and act.seq >= corrections[-1]]
    edits = [act.seq for act in acts if act.edits_source]
    reasoned = working.explained(edits, acts, giving_reasons, linked.reasoned)
    return {
        "unreasoned_edits": tuple(sorted({*edits} - {*reasoned})),
        "lines_added": churn.added,
        "lines_taken_back": churn.taken_back,
        "taken_back": churn.seqs,
        "revisions": revisions,
        "corrections": corrections,
        "explained_corrections": working.explained(corrections, acts, giving_reasons, linked.reasoned),
        "checks_after_corrections": tuple(after),
    }


def _care(events: Sequence[Event], acts: Sequence[Act], diffs: Sequence[hygiene.Diff]) -> dict[str, Any]:
    harmful = {act.seq: {severity for severity, _ in dangers(act.simples)} for act in acts if act.simples}
    written = {"file_edit": "diff_unified", "cmd_run": "command", "test_run": "command", "commit": "diff_unified"}
    return {
        "dangerous_commands": tuple(seq for seq, found in harmful.items() if "dangerous" in found),
        "risky_commands": tuple(seq for seq, found in harmful.items() if "risky" in found),
        "secrets_in_actions": _seqs(
            event for event in events if PLACEHOLDER.search(event.get(written.get(event["type"], ""), ""))
        ),
        "weakened_tests": hygiene.weakened_tests(diffs),
        "leftovers": hygiene.leftovers(diffs),
        "empty_messages": hygiene.empty_messages(events),
        "strays": working.strays(acts),
    }
