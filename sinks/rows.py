"""What a record becomes in ClickHouse: rows by table. Pure, so that a replay gives the same rows again.

Tables come in the order in which they must be inserted: what a view looks through comes last, so that a trace is seen
together with all its events, and a validation with all its tests.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from pipeline.canonical import dumps
from pipeline.errors import Invalid
from pipeline.ids import minted_at_us
from pipeline.merkle import HASH_BYTES
from schemas.codec import plain
from schemas.records import (
    ApiKeyRecorded,
    ArtifactStored,
    AuditEntry,
    CheckpointSigned,
    EventRejected,
    EventsAppended,
    LeafAppended,
    ProjectPolicy,
    Record,
    RunManifest,
    RunPromoted,
    RunStateChanged,
    TokenRevoked,
    TraceAssembled,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceExpired,
    TraceJudged,
    TraceValidated,
)
from sinks.columns import Columns, Row
from sinks.event_rows import event_rows

Rows = dict[str, Collection[Row]]
"""Table -> rows; every row of a table has the same columns in the same order. Times are integers, as columns want."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where in the log a record stands."""

    topic: str
    partition: int
    offset: int


def rows_of(record: Record, position: Position, document: dict[str, Any] | None = None) -> Rows:
    """The rows of one record; `document` is that of a TraceAssembled.

    Raises Invalid for a record of another topic, and for one whose content is not what its schema promises.
    """
    mapper = ROWS.get(type(record))
    if mapper is None:
        raise Invalid(f"no table holds a {type(record).__name__}")
    try:
        tables = mapper(record, document)
        source = _source(record, position) if tables else {}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"{type(record).__name__} cannot become rows: {error!r}") from error
    return {table: Columns.of(rows).beside(source) if rows else [] for table, rows in tables.items()}


def _source(record: Any, position: Position) -> Row:
    place = {
        "source_topic": position.topic,
        "source_partition": position.partition,
        "source_offset": position.offset,
    }
    # The audit trail and runs are about more than traces, and do not expire with them.
    return {"minted_at": minted_at_us(record.trace_id) // 1000, **place} if hasattr(record, "trace_id") else place


def _nothing(_record: Record, _document: object) -> Rows:
    return {}


def _progress(record: Any, stage: str, at_us: int, participant_id: str = "") -> Rows:
    row = {
        "trace_id": record.trace_id,
        "project": record.project,
        "participant_id": participant_id,
        "stage": stage,
        "at": at_us,
    }
    return {"trace_progress": [row]}


def _created(record: TraceCreated, _document: object) -> Rows:
    return _progress(record, "received", record.created_at_us, record.participant_id)


def _completed(record: TraceCompleted, _document: object) -> Rows:
    return _progress(record, "completed", record.completed_at_us)


def _expired(record: TraceExpired, _document: object) -> Rows:
    return _progress(record, "expired", record.expired_at_us)


def _erased(record: TraceErased, _document: object) -> Rows:
    return {"erasures": [{"trace_id": record.trace_id, "project": record.project, "erased_at": record.erased_at_us}]}


def _assembled(record: TraceAssembled, document: dict[str, Any]) -> Rows:
    identity = {"trace_id": record.trace_id, "revision": record.revision, "project": record.project}
    return {
        "events": event_rows(document).beside(identity, front=True) if document["events"] else [],
        "traces": [identity | _trace(record, document)],
    }


def _trace(record: TraceAssembled, document: dict[str, Any]) -> Row:
    public = {name: entry for name, entry in document["artifacts"].items() if not entry["private"]}
    return {
        "participant_id": record.participant_id,
        "consent": record.consent,
        "task_id": record.task_id,
        "task_title": record.task_title,
        "task_description": document["task"].get("description", ""),
        "repo_origin": record.repo_origin,
        "start_commit": record.start_commit or "",
        "environment": document["environment"],
        "outcome": record.outcome,
        "created_at": record.created_at_us,
        "closed_at": record.closed_at_us,
        "first_offset": record.first_offset,
        "last_offset": record.last_offset,
        "chunk_count": record.chunk_count,
        "event_count": record.event_count,
        "intact": record.intact,
        "complete": record.complete,
        "last_link": record.last_link,
        "head": record.head,
        "finding_kinds": [finding.kind for finding in record.findings],
        "findings": dumps([plain(finding) for finding in record.findings]).decode(),
        "metrics": record.metrics.decode(),
        "redactions": record.redactions,
        "artifacts": dumps(public).decode(),
        "document_ref": record.document_ref or "",
        "document_digest": record.document_digest,
        "document_size": record.document_size,
    }


def _validated(record: TraceValidated, _document: object) -> Rows:
    identity = {
        "trace_id": record.trace_id,
        "revision": record.revision,
        "run_id": record.run_id,
        "project": record.project,
    }
    tests = [
        {"suite": t.suite, "test_id": t.id, "before": t.before, "after": t.after, "category": t.category}
        for t in record.tests
    ]
    claims = [
        {"event_seq": c.event_seq, "test_id": c.id, "claimed": c.claimed, "rerun": c.rerun} for c in record.claims
    ]
    return {
        "test_results": [identity | test for test in tests],
        "claims": [identity | claim for claim in claims],
        "validations": [identity | _validation(record)],
    }


def _validation(record: TraceValidated) -> Row:
    return {
        "head": record.head,
        "verdict": record.verdict,
        "level": record.level or "",
        "reason": record.reason or "",
        "detail": record.detail,
        "tests_passed": record.tests_passed,
        "tests_failed": record.tests_failed,
        "runs.name": [run.name for run in record.runs],
        "runs.exit_code": [run.exit_code for run in record.runs],
        "runs.duration_us": [run.duration_us for run in record.runs],
        "runs.passed": [run.passed for run in record.runs],
        "runs.failed": [run.failed for run in record.runs],
        "runs.skipped": [run.skipped for run in record.runs],
        "runs.errors": [run.errors for run in record.runs],
        "runs.timed_out": [run.timed_out for run in record.runs],
        "environment": record.environment,
        "started_at": record.started_at_us,
        "duration_us": record.duration_us,
        "claims_reproduced": record.claims_reproduced,
        "claims_compared": record.claims_compared,
        "claims_incomparable": record.claims_incomparable,
        "reproduced": record.reproduced,
        "compared_with": record.compared_with or "",
    }


def _judged(record: TraceJudged, _document: object) -> Rows:
    row = {
        "trace_id": record.trace_id,
        "revision": record.revision,
        "run_id": record.run_id,
        "rubric_digest": record.rubric_digest,
        "judge_digest": record.judge_digest,
        "project": record.project,
        "head": record.head,
        "outcome": record.outcome,
        "reason": record.reason or "",
        "overall_milli": record.overall_milli,
        "grades.criterion": [grade.criterion for grade in record.grades],
        "grades.grade": [grade.grade for grade in record.grades],
        "grades.weight": [grade.weight for grade in record.grades],
        "grades.rationale": [grade.rationale for grade in record.grades],
        "grades.cited_seqs": [list(grade.cited_seqs) for grade in record.grades],
        "grades.quotes": [[(quote.seq, quote.text) for quote in grade.quotes] for grade in record.grades],
        "grades.votes": [list(grade.votes) for grade in record.grades],
        "grades.spread": [grade.spread for grade in record.grades],
        "rubric_id": record.rubric_id,
        "rubric_version": record.rubric_version,
        "judge": record.judge,
        "model": record.model or "",
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "evidence_ref": record.evidence_ref or "",
        "started_at": record.started_at_us,
        "duration_us": record.duration_us,
        "cost_nano_usd": record.cost_nano_usd,
        "calls": record.calls,
        "left_out_characters": record.left_out_characters,
        "left_out_events": record.left_out_events,
        "suspicions": [(suspicion.rule, suspicion.seq) for suspicion in record.suspicions],
        "jurors": list(record.jurors),
        "cached_from": record.cached_from or "",
    }
    return {"judgements": [row]}


def _rejected(record: EventRejected, _document: object) -> Rows:
    row = {
        "trace_id": record.trace_id,
        "chunk_seq": record.chunk_seq,
        "chunk_id": record.chunk_id,
        "event_index": record.index,
        "pointer": record.pointer,
        "reason": record.reason,
        "project": record.project,
        "rejected_at": record.rejected_at_us,
    }
    return {"rejects": [row]}


def _audited(record: AuditEntry, _document: object) -> Rows:
    row = {
        "project": record.project,
        "at": record.at_us,
        "actor": record.actor,
        "action": record.action,
        "subject": record.subject,
        "detail": record.detail,
    }
    return {"audit": [row]}


def _planned(record: RunManifest, _document: object) -> Rows:
    row = {
        "run_id": record.run_id,
        "project": record.project,
        "selection": record.selection.decode(),
        "rubric_digest": record.rubric_digest,
        "judge_digest": record.judge_digest,
        "rubric": record.rubric.decode(),
        "judge": record.judge.decode(),
        "seed": record.seed,
        "traces": record.traces,
        "plan_ref": record.plan_ref or "",
        "plan_digest": record.plan_digest or "",
        "created_by": record.created_by,
        "created_at": record.created_at_us,
    }
    return {"runs": [row]}


def _run_changed(record: RunStateChanged, _document: object) -> Rows:
    row = {
        "run_id": record.run_id,
        "project": record.project,
        "state": record.state,
        "detail": record.detail,
        "changed_by": record.changed_by,
        "changed_at": record.changed_at_us,
    }
    return {"run_states": [row]}


def _promoted(record: RunPromoted, _document: object) -> Rows:
    row = {
        "project": record.project,
        "run_id": record.run_id,
        "promoted_by": record.promoted_by,
        "promoted_at": record.promoted_at_us,
    }
    return {"promotions": [row]}


def _ruled(record: ProjectPolicy, _document: object) -> Rows:
    row = {
        "project": record.project,
        "consent": record.consent,
        "redact": list(record.redact),
        "recorded_by": record.recorded_by,
        "recorded_at": record.recorded_at_us,
    }
    return {"policies": [row]}


def _leaf(record: LeafAppended, _document: object) -> Rows:
    row = {
        "trace_id": record.trace_id,
        "revision": record.revision,
        "kind": record.kind,
        "leaf_hash": _hash(record.leaf_hash),
        "record_topic": record.source_topic,
        "record_partition": record.source_partition,
        "record_offset": record.source_offset,
        "appended_at": record.appended_at_us,
    }
    return {"leaves": [row]}


def _checkpoint(record: CheckpointSigned, _document: object) -> Rows:
    row = {
        "origin": record.origin,
        "tree_size": record.tree_size,
        "root_hash": _hash(record.root_hash),
        "note": record.note,
        "signed_at": record.signed_at_us,
    }
    return {"checkpoints": [row]}


def _hash(value: bytes) -> bytes:
    # The notary passes over a leaf of another length, so it has no place in the tree; ClickHouse would fill it up.
    if len(value) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(value)}")
    return value


ROWS: dict[type[Record], Callable[[Any, Any], Rows]] = {
    TraceCreated: _created,
    EventsAppended: _nothing,  # events are told from finished revisions only
    ArtifactStored: _nothing,
    TraceCompleted: _completed,
    TraceExpired: _expired,
    TraceErased: _erased,
    TraceAssembled: _assembled,
    TraceValidated: _validated,
    TraceJudged: _judged,
    EventRejected: _rejected,
    AuditEntry: _audited,
    RunManifest: _planned,
    RunStateChanged: _run_changed,
    RunPromoted: _promoted,
    LeafAppended: _leaf,
    CheckpointSigned: _checkpoint,
    ApiKeyRecorded: _nothing,  # who may do what is nothing for analysts
    ProjectPolicy: _ruled,
    TokenRevoked: _nothing,
}
