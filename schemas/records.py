"""Frozen Python records, field by field those of the Avro schemas under schemas/avro/ (a test holds them together)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCreated:
    """A trace begins."""

    trace_id: str
    project: str
    participant_id: str
    consent: str
    consent_source: str
    task_id: str
    task_title: str
    task_description: str | None = None
    repo_origin: str
    start_commit: str | None = None
    environment: dict[str, str]
    created_at_us: int
    redactions: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAppended:
    """One uploaded chunk of events; the atomic, idempotent unit of the log."""

    trace_id: str
    project: str
    created_offset: int
    chunk_id: str
    chunk_seq: int
    received_at_us: int
    events: tuple[bytes, ...]
    chunk_digest: str
    body_mac: bytes
    prev_chunk_digest: str | None = None
    redactions: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactStored:
    """A file belonging to a trace was stored."""

    trace_id: str
    project: str
    created_offset: int
    name: str
    kind: str
    sha256: str
    size: int
    content_type: str
    private: bool
    received_at_us: int
    redactions: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCompleted:
    """The client says the trace is whole."""

    trace_id: str
    project: str
    created_offset: int
    completed_at_us: int
    event_count: int | None = None
    last_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceExpired:
    """The trace was idle or open for too long; it is assembled as abandoned."""

    trace_id: str
    project: str
    created_offset: int
    expired_at_us: int
    idle_us: int
    age_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceErased:
    """Consent was withdrawn; only heads remain."""

    trace_id: str
    project: str
    erased_at_us: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One integrity finding."""

    kind: str
    detail: str
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceAssembled:
    """A revision of a finished trace: integrity, metrics, document."""

    trace_id: str
    project: str
    revision: int
    outcome: str
    participant_id: str
    consent: str
    task_id: str
    task_title: str
    repo_origin: str
    start_commit: str | None = None
    created_at_us: int
    closed_at_us: int
    first_offset: int
    last_offset: int
    chunk_count: int
    event_count: int
    intact: bool
    complete: bool
    last_link: str
    head: str
    findings: tuple[Finding, ...]
    metrics: bytes
    redactions: dict[str, int]
    document: bytes | None = None
    document_ref: str | None = None
    document_digest: str
    document_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """One run of a test suite in the sandbox."""

    name: str
    exit_code: int | None = None
    duration_us: int
    passed: int
    failed: int
    skipped: int
    errors: int
    timed_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """One test before and after the change."""

    id: str
    before: str
    after: str
    category: str
    suite: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingClaim:
    """One test of which the client claimed something else than the rerun shows."""

    event_seq: int
    id: str
    claimed: str
    rerun: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceValidated:
    """What re-running the tests in a clean sandbox showed."""

    trace_id: str
    project: str
    revision: int
    head: str
    verdict: str
    level: str | None = None
    reason: str | None = None
    detail: str
    runs: tuple[SuiteRun, ...]
    tests: tuple[TestOutcome, ...]
    tests_passed: int
    tests_failed: int
    environment: dict[str, str]
    run_id: str
    started_at_us: int
    duration_us: int
    claims_reproduced: bool | None = None
    claims_compared: int = 0
    claims_incomparable: int = 0
    claims: tuple[DifferingClaim, ...] = ()
    reproduced: bool | None = None
    compared_with: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Words of an event that a grade rests on."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One criterion's grade."""

    criterion: str
    grade: int | None = None
    weight: int
    rationale: str
    cited_seqs: tuple[int, ...]
    quotes: tuple[Quote, ...] = ()
    votes: tuple[int | None, ...] = ()
    spread: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Text in the trace that seems to be meant for the judge."""

    rule: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceJudged:
    """How the work was done, graded against a rubric."""

    trace_id: str
    project: str
    revision: int
    head: str
    outcome: str
    reason: str | None = None
    overall_milli: int | None = None
    grades: tuple[Grade, ...]
    rubric_id: str
    rubric_version: str
    rubric_digest: str
    judge: str
    judge_digest: str
    model: str | None = None
    run_id: str
    prompt_tokens: int
    completion_tokens: int
    evidence_ref: str | None = None
    started_at_us: int
    duration_us: int
    cost_nano_usd: int | None = None
    calls: int = 0
    left_out_characters: int = 0
    left_out_events: int = 0
    suspicions: tuple[Suspicion, ...] = ()
    jurors: tuple[str, ...] = ()
    cached_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafAppended:
    """One leaf of the Merkle log."""

    kind: str
    trace_id: str
    revision: int
    leaf_hash: bytes
    source_topic: str
    source_partition: int
    source_offset: int
    appended_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSigned:
    """A signed statement of the Merkle log's size and root."""

    origin: str
    tree_size: int
    root_hash: bytes
    note: str
    signed_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecorded:
    """An API key was created, rotated or revoked."""

    key_id: str
    project: str
    role: str
    key_hash: str
    revoked: bool
    recorded_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPolicy:
    """What a project's traces may be used for when the client does not say, and which personal data are redacted."""

    project: str
    consent: str
    recorded_by: str
    recorded_at_us: int
    redact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRevoked:
    """An upload token or a JWT subject is no longer accepted."""

    subject_kind: str
    subject: str
    reason: str
    revoked_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunManifest:
    """The frozen plan of a re-score run."""

    run_id: str
    project: str
    selection: bytes
    rubric_digest: str
    judge_digest: str
    seed: int
    created_by: str
    created_at_us: int
    rubric: bytes = b""
    judge: bytes = b""
    traces: int = 0
    plan_ref: str | None = None
    plan_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStateChanged:
    """A re-score run began, was held, went on, ended, or was put away."""

    run_id: str
    project: str
    state: str
    detail: dict[str, str]
    changed_by: str
    changed_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPromoted:
    """Views of current scores follow this run from now on."""

    run_id: str
    project: str
    promoted_by: str
    promoted_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what."""

    project: str
    actor: str
    action: str
    subject: str
    detail: dict[str, str]
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRejected:
    """An event was refused; the rest of its chunk was taken."""

    trace_id: str
    project: str
    chunk_id: str
    chunk_seq: int
    index: int
    pointer: str
    reason: str
    rejected_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyProgress:
    """Where rebuilding of open traces starts in one partition of trace-log."""

    partition: int
    rebuild_from: int
    committed_offset: int


Record = (
    TraceCreated
    | EventsAppended
    | ArtifactStored
    | TraceCompleted
    | TraceExpired
    | TraceErased
    | TraceAssembled
    | TraceValidated
    | TraceJudged
    | LeafAppended
    | CheckpointSigned
    | ApiKeyRecorded
    | ProjectPolicy
    | TokenRevoked
    | RunManifest
    | RunStateChanged
    | RunPromoted
    | AuditEntry
    | EventRejected
    | AssemblyProgress
)
RECORDS: dict[str, type[Record]] = {
    record.__name__: record
    for record in (
        TraceCreated,
        EventsAppended,
        ArtifactStored,
        TraceCompleted,
        TraceExpired,
        TraceErased,
        TraceAssembled,
        TraceValidated,
        TraceJudged,
        LeafAppended,
        CheckpointSigned,
        ApiKeyRecorded,
        ProjectPolicy,
        TokenRevoked,
        RunManifest,
        RunStateChanged,
        RunPromoted,
        AuditEntry,
        EventRejected,
        AssemblyProgress,
    )
}
