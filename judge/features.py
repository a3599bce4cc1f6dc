"""The named features of a trace that grades rest on, each with the seqs of the events that show it. Pure.

Outcomes are not looked at: not the counts, results, exit codes or output of any run, nor whether the fix works. Ids are
used only to follow `caused_by`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from judge import hygiene
from judge.dangers import dangers
from judge.links import chains, effects
from judge.phrases import Part, contrasts, is_concrete, names, parts
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
    # What it cost
    repeats: Seqs
    distinct_actions: int
    undos: Seqs
    lines_added: int
    lines_taken_back: int
    taken_back: Seqs
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
    return Features(
        **_thought(events, acts, first),
        **_tried(acts, edits, first, last),
        **_recorded(document, events),
        **_care(events, acts),
    )


def _seqs(events: Iterable[Event]) -> Seqs:
    return tuple(event["seq"] for event in events)


def _thought(events: Sequence[Event], acts: Sequence[Act], first_edit: int) -> dict[str, Any]:
    said = {event["seq"]: found for event in events if event["type"] == "rationale_note" and (found := parts(event))}

    def saying(part: Part) -> Seqs:
        return tuple(seq for seq, found in said.items() if part in found)

    def early(*wanted: Part) -> Seqs:
        return tuple(seq for seq in said if seq < first_edit and said[seq].keys() & {*wanted})

    hypotheses = saying("hypothesis")
    concrete = tuple(seq for seq in early("hypothesis") if is_concrete(said[seq]["hypothesis"]))
    looked_at = names("\n".join(act.what for act in acts if act.seq < first_edit and not act.doing.changes))
    answers = {seq for seq, found in said.items() if found.keys() - {"plan"}}
    notes = {event["seq"] for event in events if event["type"] == "rationale_note"}
    linked = chains(_seqs(events), effects(events), notes, answers)
    tested = tuple(seq for seq in hypotheses if seq in linked.tested)
    closed = tuple(seq for seq in hypotheses if seq in linked.closed)
    last_try = max((act.seq for act in acts if act.checks or act.doing.changes), default=-1)
    return {
        "notes": tuple(said),
        "hypotheses": hypotheses,
        "early_hypotheses": early("hypothesis"),
        "concrete_hypotheses": concrete,
        "grounded_hypotheses": tuple(
            seq for seq in concrete if seq in linked.informed or names(said[seq]["hypothesis"]) & looked_at
        ),
        "early_observations": early("observation"),
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


def _tried(acts: Sequence[Act], edits: Sequence[int], first: int, last: int) -> dict[str, Any]:
    checking = [act for act in acts if act.checks]
    before = [act for act in checking if act.seq < first]
    after = [act for act in checking if act.seq > last and edits]
    known = {check for act in before for check in act.checks}
    same = [act for act in after if known.intersection(act.checks)]
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
        "repeats": tuple(act.seq for act in acts if act.repeats),
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


def _care(events: Sequence[Event], acts: Iterable[Act]) -> dict[str, Any]:
    harmful = {act.seq: {severity for severity, _ in dangers(act.simples)} for act in acts if act.simples}
    written = {"file_edit": "diff_unified", "cmd_run": "command", "test_run": "command", "commit": "diff_unified"}
    diffs = hygiene.read_diffs(events)
    churn = hygiene.churn(diffs)
    return {
        "dangerous_commands": tuple(seq for seq, found in harmful.items() if "dangerous" in found),
        "risky_commands": tuple(seq for seq, found in harmful.items() if "risky" in found),
        "secrets_in_actions": _seqs(
            event for event in events if PLACEHOLDER.search(event.get(written.get(event["type"], ""), ""))
        ),
        "weakened_tests": hygiene.weakened_tests(diffs),
        "leftovers": hygiene.leftovers(diffs),
        "empty_messages": hygiene.empty_messages(events),
        "lines_added": churn.added,
        "lines_taken_back": churn.taken_back,
        "taken_back": churn.seqs,
    }
