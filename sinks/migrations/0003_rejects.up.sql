-- Events that were refused while others of their chunk were taken. The same fault at the same place is one row, however
-- often the chunk was sent.

CREATE TABLE IF NOT EXISTS rejects
(
    trace_id      String,
    chunk_seq     UInt64,
    chunk_id      String,
    event_index   UInt32,
    pointer       String,
    reason        String,
    project       LowCardinality(String),
    rejected_at   DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    minted_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic      LowCardinality(String),
    source_partition  UInt32,
    source_offset     UInt64 CODEC(Delta, ZSTD),
    inserted_at   DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree(source_offset)
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, chunk_seq, chunk_id, event_index, pointer, reason)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE OR REPLACE VIEW v1_rejects
(
    trace_id    String COMMENT 'Id of the trace',
    project     LowCardinality(String) COMMENT 'Project that owns the trace',
    chunk_seq   UInt64 COMMENT 'Place of the chunk in the trace, from 0',
    chunk_id    String COMMENT 'Id of the chunk, as the client gave it',
    event_index UInt32 COMMENT 'Place of the event in the chunk as it was sent, from 0',
    pointer     String COMMENT 'JSON Pointer (RFC 6901) to the fault in the chunk as it was sent',
    reason      String COMMENT 'What is wrong there; never a value of the event',
    rejected_at DateTime64(6, 'UTC') COMMENT 'Server time at which it was refused'
)
AS SELECT trace_id, project, chunk_seq, chunk_id, event_index, pointer, reason, rejected_at
FROM rejects FINAL
COMMENT 'One row per event that was refused while others of its chunk were taken';
