-- Which traces were erased, and their heads: all that is left of them. Neither expires: what is replayed after years
-- must not come back. The participant of an open trace is kept with it, so that it is found when consent is withdrawn.

ALTER TABLE trace_progress ADD COLUMN IF NOT EXISTS participant_id String AFTER project;

CREATE TABLE IF NOT EXISTS erasures
(
    trace_id      String,
    project       LowCardinality(String),
    erased_at     DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    minted_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic      LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64 CODEC(Delta, ZSTD),
    inserted_at   DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
ORDER BY (trace_id, source_offset)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS erased_heads
(
    trace_id      String,
    revision      UInt32,
    head          String
)
ENGINE = ReplacingMergeTree
ORDER BY (trace_id, revision);

CREATE OR REPLACE VIEW v1_erasures
(
    trace_id  String COMMENT 'Id of the trace',
    project   LowCardinality(String) COMMENT 'Project that owned the trace',
    erased_at DateTime64(6, 'UTC') COMMENT 'Server time at which its erasure was asked for first',
    heads     Array(String) COMMENT 'Heads of its revisions, sha256:<hex>, in order; what was erased cannot be told from them'
)
AS SELECT e.trace_id AS trace_id, e.project AS project, e.erased_at AS erased_at, h.heads AS heads
FROM
(
    SELECT trace_id, any(project) AS project, min(erasures.erased_at) AS erased_at
    FROM erasures
    GROUP BY trace_id
) AS e
LEFT JOIN
(
    SELECT trace_id, arrayMap(pair -> pair.2, arraySort(groupUniqArray((revision, head)))) AS heads
    FROM erased_heads
    GROUP BY trace_id
) AS h ON h.trace_id = e.trace_id
COMMENT 'One row per erased trace; no other view knows it any more';

CREATE OR REPLACE VIEW v1_progress
(
    trace_id     String COMMENT 'Id of the trace',
    project      LowCardinality(String) COMMENT 'Project that owns the trace',
    stage        LowCardinality(String) COMMENT 'received, completed or expired; what comes later is in v1_traces',
    received_at  Nullable(DateTime64(6, 'UTC')) COMMENT 'Server time at which the trace was created',
    completed_at Nullable(DateTime64(6, 'UTC')) COMMENT 'Server time of its first completion; NULL while it is open',
    expired_at   Nullable(DateTime64(6, 'UTC')) COMMENT 'Server time at which it was given up as idle; NULL where it was not',
    participant_id String COMMENT 'Who works, as the client named them'
)
AS SELECT
    trace_id,
    any(project) AS project,
    multiIf(completed_at IS NOT NULL, 'completed', expired_at IS NOT NULL, 'expired', 'received') AS stage,
    minOrNullIf(at, trace_progress.stage = 'received') AS received_at,
    minOrNullIf(at, trace_progress.stage = 'completed') AS completed_at,
    minOrNullIf(at, trace_progress.stage = 'expired') AS expired_at,
    max(trace_progress.participant_id) AS participant_id
FROM trace_progress
GROUP BY trace_id
COMMENT 'One row per trace ever received, finished or not';
