-- Who did what. It has no expiry: the trail outlives what it is about.

CREATE TABLE IF NOT EXISTS audit
(
    project       LowCardinality(String),
    at            DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    actor         String,
    action        LowCardinality(String),
    subject       String,
    detail        Map(LowCardinality(String), String),
    source_topic      LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64 CODEC(Delta, ZSTD),
    inserted_at   DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(source_offset)
PARTITION BY toYYYYMM(at)
ORDER BY (project, at, actor, action, subject)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE OR REPLACE VIEW v1_audit
(
    at      DateTime64(6, 'UTC') COMMENT 'When it was done, or refused',
    project LowCardinality(String) COMMENT 'Project that it concerns; * for every one',
    actor   String COMMENT 'Who: cli/<login>, key/<id>, jwt/<subject>, configured/<project> or development',
    action  LowCardinality(String) COMMENT 'What: key create, key rotate, key revoke, token revoke, policy set, or denied: and the reason',
    subject String COMMENT 'What it was done to, as key/<id>, trace/<id>, token/<digest>, policy/<project>',
    detail  Map(LowCardinality(String), String) COMMENT 'Further facts, never secrets'
)
AS SELECT at, project, actor, action, subject, detail
FROM audit FINAL
COMMENT 'One row per privileged action, and per refusal of somebody known';
