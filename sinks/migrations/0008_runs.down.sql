DROP VIEW IF EXISTS v1_process_outcome_matrix;
DROP VIEW IF EXISTS v1_process_outcome;
DROP VIEW IF EXISTS v1_calibration;
DROP VIEW IF EXISTS v1_labels;
DROP VIEW IF EXISTS v1_promotions;
DROP VIEW IF EXISTS v1_runs;

CREATE OR REPLACE VIEW v1_judgements
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Revision that was judged',
    run_id         LowCardinality(String) COMMENT 'live, or the id of a re-score run',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    current        Bool COMMENT 'It is the judgement that counts: see v1_current_scores',
    head           String COMMENT 'Head of the revision, sha256:<hex>',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored',
    reason         String COMMENT 'Why it is unscored',
    overall        Nullable(Float64) COMMENT 'Weighted mean of the grades, 0 to 5; NULL where unscored, never 0 for it',
    scores         Map(LowCardinality(String), Nullable(UInt8)) COMMENT 'Grade by criterion, 0 to 5',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    rubric_digest  LowCardinality(String) COMMENT 'Digest of the rubric file, sha256:<hex>',
    judge          LowCardinality(String) COMMENT 'heuristic, or openai',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty for heuristic',
    judge_digest   LowCardinality(String) COMMENT 'Digest of all that determines the answers of the judge, sha256:<hex>',
    prompt_tokens  UInt64 COMMENT 'Tokens the model read',
    completion_tokens UInt64 COMMENT 'Tokens the model wrote',
    evidence_ref   String COMMENT 'Object-store key of the whole exchange with the model',
    started_at     DateTime64(6, 'UTC') COMMENT 'When it began',
    duration_s     Float64 COMMENT 'Wall time, seconds'
)
AS SELECT
    trace_id,
    revision,
    run_id,
    project,
    toBool(run_id = 'live' AND (trace_id, source_offset) IN
    (
        SELECT trace_id, max(source_offset)
        FROM judgements
        WHERE run_id = 'live'
            AND (trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)
        GROUP BY trace_id
    )) AS current,
    head,
    outcome,
    reason,
    overall_milli / 1000 AS overall,
    mapFromArrays(grades.criterion, grades.grade) AS scores,
    rubric_id AS rubric,
    rubric_version,
    rubric_digest,
    judge,
    model,
    judge_digest,
    prompt_tokens,
    completion_tokens,
    evidence_ref,
    started_at,
    duration_us / 1e6 AS duration_s
FROM judgements FINAL
COMMENT 'One row per judgement: a revision, a run, a rubric and a judge';

CREATE OR REPLACE VIEW v1_scores
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Revision that was judged',
    run_id         LowCardinality(String) COMMENT 'live, or the id of a re-score run',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    current        Bool COMMENT 'It belongs to the judgement that counts: see v1_current_scores',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored',
    reason         String COMMENT 'Why it is unscored',
    overall        Nullable(Float64) COMMENT 'Weighted mean of all grades of the judgement, 0 to 5; NULL where unscored',
    criterion      LowCardinality(String) COMMENT 'Criterion of the rubric; empty in the one row of a judgement without grades',
    grade          Nullable(UInt8) COMMENT '0 to 5; NULL where not graded',
    weight         Float64 COMMENT 'Share of the criterion in the overall score, 0 to 1',
    rationale      String COMMENT 'Why this grade, in words',
    cited_seqs     Array(UInt64) COMMENT 'seq of the events that support it',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    rubric_digest  LowCardinality(String) COMMENT 'Digest of the rubric file, sha256:<hex>',
    judge          LowCardinality(String) COMMENT 'heuristic, or openai',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty for heuristic',
    judge_digest   LowCardinality(String) COMMENT 'Digest of all that determines the answers of the judge, sha256:<hex>',
    started_at     DateTime64(6, 'UTC') COMMENT 'When it was judged'
)
AS SELECT
    trace_id,
    revision,
    run_id,
    project,
    toBool(run_id = 'live' AND (trace_id, source_offset) IN
    (
        SELECT trace_id, max(source_offset)
        FROM judgements
        WHERE run_id = 'live'
            AND (trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)
        GROUP BY trace_id
    )) AS current,
    outcome,
    reason,
    overall_milli / 1000 AS overall,
    grades.criterion AS criterion,
    grades.grade AS grade,
    grades.weight / 1000 AS weight,
    grades.rationale AS rationale,
    grades.cited_seqs AS cited_seqs,
    rubric_id AS rubric,
    rubric_version,
    rubric_digest,
    judge,
    model,
    judge_digest,
    started_at
FROM judgements FINAL
LEFT ARRAY JOIN grades
COMMENT 'One row per criterion of every judgement';

CREATE OR REPLACE VIEW v1_current_scores
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Latest revision of the trace',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored',
    reason         String COMMENT 'Why it is unscored',
    overall        Nullable(Float64) COMMENT 'Weighted mean of all grades of the judgement, 0 to 5; NULL where unscored',
    criterion      LowCardinality(String) COMMENT 'Criterion of the rubric; empty in the one row of a judgement without grades',
    grade          Nullable(UInt8) COMMENT '0 to 5; NULL where not graded',
    weight         Float64 COMMENT 'Share of the criterion in the overall score, 0 to 1',
    rationale      String COMMENT 'Why this grade, in words',
    cited_seqs     Array(UInt64) COMMENT 'seq of the events that support it',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    judge          LowCardinality(String) COMMENT 'heuristic, or openai',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty for heuristic',
    started_at     DateTime64(6, 'UTC') COMMENT 'When it was judged'
)
AS SELECT
    trace_id, revision, project, outcome, reason, overall, criterion, grade, weight, rationale, cited_seqs,
    rubric, rubric_version, judge, model, started_at
FROM v1_scores
WHERE current
COMMENT 'One row per criterion of the judgement that counts: the last live one of the latest revision of a trace';

DROP VIEW IF EXISTS judgements_now;
DROP TABLE IF EXISTS promotions;
DROP TABLE IF EXISTS run_states;
DROP TABLE IF EXISTS runs;

ALTER TABLE judgements
    DROP COLUMN IF EXISTS `grades.quotes`,
    DROP COLUMN IF EXISTS `grades.votes`,
    DROP COLUMN IF EXISTS `grades.spread`,
    DROP COLUMN IF EXISTS cost_nano_usd,
    DROP COLUMN IF EXISTS calls,
    DROP COLUMN IF EXISTS left_out_characters,
    DROP COLUMN IF EXISTS left_out_events,
    DROP COLUMN IF EXISTS suspicions,
    DROP COLUMN IF EXISTS jurors,
    DROP COLUMN IF EXISTS cached_from;
