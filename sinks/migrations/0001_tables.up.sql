-- Private tables. Nothing reads them but the views of the next steps and the gateway.
--
-- Sorting keys are semantic: an upstream repeat has other offsets and still replaces its first copy, and where copies
-- differ the one furthest in the log wins (`source_offset`). A trace's tables share its `minted_at`, the time inside
-- the trace id, for partitions and expiry, so that copies meet in one partition and a trace leaves whole.

CREATE TABLE IF NOT EXISTS trace_progress
(
    trace_id      String,
    project       LowCardinality(String),
    stage         LowCardinality(String) COMMENT 'received, completed or expired',
    at            DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    minted_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic      LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64 CODEC(Delta, ZSTD),
    inserted_at   DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, stage, source_offset)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS traces
(
    trace_id         String,
    revision         UInt32,
    project          LowCardinality(String),
    participant_id   String,
    consent          LowCardinality(String),
    task_id          String,
    task_title       String,
    task_description String CODEC(ZSTD),
    repo_origin      String,
    start_commit     String,
    environment      Map(LowCardinality(String), String),
    outcome          LowCardinality(String),
    created_at       DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    closed_at        DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    first_offset     UInt64,
    last_offset      UInt64,
    chunk_count      UInt64,
    event_count      UInt64,
    intact           Bool,
    complete         Bool,
    last_link        String,
    head             String,
    finding_kinds    Array(LowCardinality(String)),
    findings         String CODEC(ZSTD) COMMENT 'JSON array of {kind, detail, offsets}',
    metrics          String CODEC(ZSTD) COMMENT 'JSON object, as in TraceAssembled',
    duration_us      UInt64 MATERIALIZED JSONExtract(metrics, 'duration_us', 'UInt64'),
    active_us        UInt64 MATERIALIZED JSONExtract(metrics, 'active_us', 'UInt64'),
    clock_skew_us    Nullable(Int64) MATERIALIZED JSONExtract(metrics, 'clock_skew_us', 'Nullable(Int64)'),
    num_file_edits   UInt64 MATERIALIZED JSONExtract(metrics, 'num_file_edits', 'UInt64'),
    cmd_runs         UInt64 MATERIALIZED JSONExtract(metrics, 'events_by_type', 'cmd_run', 'UInt64'),
    test_runs        UInt64 MATERIALIZED JSONExtract(metrics, 'test_runs', 'UInt64'),
    commits          UInt64 MATERIALIZED JSONExtract(metrics, 'commits', 'UInt64'),
    rationale_notes  UInt64 MATERIALIZED JSONExtract(metrics, 'rationale_notes', 'UInt64'),
    files_touched    UInt64 MATERIALIZED JSONExtract(metrics, 'files_touched', 'UInt64'),
    lines_added      UInt64 MATERIALIZED JSONExtract(metrics, 'lines_added', 'UInt64'),
    lines_removed    UInt64 MATERIALIZED JSONExtract(metrics, 'lines_removed', 'UInt64'),
    lines_reverted   UInt64 MATERIALIZED JSONExtract(metrics, 'lines_reverted', 'UInt64'),
    failures_before_first_green UInt64 MATERIALIZED JSONExtract(metrics, 'failures_before_first_green', 'UInt64'),
    time_to_first_edit_us Nullable(UInt64) MATERIALIZED JSONExtract(metrics, 'time_to_first_edit_us', 'Nullable(UInt64)'),
    time_to_first_green_us Nullable(UInt64) MATERIALIZED JSONExtract(metrics, 'time_to_first_green_us', 'Nullable(UInt64)'),
    hypotheses       UInt64 MATERIALIZED JSONExtract(metrics, 'hypotheses', 'UInt64'),
    hypotheses_tested UInt64 MATERIALIZED JSONExtract(metrics, 'hypotheses_tested', 'UInt64'),
    hypothesis_to_experiment_us Nullable(UInt64) MATERIALIZED JSONExtract(metrics, 'hypothesis_to_experiment_us', 'Nullable(UInt64)'),
    redactions       Map(LowCardinality(String), UInt32),
    artifacts        String CODEC(ZSTD) COMMENT 'JSON object by name; private ones are left out',
    document_ref     String,
    document_digest  String,
    document_size    UInt64,
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64,
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(source_offset)
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- `chain_index` and not `seq` is the key: two events that claim one seq are both kept.
CREATE TABLE IF NOT EXISTS events
(
    trace_id         String,
    revision         UInt32,
    chain_index      UInt32 CODEC(Delta, ZSTD),
    project          LowCardinality(String),
    seq              UInt64 CODEC(Delta, ZSTD),
    event_id         String,
    type             LowCardinality(String),
    ts_client        DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    received_at      DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    chunk_seq        UInt64 CODEC(Delta, ZSTD),
    caused_by        Array(String),
    file_path        String,
    author           LowCardinality(String),
    command          String CODEC(ZSTD),
    exit_code        Nullable(Int64),
    duration_us      Nullable(UInt64),
    framework        LowCardinality(String),
    passed           UInt64,
    failed           UInt64,
    skipped          UInt64,
    errors           UInt64,
    commit_sha       String,
    event            String CODEC(ZSTD(3)) COMMENT 'the event as stored: canonical JSON',
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic     LowCardinality(String),
    source_partition UInt32 CODEC(Delta, ZSTD),
    source_offset    UInt64 CODEC(Delta, ZSTD),
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(source_offset)
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, chain_index)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS validations
(
    trace_id         String,
    revision         UInt32,
    run_id           LowCardinality(String),
    project          LowCardinality(String),
    head             String,
    verdict          LowCardinality(String),
    level            LowCardinality(String),
    reason           LowCardinality(String),
    detail           String CODEC(ZSTD),
    tests_passed     UInt32,
    tests_failed     UInt32,
    runs Nested
    (
        name         LowCardinality(String),
        exit_code    Nullable(Int32),
        duration_us  UInt64,
        passed       UInt32,
        failed       UInt32,
        skipped      UInt32,
        errors       UInt32,
        timed_out    Bool
    ),
    environment      Map(LowCardinality(String), String),
    started_at       DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    duration_us      UInt64,
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64,
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(source_offset)
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, run_id)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- Keyed by the log position of its validation too: a repeated validation shows its own tests, never a mixture.
CREATE TABLE IF NOT EXISTS test_results
(
    trace_id         String,
    revision         UInt32,
    run_id           LowCardinality(String),
    source_offset    UInt64 CODEC(Delta, ZSTD),
    suite            LowCardinality(String),
    test_id          String CODEC(ZSTD),
    project          LowCardinality(String),
    before           LowCardinality(String),
    after            LowCardinality(String),
    category         LowCardinality(String),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic     LowCardinality(String),
    source_partition UInt32 CODEC(Delta, ZSTD),
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, run_id, source_offset, suite, test_id)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

-- Grades stay inside their judgement: one row is one judgement, whole or not there.
CREATE TABLE IF NOT EXISTS judgements
(
    trace_id          String,
    revision          UInt32,
    run_id            LowCardinality(String),
    rubric_digest     LowCardinality(String),
    judge_digest      LowCardinality(String),
    project           LowCardinality(String),
    head              String,
    outcome           LowCardinality(String),
    reason            String,
    overall_milli     Nullable(UInt16),
    grades Nested
    (
        criterion     LowCardinality(String),
        grade         Nullable(UInt8),
        weight        UInt16,
        rationale     String,
        cited_seqs    Array(UInt64)
    ),
    rubric_id         LowCardinality(String),
    rubric_version    LowCardinality(String),
    judge             LowCardinality(String),
    model             LowCardinality(String),
    prompt_tokens     UInt64,
    completion_tokens UInt64,
    evidence_ref      String,
    started_at        DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    duration_us       UInt64,
    minted_at         DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic      LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64,
    inserted_at       DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(source_offset)
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, run_id, rubric_digest, judge_digest)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;
