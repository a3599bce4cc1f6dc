-- What the client claimed of its tests against the rerun, and whether a re-validation came to the same result.

ALTER TABLE validations
    ADD COLUMN IF NOT EXISTS claims_reproduced Nullable(Bool) AFTER duration_us,
    ADD COLUMN IF NOT EXISTS claims_compared UInt32 AFTER claims_reproduced,
    ADD COLUMN IF NOT EXISTS claims_incomparable UInt32 AFTER claims_compared,
    ADD COLUMN IF NOT EXISTS reproduced Nullable(Bool) AFTER claims_incomparable,
    ADD COLUMN IF NOT EXISTS compared_with LowCardinality(String) AFTER reproduced;

-- Keyed by the log position of its validation too, as test_results is.
CREATE TABLE IF NOT EXISTS claims
(
    trace_id         String,
    revision         UInt32,
    run_id           LowCardinality(String),
    source_offset    UInt64 CODEC(Delta, ZSTD),
    test_id          String CODEC(ZSTD),
    event_seq        UInt64,
    project          LowCardinality(String),
    claimed          LowCardinality(String),
    rerun            LowCardinality(String),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic     LowCardinality(String),
    source_partition UInt32 CODEC(Delta, ZSTD),
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, run_id, source_offset, test_id, event_seq)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE OR REPLACE VIEW v1_validations
(
    trace_id     String COMMENT 'Id of the trace',
    revision     UInt32 COMMENT 'Revision that was validated',
    run_id       LowCardinality(String) COMMENT 'live, or the id of a later run',
    project      LowCardinality(String) COMMENT 'Project that owns the trace',
    latest       Bool COMMENT 'It is about the latest revision of the trace',
    current      Bool COMMENT 'It is the verdict that counts: the live one of the latest revision',
    head         String COMMENT 'Head of the revision, sha256:<hex>',
    verdict      LowCardinality(String) COMMENT 'fixed, not_fixed, regressed, flaky, unverifiable, timeout or infra_failure',
    level        LowCardinality(String) COMMENT 'For fixed: verified, or verified_by_own_tests',
    reason       LowCardinality(String) COMMENT 'Short code that says why, where the verdict needs one',
    detail       String COMMENT 'The reason in words',
    tests_passed UInt32 COMMENT 'Tests that pass after the change',
    tests_failed UInt32 COMMENT 'Tests that fail or err after the change',
    runs         Array(Tuple(name String, exit_code Nullable(Int32), duration_s Float64, passed UInt32, failed UInt32, skipped UInt32, errors UInt32, timed_out Bool)) COMMENT 'Runs of the test suite, in order',
    environment  Map(LowCardinality(String), String) COMMENT 'What it ran in: image digest, runtime, limits, tree digests',
    started_at   DateTime64(6, 'UTC') COMMENT 'When it began',
    duration_s   Float64 COMMENT 'Wall time, seconds',
    claims_reproduced   Nullable(Bool) COMMENT 'The rerun agrees with all test results of the client that can be compared; NULL where none can',
    claims_compared     UInt32 COMMENT 'Tests claimed by the client that were compared; v1_claims has those that differ',
    claims_incomparable UInt32 COMMENT 'Tests claimed by the client of which the rerun cannot tell which of its tests they are',
    reproduced          Nullable(Bool) COMMENT 'For a re-validation: verdict, level, reason and each test are as in the run it is compared with; NULL otherwise',
    compared_with       LowCardinality(String) COMMENT 'run_id that reproduced speaks of; empty for none'
)
AS SELECT
    trace_id,
    revision,
    run_id,
    project,
    toBool((trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)) AS latest,
    toBool(run_id = 'live' AND (trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)) AS current,
    head,
    verdict,
    level,
    reason,
    detail,
    tests_passed,
    tests_failed,
    arrayZip(
        runs.name, runs.exit_code, arrayMap(us -> us / 1e6, runs.duration_us),
        runs.passed, runs.failed, runs.skipped, runs.errors, runs.timed_out
    ) AS runs,
    environment,
    started_at,
    duration_us / 1e6 AS duration_s,
    claims_reproduced,
    claims_compared,
    claims_incomparable,
    reproduced,
    compared_with
FROM validations FINAL
COMMENT 'One row per validation of a revision in the sandbox';

CREATE OR REPLACE VIEW v1_claims
(
    trace_id  String COMMENT 'Id of the trace',
    revision  UInt32 COMMENT 'Revision that was validated',
    run_id    LowCardinality(String) COMMENT 'live, or the id of a later run',
    project   LowCardinality(String) COMMENT 'Project that owns the trace',
    event_seq UInt64 COMMENT 'seq of the test_run event that claimed it',
    test_id   String COMMENT 'Id of the test, as the client wrote it',
    claimed   LowCardinality(String) COMMENT 'What the client claimed: passed, failed, skipped or error',
    rerun     LowCardinality(String) COMMENT 'What the rerun shows: passed, failed, skipped, error or absent'
)
AS SELECT trace_id, revision, run_id, project, event_seq, test_id, claimed, rerun
FROM claims FINAL
WHERE (trace_id, revision, run_id, source_offset) IN
    (SELECT trace_id, revision, run_id, max(source_offset) FROM validations GROUP BY trace_id, revision, run_id)
COMMENT 'One row per test of which the client claimed something else than the rerun of a validation shows';
