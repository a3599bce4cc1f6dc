DROP VIEW IF EXISTS v1_run_comparison;
DROP VIEW IF EXISTS v1_trace_timeline;
DROP VIEW IF EXISTS v1_period;
DROP VIEW IF EXISTS v1_daily;
DROP DICTIONARY IF EXISTS v1_dict_projects;
DROP DICTIONARY IF EXISTS v1_dict_rubric_weights;
DROP VIEW IF EXISTS v1_projects;
DROP VIEW IF EXISTS v1_rubric_weights;
DROP VIEW IF EXISTS v1_integrity_findings;
DROP VIEW IF EXISTS v1_integrity;
DROP VIEW IF EXISTS v1_leaves;
DROP VIEW IF EXISTS v1_checkpoints;
DROP VIEW IF EXISTS leaves_now;
DROP VIEW IF EXISTS v1_rationale;
DROP VIEW IF EXISTS v1_commits;
DROP VIEW IF EXISTS v1_test_runs;
DROP VIEW IF EXISTS v1_commands;
DROP VIEW IF EXISTS v1_edits;
DROP VIEW IF EXISTS events_now;

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

CREATE OR REPLACE VIEW judgements_now
AS WITH
    (
        SELECT CAST((groupArray(promoted.project), groupArray(promoted.followed)), 'Map(String, String)')
        FROM
        (
            SELECT toString(project) AS project, argMax(run_id, source_offset) AS followed
            FROM promotions
            GROUP BY project
        ) AS promoted
        WHERE NOT startsWith(promoted.followed, 'human-') AND promoted.followed NOT IN
            (SELECT run_id FROM run_states GROUP BY run_id HAVING argMax(state, source_offset) = 'archived')
    ) AS followed
SELECT
    j.trace_id AS trace_id,
    j.revision AS revision,
    j.run_id AS run_id,
    j.rubric_digest AS rubric_digest,
    j.judge_digest AS judge_digest,
    j.project AS project,
    j.head AS head,
    j.outcome AS outcome,
    j.reason AS reason,
    j.overall_milli AS overall_milli,
    j.grades.criterion AS `grades.criterion`,
    j.grades.grade AS `grades.grade`,
    j.grades.weight AS `grades.weight`,
    j.grades.rationale AS `grades.rationale`,
    j.grades.cited_seqs AS `grades.cited_seqs`,
    j.grades.quotes AS `grades.quotes`,
    j.grades.votes AS `grades.votes`,
    j.grades.spread AS `grades.spread`,
    j.rubric_id AS rubric_id,
    j.rubric_version AS rubric_version,
    j.judge AS judge,
    j.model AS model,
    j.prompt_tokens AS prompt_tokens,
    j.completion_tokens AS completion_tokens,
    j.evidence_ref AS evidence_ref,
    j.started_at AS started_at,
    j.duration_us AS duration_us,
    j.cost_nano_usd AS cost_nano_usd,
    j.calls AS calls,
    j.left_out_characters AS left_out_characters,
    j.left_out_events AS left_out_events,
    j.suspicions AS suspicions,
    j.jurors AS jurors,
    j.cached_from AS cached_from,
    j.source_offset AS source_offset,
    toBool(j.revision = t.revision) AS latest,
    toBool(latest AND (j.run_id, j.source_offset) = c.counts) AS current,
    toBool(run_id IN
        (SELECT run_id FROM run_states GROUP BY run_id HAVING argMax(state, source_offset) = 'archived')) AS archived
FROM (SELECT * FROM judgements FINAL) AS j
LEFT JOIN (SELECT trace_id, max(revision) AS revision FROM traces GROUP BY trace_id) AS t ON t.trace_id = j.trace_id
LEFT JOIN
(
    SELECT trace_id, revision, argMax((run_id, source_offset), (run_id != 'live', source_offset)) AS counts
    FROM judgements
    WHERE run_id = 'live' OR run_id = followed[toString(project)]
    GROUP BY trace_id, revision
) AS c ON c.trace_id = j.trace_id AND c.revision = j.revision;

CREATE OR REPLACE VIEW v1_judgements
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Revision that was judged',
    run_id         LowCardinality(String) COMMENT 'live, the id of a re-score run, or human-<who> for the labels of a person',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    latest         Bool COMMENT 'It is about the latest revision of the trace',
    current        Bool COMMENT 'It is the judgement that counts: see v1_current_scores',
    archived       Bool COMMENT 'Its run was put away: it is never current',
    head           String COMMENT 'Head of the revision, sha256:<hex>',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored',
    reason         String COMMENT 'Why it is unscored',
    overall        Nullable(Float64) COMMENT 'Weighted mean of the grades, 0 to 5; NULL where unscored, never 0 for it',
    scores         Map(LowCardinality(String), Nullable(UInt8)) COMMENT 'Grade by criterion, 0 to 5',
    votes          Map(LowCardinality(String), Array(Nullable(UInt8))) COMMENT 'Grades of each juror by criterion, in the order of jurors; empty where one judge alone graded',
    spread         Map(LowCardinality(String), Nullable(UInt8)) COMMENT 'Highest less lowest vote by criterion; NULL where there are no two',
    quotes         Map(LowCardinality(String), Array(Tuple(seq UInt64, text String))) COMMENT 'Words of events that the grade rests on, by criterion',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    rubric_digest  LowCardinality(String) COMMENT 'Digest of the rubric file, sha256:<hex>',
    judge          LowCardinality(String) COMMENT 'heuristic, openai, panel or human',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty where it has none',
    judge_digest   LowCardinality(String) COMMENT 'Digest of all that determines the answers of the judge, sha256:<hex>',
    jurors         Array(LowCardinality(String)) COMMENT 'Jurors of a panel, in the order of votes; empty for one judge alone',
    prompt_tokens  UInt64 COMMENT 'Tokens the model read',
    completion_tokens UInt64 COMMENT 'Tokens the model wrote',
    calls          UInt32 COMMENT 'Calls of a model, repeated ones included',
    cost_usd       Nullable(Float64) COMMENT 'What the calls cost, US dollars; NULL where no price is known',
    cached_from    LowCardinality(String) COMMENT 'Run whose answer was taken instead of asking again; empty where the judge was asked',
    left_out_characters UInt64 COMMENT 'Characters of the trace that the judge was not shown',
    left_out_events UInt64 COMMENT 'Events of the trace that the judge was not shown, or not whole',
    suspicions     Array(Tuple(rule LowCardinality(String), seq UInt64)) COMMENT 'Events with text that seems to be meant for the judge, and the rule that found it',
    evidence_ref   String COMMENT 'Object-store key of the whole exchange with the model',
    started_at     DateTime64(6, 'UTC') COMMENT 'When it began',
    duration_s     Float64 COMMENT 'Wall time, seconds'
)
AS SELECT
    trace_id,
    revision,
    run_id,
    project,
    latest,
    current,
    archived,
    head,
    outcome,
    reason,
    overall_milli / 1000 AS overall,
    mapFromArrays(grades.criterion, grades.grade) AS scores,
    mapFromArrays(grades.criterion, grades.votes) AS votes,
    mapFromArrays(grades.criterion, grades.spread) AS spread,
    mapFromArrays(grades.criterion, grades.quotes) AS quotes,
    rubric_id AS rubric,
    rubric_version,
    rubric_digest,
    judge,
    model,
    judge_digest,
    jurors,
    prompt_tokens,
    completion_tokens,
    calls,
    cost_nano_usd / 1e9 AS cost_usd,
    cached_from,
    left_out_characters,
    left_out_events,
    suspicions,
    evidence_ref,
    started_at,
    duration_us / 1e6 AS duration_s
FROM judgements_now
COMMENT 'One row per judgement: a revision, a run, a rubric and a judge';

DROP VIEW IF EXISTS rubric_weights_mv;
DROP VIEW IF EXISTS leaf_hashes_mv;
DROP VIEW IF EXISTS agg_judgements_mv;
DROP VIEW IF EXISTS agg_validations_mv;
DROP VIEW IF EXISTS agg_traces_mv;
DROP VIEW IF EXISTS agg_progress_mv;
DROP VIEW IF EXISTS agg_events_mv;
DROP TABLE IF EXISTS rubric_weights;
DROP TABLE IF EXISTS leaf_hashes;
DROP TABLE IF EXISTS agg_judgements;
DROP TABLE IF EXISTS agg_validations;
DROP TABLE IF EXISTS agg_traces;
DROP TABLE IF EXISTS agg_progress;
DROP TABLE IF EXISTS agg_events;
DROP TABLE IF EXISTS policies;
DROP TABLE IF EXISTS checkpoints;
DROP TABLE IF EXISTS leaves;

ALTER TABLE events DROP COLUMN IF EXISTS changed_lines;

ALTER TABLE events
    MODIFY COLUMN trace_id CODEC(Default),
    MODIFY COLUMN seq CODEC(Delta, ZSTD),
    MODIFY COLUMN event_id CODEC(Default),
    MODIFY COLUMN type CODEC(Default),
    MODIFY COLUMN chunk_seq CODEC(Delta, ZSTD),
    MODIFY COLUMN caused_by CODEC(Default),
    MODIFY COLUMN command CODEC(ZSTD),
    MODIFY COLUMN exit_code CODEC(Default),
    MODIFY COLUMN duration_us CODEC(Default);
