DROP VIEW IF EXISTS v1_claims;
DROP TABLE IF EXISTS claims;

CREATE OR REPLACE VIEW v1_validations
(
    trace_id     String COMMENT 'Id of the trace',
    revision     UInt32 COMMENT 'Revision that was validated',
    run_id       LowCardinality(String) COMMENT 'live, or the id of a later run',
    project      LowCardinality(String) COMMENT 'Project that owns the trace',
    latest       Bool COMMENT 'It is about the latest revision of the trace',
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
    duration_s   Float64 COMMENT 'Wall time, seconds'
)
AS SELECT
    trace_id,
    revision,
    run_id,
    project,
    toBool((trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)) AS latest,
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
    duration_us / 1e6 AS duration_s
FROM validations FINAL
COMMENT 'One row per validation of a revision in the sandbox';

ALTER TABLE validations
    DROP COLUMN IF EXISTS claims_reproduced,
    DROP COLUMN IF EXISTS claims_compared,
    DROP COLUMN IF EXISTS claims_incomparable,
    DROP COLUMN IF EXISTS reproduced,
    DROP COLUMN IF EXISTS compared_with;
