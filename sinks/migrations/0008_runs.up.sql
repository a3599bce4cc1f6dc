-- What a judgement cost, what its judge was not shown, and how a panel voted.

ALTER TABLE judgements
    ADD COLUMN IF NOT EXISTS `grades.quotes` Array(Array(Tuple(seq UInt64, text String))) AFTER `grades.cited_seqs`,
    ADD COLUMN IF NOT EXISTS `grades.votes` Array(Array(Nullable(UInt8))) AFTER `grades.quotes`,
    ADD COLUMN IF NOT EXISTS `grades.spread` Array(Nullable(UInt8)) AFTER `grades.votes`,
    ADD COLUMN IF NOT EXISTS cost_nano_usd Nullable(UInt64) AFTER duration_us,
    ADD COLUMN IF NOT EXISTS calls UInt32 AFTER cost_nano_usd,
    ADD COLUMN IF NOT EXISTS left_out_characters UInt64 AFTER calls,
    ADD COLUMN IF NOT EXISTS left_out_events UInt64 AFTER left_out_characters,
    ADD COLUMN IF NOT EXISTS suspicions Array(Tuple(rule LowCardinality(String), seq UInt64)) AFTER left_out_events,
    ADD COLUMN IF NOT EXISTS jurors Array(LowCardinality(String)) AFTER suspicions,
    ADD COLUMN IF NOT EXISTS cached_from LowCardinality(String) AFTER jurors;

-- Runs, what became of them, and which run the current scores of a project follow; kept for ever.
CREATE TABLE IF NOT EXISTS runs
(
    run_id           String,
    project          LowCardinality(String),
    selection        String CODEC(ZSTD) COMMENT 'JSON object: what was asked for, and the offsets by partition',
    rubric_digest    LowCardinality(String),
    judge_digest     LowCardinality(String),
    rubric           String CODEC(ZSTD) COMMENT 'JSON object',
    judge            String CODEC(ZSTD) COMMENT 'JSON object',
    seed             UInt64,
    traces           UInt64,
    plan_ref         String,
    plan_digest      String,
    created_by       String,
    created_at       DateTime64(6, 'UTC'),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64,
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(source_offset)
ORDER BY run_id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS run_states
(
    run_id           String,
    project          LowCardinality(String),
    state            LowCardinality(String),
    detail           Map(LowCardinality(String), String),
    changed_by       String,
    changed_at       DateTime64(6, 'UTC'),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64,
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(source_offset)
ORDER BY (run_id, changed_at, state)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS promotions
(
    project          LowCardinality(String),
    run_id           String,
    promoted_by      String,
    promoted_at      DateTime64(6, 'UTC'),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64,
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(source_offset)
ORDER BY (project, promoted_at, run_id)
SETTINGS non_replicated_deduplication_window = 10000;
