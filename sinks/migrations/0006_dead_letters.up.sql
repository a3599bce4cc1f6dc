-- Dead letters, by their place in the log; what was decided about them is in the audit trail.

CREATE TABLE IF NOT EXISTS dead_letters
(
    trace_id         String,
    origin_topic     LowCardinality(String),
    origin_partition UInt64,
    origin_offset    UInt64 CODEC(Delta, ZSTD),
    consumer_group   LowCardinality(String),
    stage            LowCardinality(String),
    error            LowCardinality(String),
    reason           String CODEC(ZSTD),
    key              String,
    size             UInt64,
    digest           String,
    redrive_of       String,
    refused_at       DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64 CODEC(Delta, ZSTD),
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(refused_at)
ORDER BY (source_topic, source_partition, source_offset)
TTL toDateTime(refused_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE OR REPLACE VIEW v1_dead_letters
(
    letter         String COMMENT 'The letter, as pr-telemetry dlq names it: topic.dlq/partition/offset',
    state          LowCardinality(String) COMMENT 'open, redriving (begun, not known to have ended), redriven or dropped',
    decided_by     String COMMENT 'Who redrove or dropped it last; empty while it is open',
    decided_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'When that was; NULL while it is open',
    consumer_group LowCardinality(String) COMMENT 'Consumer group that refused the record',
    stage          LowCardinality(String) COMMENT 'Part of the group that refused it',
    error          LowCardinality(String) COMMENT 'Type of the error',
    reason         String COMMENT 'Why it was refused',
    origin_topic     LowCardinality(String) COMMENT 'Topic of the record; empty where the letter does not say',
    origin_partition UInt64 COMMENT 'Its partition',
    origin_offset    UInt64 COMMENT 'Its offset',
    key            String COMMENT 'Key of the record',
    trace_id       String COMMENT 'Id of the trace, where the key is one; else empty',
    size           UInt64 COMMENT 'Bytes of the record',
    digest         String COMMENT 'Digest of the record, sha256:<hex>',
    redrive_of     String COMMENT 'The letter that this one was before it was redriven and refused again; else empty',
    refused_at     DateTime64(3, 'UTC') COMMENT 'When it was refused'
)
AS SELECT
    d.letter AS letter,
    multiIf(a.action = 'dlq redriven', 'redriven', a.action = 'dlq drop', 'dropped', a.action = '', 'open', 'redriving') AS state,
    a.actor AS decided_by,
    if(a.action = '', NULL, a.decided) AS decided_at,
    d.consumer_group AS consumer_group,
    d.stage AS stage,
    d.error AS error,
    d.reason AS reason,
    d.origin_topic AS origin_topic,
    d.origin_partition AS origin_partition,
    d.origin_offset AS origin_offset,
    d.key AS key,
    d.trace_id AS trace_id,
    d.size AS size,
    d.digest AS digest,
    d.redrive_of AS redrive_of,
    d.refused_at AS refused_at
FROM
(
    SELECT *, concat(source_topic, '/', toString(source_partition), '/', toString(source_offset)) AS letter
    FROM dead_letters FINAL
) AS d
LEFT JOIN
(
    SELECT
        subject,
        toString(argMax(audit.action, source_offset)) AS action,
        argMax(audit.actor, source_offset) AS actor,
        max(at) AS decided
    FROM audit
    WHERE startsWith(audit.action, 'dlq ')
    GROUP BY subject
) AS a ON a.subject = concat('letter/', d.letter)
COMMENT 'One row per record that a consumer refused, with what was decided about it';

CREATE OR REPLACE VIEW v1_audit
(
    at      DateTime64(6, 'UTC') COMMENT 'When it was done, or refused',
    project LowCardinality(String) COMMENT 'Project that it concerns; * for every one',
    actor   String COMMENT 'Who: cli/<login>, key/<id>, jwt/<subject>, configured/<project> or development',
    action  LowCardinality(String) COMMENT 'What, such as key create, policy set, dlq redrive, dlq redriven or dlq drop; or denied: and the reason',
    subject String COMMENT 'What it was done to, such as key/<id>, trace/<id>, policy/<project> or letter/<topic.dlq/partition/offset>',
    detail  Map(LowCardinality(String), String) COMMENT 'Further facts, never secrets'
)
AS SELECT at, project, actor, action, subject, detail
FROM audit FINAL
COMMENT 'One row per privileged action, and per refusal of somebody known';
