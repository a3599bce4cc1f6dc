"""What came of the cookbook's sessions: runs, labels and grades, made up: no judge changes the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.canonical import digest, dumps
from schemas.records import (
    AuditEntry,
    Grade,
    Record,
    RunManifest,
    RunPromoted,
    RunStateChanged,
    Suspicion,
    TraceErased,
    TraceJudged,
)
from tests.support.cookbook_telling import HOUR_US, MONDAY_US, Assembled
from tests.support.cookbook_verdicts import validated, validated_again
from tests.support.traces import SECOND_US

CRITERIA = {
    "problem_understanding": 200,
    "causal_linking": 250,
    "experiment_design": 200,
    "efficiency": 150,
    "reproducibility": 100,
    "safety_hygiene": 100,
}
TRIAL, PANEL = "rubric-1.1-trial", "panel-trial"
MODEL = "gpt-4o-mini"
OPERATOR = "cli/maria"
GRADES: dict[str, str] = {
    # name: a grade of each criterion; the trial's; - where none could be given
    "example-simple": "555455 545455",
    "example-complex": "555445 455435",
    "example-failed": "454355 344345",
    "last-page": "344545 334434",
    "slow-list": "110213 000112",
    "wrong-currency": "454255 444255",
    "midnight": "333345 233345",
    "mail-login": "-1-133 111122",
    "last-page-2": "223545 122544",
    "lost-update": "322254 222144",
    "time-zone": "344435 233334",
    "example-failed-2": "445545 444445",
    "memory": "       211133",
}
LABELS = {
    "maria": {
        "example-simple": "544455",
        "example-failed": "343345",
        "slow-list": "010112",
        "wrong-currency": "444145",
    },
    "tom": {"example-simple": "554445", "example-failed": "354245", "slow-list": "110002", "last-page": "343434"},
}
VOTES = {"example-failed": ("455", "344", "345"), "midnight": ("133", "334", "224"), "time-zone": ("333", "344", "-34")}


def results_of(one: Assembled) -> Iterator[Record]:
    """What the sandbox and the judge say of a session, each revision of it."""
    for revision, _ in one.revisions:
        yield validated(one, revision.revision)
        yield _judged(one, revision.revision)


def erased(one: Assembled) -> Iterator[Record]:
    """All that is left of a session whose participant withdrew: the entry, and the erasure of the same time."""
    at_us, actor, reason = one.latest.closed_at_us + HOUR_US, "key/web-7", "withdrawn"
    about, project = one.told.trace_id, one.told.project
    detail, subject = {"reason": reason}, f"trace/{about}"
    yield AuditEntry(project=project, actor=actor, action="trace erase", subject=subject, detail=detail, at_us=at_us)
    yield TraceErased(trace_id=about, project=project, actor=actor, reason=reason, erased_at_us=at_us)


def _graded(grades: str, rationale: str, votes: Sequence[str] = ()) -> tuple[Grade, ...]:
    return tuple(
        Grade(
            criterion=name,
            grade=None if grade == "-" else int(grade),
            weight=weight,
            rationale=rationale,
            cited_seqs=(0,),
            votes=tuple(None if v[at] == "-" else int(v[at]) for v in votes),
            spread=_spread([v[at] for v in votes]) if votes else None,
        )
        for at, ((name, weight), grade) in enumerate(zip(CRITERIA.items(), grades, strict=False))
    )


def _spread(votes: Sequence[str]) -> int:
    numbers = [int(vote) for vote in votes if vote != "-"]
    return max(numbers) - min(numbers)


def _judged(one: Assembled, revision: int, **changes: Any) -> TraceJudged:
    about = one.revisions[revision - 1][0]
    live, given = GRADES[one.told.name][:6], changes.pop("grades", None)
    if given is None:
        given = () if live.isspace() else _graded(live, "as its form says")
    weighed = [(grade.weight, grade.grade) for grade in given if grade.grade is not None]
    overall = round(1000 * sum(w * g for w, g in weighed) / sum(w for w, _ in weighed)) if weighed else None
    suspicious = one.told.name == "slow-list"
    fields: dict[str, Any] = {
        "reason": None if given else "no_edits",
        "rubric_version": "1.0",
        "judge": "heuristic",
        "run_id": "live",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "started_at_us": about.closed_at_us + 250_000,
        "duration_us": 1_000 * about.event_count,
        "suspicions": (Suspicion(rule="demands-grade", seq=0),) if suspicious else (),
        **changes,
    }
    rubric = f"rubric {fields['rubric_version']}"
    return TraceJudged(
        trace_id=about.trace_id,
        project=about.project,
        revision=revision,
        head=about.head,
        outcome="scored" if given else "unscored",
        overall_milli=overall,
        grades=given,
        rubric_id="pr-telemetry",
        rubric_digest=digest(rubric.encode()),
        judge_digest=digest(f"{fields['judge']} {fields.get('model')} {rubric}".encode()),
        **fields,
    )


def runs_of(ended: Sequence[Assembled]) -> Iterator[Record]:
    """Re-score runs, labels of people and a re-validation, all after the last session."""
    at_us = MONDAY_US + 120 * HOUR_US
    judged = [one for one in ended if one.told.name in GRADES]
    for number, one in enumerate(judged):
        tokens = 1_500 + 40 * one.latest.event_count
        yield _judged(one, one.latest.revision, **_trial(one, tokens, at_us + number * 3 * SECOND_US))
    for one in judged:
        if votes := VOTES.get(one.told.name):
            yield _panel(one, votes, at_us + HOUR_US)
        yield from validated_again(one)
    yield from _labels(judged, at_us + 2 * HOUR_US)
    yield from _manifests(len(judged), at_us)


def _trial(one: Assembled, tokens: int, at_us: int) -> dict[str, Any]:
    refused = one.told.name == "slow-list"
    return {
        "grades": () if refused else _graded(GRADES[one.told.name][7:], "as the model reads it"),
        "reason": "injection_suspected" if refused else None,
        "rubric_version": "1.1",
        "judge": "openai",
        "model": MODEL,
        "run_id": TRIAL,
        "prompt_tokens": tokens,
        "completion_tokens": 600,
        "calls": 1,
        "cost_nano_usd": None if one.told.name == "mail-login" else tokens * 150 + 600 * 600,
        "left_out_events": 3 if one.told.name == "example-complex" else 0,
        "left_out_characters": 2_048 if one.told.name == "example-complex" else 0,
        "started_at_us": at_us,
        "duration_us": 2_500_000,
    }


def _panel(one: Assembled, votes: Sequence[str], at_us: int) -> TraceJudged:
    middle = "".join(sorted(vote[at] for vote in votes if vote[at] != "-")[1] for at in range(len(votes[0])))
    return _judged(
        one,
        one.latest.revision,
        grades=_graded(middle, "the middle of three", votes),
        judge="panel",
        run_id=PANEL,
        jurors=("alpha", "beta", "gamma"),
        calls=3,
        cost_nano_usd=2_100_000,
        prompt_tokens=6_000,
        completion_tokens=1_800,
        started_at_us=at_us,
        duration_us=6_000_000,
    )


def _labels(judged: Sequence[Assembled], at_us: int) -> Iterator[Record]:
    for labeller, sheets in LABELS.items():
        for one in judged:
            if given := sheets.get(one.told.name):
                grades, run_id = _graded(given, "as a person reads it"), f"human-{labeller}"
                shared = {"grades": grades, "run_id": run_id, "judge": "human", "suspicions": ()}
                yield _judged(one, one.latest.revision, **shared, started_at_us=at_us, duration_us=90 * SECOND_US)


def _manifests(traces: int, at_us: int) -> Iterator[Record]:
    yield RunManifest(
        run_id=TRIAL,
        project="*",
        selection=dumps({"projects": ["backend", "web"]}),
        rubric_digest=digest(b"rubric 1.1"),
        judge_digest=digest(f"openai {MODEL} rubric 1.1".encode()),
        seed=7,
        created_by=OPERATOR,
        created_at_us=at_us - 60 * SECOND_US,
        rubric=dumps({"id": "pr-telemetry", "version": "1.1"}),
        judge=dumps({"kind": "openai", "model": MODEL}),
        traces=traces,
    )
    yield RunStateChanged(
        run_id=TRIAL, project="*", state="done", detail={}, changed_by=OPERATOR, changed_at_us=at_us + 60 * SECOND_US
    )
    for hours, run_id, before in ((3, TRIAL, "live"), (5, "live", TRIAL), (6, TRIAL, "live")):
        changed_us = at_us + hours * HOUR_US
        yield AuditEntry(
            project="backend",
            actor=OPERATOR,
            action="run promote",
            subject=f"run/{run_id}",
            detail={"before": before},
            at_us=changed_us,
        )
        yield RunPromoted(run_id=run_id, project="backend", promoted_by=OPERATOR, promoted_at_us=changed_us)
