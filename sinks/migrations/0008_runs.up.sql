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

-- Which judgement counts. One row of `promotions` decides for a project, and the whole answer is one scalar, computed
-- before anything else of a query and once however often it is used: no query sees a part of two runs. Labels of
-- people and archived runs are never followed, whoever promotes them: then the live judgement counts.
-- Joins by trace_id, because a filter by it goes through them to every table behind (40 ms for one trace of 90,000
-- instead of 600 with sets), and not through the set of an IN.
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

CREATE OR REPLACE VIEW v1_scores
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Revision that was judged',
    run_id         LowCardinality(String) COMMENT 'live, the id of a re-score run, or human-<who> for the labels of a person',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    latest         Bool COMMENT 'It is about the latest revision of the trace',
    current        Bool COMMENT 'It belongs to the judgement that counts: see v1_current_scores',
    archived       Bool COMMENT 'Its run was put away: it is never current',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored',
    reason         String COMMENT 'Why it is unscored',
    overall        Nullable(Float64) COMMENT 'Weighted mean of all grades of the judgement, 0 to 5; NULL where unscored',
    criterion      LowCardinality(String) COMMENT 'Criterion of the rubric; empty in the one row of a judgement without grades',
    grade          Nullable(UInt8) COMMENT '0 to 5; NULL where not graded',
    weight         Float64 COMMENT 'Share of the criterion in the overall score, 0 to 1',
    rationale      String COMMENT 'Why this grade, in words',
    cited_seqs     Array(UInt64) COMMENT 'seq of the events that support it',
    quotes         Array(Tuple(seq UInt64, text String)) COMMENT 'Words of these events that the grade rests on',
    votes          Array(Nullable(UInt8)) COMMENT 'Grades of each juror, in the order of jurors; empty where one judge alone graded',
    spread         Nullable(UInt8) COMMENT 'Highest less lowest vote; NULL where there are no two',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    rubric_digest  LowCardinality(String) COMMENT 'Digest of the rubric file, sha256:<hex>',
    judge          LowCardinality(String) COMMENT 'heuristic, openai, panel or human',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty where it has none',
    judge_digest   LowCardinality(String) COMMENT 'Digest of all that determines the answers of the judge, sha256:<hex>',
    jurors         Array(LowCardinality(String)) COMMENT 'Jurors of a panel, in the order of votes; empty for one judge alone',
    calls          UInt32 COMMENT 'Calls of a model for the whole judgement',
    cost_usd       Nullable(Float64) COMMENT 'What the whole judgement cost, US dollars; NULL where no price is known',
    cached_from    LowCardinality(String) COMMENT 'Run whose answer was taken instead of asking again; empty where the judge was asked',
    left_out_characters UInt64 COMMENT 'Characters of the trace that the judge was not shown',
    left_out_events UInt64 COMMENT 'Events of the trace that the judge was not shown, or not whole',
    suspicions     Array(Tuple(rule LowCardinality(String), seq UInt64)) COMMENT 'Events with text that seems to be meant for the judge, and the rule that found it',
    started_at     DateTime64(6, 'UTC') COMMENT 'When it was judged'
)
AS SELECT
    trace_id,
    revision,
    run_id,
    project,
    latest,
    current,
    archived,
    outcome,
    reason,
    overall_milli / 1000 AS overall,
    grades.criterion AS criterion,
    grades.grade AS grade,
    grades.weight / 1000 AS weight,
    grades.rationale AS rationale,
    grades.cited_seqs AS cited_seqs,
    grades.quotes AS quotes,
    grades.votes AS votes,
    grades.spread AS spread,
    rubric_id AS rubric,
    rubric_version,
    rubric_digest,
    judge,
    model,
    judge_digest,
    jurors,
    calls,
    cost_nano_usd / 1e9 AS cost_usd,
    cached_from,
    left_out_characters,
    left_out_events,
    suspicions,
    started_at
FROM judgements_now
LEFT ARRAY JOIN
    grades.criterion, grades.grade, grades.weight, grades.rationale, grades.cited_seqs,
    grades.quotes, grades.votes, grades.spread
COMMENT 'One row per criterion of every judgement';

CREATE OR REPLACE VIEW v1_current_scores
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Latest revision of the trace',
    run_id         LowCardinality(String) COMMENT 'Run that is followed here: the promoted one of the project, or live',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored',
    reason         String COMMENT 'Why it is unscored',
    overall        Nullable(Float64) COMMENT 'Weighted mean of all grades of the judgement, 0 to 5; NULL where unscored',
    criterion      LowCardinality(String) COMMENT 'Criterion of the rubric; empty in the one row of a judgement without grades',
    grade          Nullable(UInt8) COMMENT '0 to 5; NULL where not graded',
    weight         Float64 COMMENT 'Share of the criterion in the overall score, 0 to 1',
    rationale      String COMMENT 'Why this grade, in words',
    cited_seqs     Array(UInt64) COMMENT 'seq of the events that support it',
    quotes         Array(Tuple(seq UInt64, text String)) COMMENT 'Words of these events that the grade rests on',
    votes          Array(Nullable(UInt8)) COMMENT 'Grades of each juror, in the order of jurors; empty where one judge alone graded',
    spread         Nullable(UInt8) COMMENT 'Highest less lowest vote; NULL where there are no two',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    judge          LowCardinality(String) COMMENT 'heuristic, openai or panel',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty where it has none',
    jurors         Array(LowCardinality(String)) COMMENT 'Jurors of a panel, in the order of votes; empty for one judge alone',
    cost_usd       Nullable(Float64) COMMENT 'What the whole judgement cost, US dollars; NULL where no price is known',
    left_out_events UInt64 COMMENT 'Events of the trace that the judge was not shown, or not whole',
    suspicions     Array(Tuple(rule LowCardinality(String), seq UInt64)) COMMENT 'Events with text that seems to be meant for the judge, and the rule that found it',
    started_at     DateTime64(6, 'UTC') COMMENT 'When it was judged'
)
AS SELECT
    trace_id, revision, run_id, project, outcome, reason, overall, criterion, grade, weight, rationale, cited_seqs,
    quotes, votes, spread, rubric, rubric_version, judge, model, jurors, cost_usd, left_out_events, suspicions, started_at
FROM v1_scores
WHERE current
COMMENT 'One row per criterion of the judgement that counts: of the latest revision of a trace that of the promoted run of its project where it has one, else the last live one';

CREATE OR REPLACE VIEW v1_runs
(
    run_id         String COMMENT 'live, the id of a re-score run, or human-<who> for the labels of a person',
    kind           LowCardinality(String) COMMENT 'live, rescore or human',
    project        LowCardinality(String) COMMENT 'Project whose traces it scores; * for several, empty where no manifest says it',
    state          LowCardinality(String) COMMENT 'planned, running, paused, cancelled, failed, done or archived; empty where it has no manifest',
    state_detail   Map(LowCardinality(String), String) COMMENT 'Counts of the run at that state, and the reason of a failure',
    state_at       Nullable(DateTime64(6, 'UTC')) COMMENT 'When it came into that state',
    state_by       String COMMENT 'Who brought it there',
    archived       Bool COMMENT 'It was put away: its judgements are never current',
    promoted_in    Array(String) COMMENT 'Projects whose current scores follow it; live is told by none',
    selection      String COMMENT 'What was asked for, and the offsets by partition, a JSON object',
    rubric         String COMMENT 'Rubric of the run, a JSON object; empty where only its digest was kept',
    rubric_digest  LowCardinality(String) COMMENT 'Digest of the rubric, sha256:<hex>',
    judge          String COMMENT 'What the judge is made from, without secrets, a JSON object',
    judge_digest   LowCardinality(String) COMMENT 'Digest of all that determines the answers of the judge, sha256:<hex>',
    seed           UInt64 COMMENT 'Seed of every random choice',
    traces         UInt64 COMMENT 'Traces that were selected',
    plan_ref       String COMMENT 'Object-store key of the selected offsets; empty where there is none',
    plan_digest    String COMMENT 'Digest of the selected offsets, sha256:<hex>',
    created_by     String COMMENT 'Who planned it',
    created_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'When it was planned; NULL where it has no manifest',
    judgements     UInt64 COMMENT 'Judgements that it has made so far',
    judged_traces  UInt64 COMMENT 'Traces that they are about',
    scored         UInt64 COMMENT 'Judgements with a score',
    unscored       UInt64 COMMENT 'Judgements without one',
    mean_overall   Nullable(Float64) COMMENT 'Mean of their overall scores, 0 to 5; NULL without any',
    prompt_tokens  UInt64 COMMENT 'Tokens that models read',
    completion_tokens UInt64 COMMENT 'Tokens that models wrote',
    calls          UInt64 COMMENT 'Calls of models',
    cost_usd       Nullable(Float64) COMMENT 'What the calls cost whose price is known, US dollars; NULL where none is',
    unpriced       UInt64 COMMENT 'Judgements of which no price is known',
    cached         UInt64 COMMENT 'Judgements taken from an earlier run instead of asking again',
    cut            UInt64 COMMENT 'Judgements whose judge was not shown all of the trace',
    suspicious     UInt64 COMMENT 'Judgements of traces with text that seems to be meant for the judge',
    first_started_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When its first judgement began; NULL without any',
    last_ended_at  Nullable(DateTime64(6, 'UTC')) COMMENT 'When its last judgement ended; NULL without any',
    busy_s         Float64 COMMENT 'Wall time of all its judgements together, seconds'
)
AS SELECT
    names.run_id AS run_id,
    multiIf(run_id = 'live', 'live', startsWith(run_id, 'human-'), 'human', 'rescore') AS kind,
    r.project AS project,
    multiIf(s.state != '', s.state, r.run_id != '', 'planned', '') AS state,
    s.detail AS state_detail,
    if(s.state = '', NULL, s.at) AS state_at,
    s.changed_by AS state_by,
    toBool(s.state = 'archived') AS archived,
    p.projects AS promoted_in,
    r.selection AS selection,
    r.rubric AS rubric,
    r.rubric_digest AS rubric_digest,
    r.judge AS judge,
    r.judge_digest AS judge_digest,
    r.seed AS seed,
    r.traces AS traces,
    r.plan_ref AS plan_ref,
    r.plan_digest AS plan_digest,
    r.created_by AS created_by,
    if(r.run_id = '', NULL, r.created_at) AS created_at,
    j.judgements AS judgements,
    j.judged_traces AS judged_traces,
    j.scored AS scored,
    j.judgements - j.scored AS unscored,
    j.mean_overall AS mean_overall,
    j.prompt_tokens AS prompt_tokens,
    j.completion_tokens AS completion_tokens,
    j.calls AS calls,
    j.cost_usd AS cost_usd,
    j.unpriced AS unpriced,
    j.cached AS cached,
    j.cut AS cut,
    j.suspicious AS suspicious,
    if(j.judgements = 0, NULL, j.first_started_at) AS first_started_at,
    if(j.judgements = 0, NULL, j.last_ended_at) AS last_ended_at,
    j.busy_s AS busy_s
FROM (SELECT toString(run_id) AS run_id FROM judgements UNION DISTINCT SELECT run_id FROM runs) AS names
LEFT JOIN (SELECT * FROM runs FINAL) AS r ON r.run_id = names.run_id
LEFT JOIN
(
    SELECT
        run_id,
        argMax(run_states.state, source_offset) AS state,
        argMax(run_states.detail, source_offset) AS detail,
        argMax(run_states.changed_by, source_offset) AS changed_by,
        argMax(run_states.changed_at, source_offset) AS at
    FROM run_states
    GROUP BY run_id
) AS s ON s.run_id = names.run_id
LEFT JOIN
(
    SELECT followed AS run_id, arraySort(groupArray(project)) AS projects
    FROM (SELECT toString(project) AS project, argMax(run_id, source_offset) AS followed FROM promotions GROUP BY project)
    WHERE followed != 'live' AND NOT startsWith(followed, 'human-') AND followed NOT IN
        (SELECT run_id FROM run_states GROUP BY run_id HAVING argMax(state, source_offset) = 'archived')
    GROUP BY followed
) AS p ON p.run_id = names.run_id
LEFT JOIN
(
    SELECT
        toString(run_id) AS run_id,
        count() AS judgements,
        uniqExact(trace_id) AS judged_traces,
        countIf(outcome = 'scored') AS scored,
        avgOrNull(overall_milli) / 1000 AS mean_overall,
        sum(judgements.prompt_tokens) AS prompt_tokens,
        sum(judgements.completion_tokens) AS completion_tokens,
        sum(judgements.calls) AS calls,
        sumOrNull(cost_nano_usd) / 1e9 AS cost_usd,
        countIf(cost_nano_usd IS NULL) AS unpriced,
        countIf(cached_from != '') AS cached,
        countIf(left_out_events > 0 OR left_out_characters > 0) AS cut,
        countIf(notEmpty(suspicions)) AS suspicious,
        min(started_at) AS first_started_at,
        max(started_at + toIntervalMicrosecond(duration_us)) AS last_ended_at,
        sum(duration_us) / 1e6 AS busy_s
    FROM judgements FINAL
    GROUP BY run_id
) AS j ON j.run_id = names.run_id
COMMENT 'One row per run: what it was planned as, how far it is, what it found and what it cost';

CREATE OR REPLACE VIEW v1_promotions
(
    project     LowCardinality(String) COMMENT 'Project whose current scores it is about',
    run_id      String COMMENT 'Run that they follow from then on; live is back to the live scores',
    promoted_by String COMMENT 'Who promoted it',
    promoted_at DateTime64(6, 'UTC') COMMENT 'When that was',
    current     Bool COMMENT 'It is the last one of its project',
    followed    Bool COMMENT 'It is the last one and it is followed; an archived run and labels of a person are not, and the live scores count instead'
)
AS SELECT
    project,
    run_id,
    promoted_by,
    promoted_at,
    toBool((project, source_offset) IN (SELECT project, max(source_offset) FROM promotions GROUP BY project)) AS current,
    toBool(current AND NOT startsWith(run_id, 'human-') AND run_id NOT IN
        (SELECT run_id FROM run_states GROUP BY run_id HAVING argMax(state, source_offset) = 'archived')) AS followed
FROM promotions FINAL
COMMENT 'One row per promotion, past ones too: which run the current scores of a project have followed since when';

CREATE OR REPLACE VIEW v1_labels
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Revision that was labelled',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    latest         Bool COMMENT 'It is about the latest revision of the trace',
    run_id         LowCardinality(String) COMMENT 'human-<who>',
    labeller       String COMMENT 'Who labelled: what follows human- in run_id',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored',
    overall        Nullable(Float64) COMMENT 'Weighted mean of all grades of the person, 0 to 5; NULL where unscored',
    criterion      LowCardinality(String) COMMENT 'Criterion of the rubric; empty in the one row of a label without grades',
    grade          Nullable(UInt8) COMMENT '0 to 5; NULL where not graded',
    weight         Float64 COMMENT 'Share of the criterion in the overall score, 0 to 1',
    rationale      String COMMENT 'Why this grade, in the words of the person',
    cited_seqs     Array(UInt64) COMMENT 'seq of the events that support it',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    rubric_digest  LowCardinality(String) COMMENT 'Digest of the rubric file, sha256:<hex>',
    labelled_at    DateTime64(6, 'UTC') COMMENT 'When it was labelled'
)
AS SELECT
    trace_id, revision, project, latest, run_id, substring(run_id, 7) AS labeller, outcome, overall, criterion, grade,
    weight, rationale, cited_seqs, rubric, rubric_version, rubric_digest, started_at AS labelled_at
FROM v1_scores
WHERE startsWith(run_id, 'human-') AND NOT archived
COMMENT 'One row per criterion that a person graded: what judges are held against, never a current score';

CREATE OR REPLACE VIEW v1_calibration
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Revision that both graded',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    criterion      LowCardinality(String) COMMENT 'Criterion that both graded',
    rubric_digest  LowCardinality(String) COMMENT 'Digest of the rubric that both used, sha256:<hex>',
    labeller       String COMMENT 'Who labelled',
    label          UInt8 COMMENT 'Grade of the person, 0 to 5',
    run_id         LowCardinality(String) COMMENT 'Run of the judge: live, or the id of a re-score run',
    current        Bool COMMENT 'It is the judgement that counts',
    judge          LowCardinality(String) COMMENT 'heuristic, openai or panel',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty where it has none',
    judge_digest   LowCardinality(String) COMMENT 'Digest of all that determines the answers of the judge, sha256:<hex>',
    grade          UInt8 COMMENT 'Grade of the judge, 0 to 5',
    difference     Int16 COMMENT 'Grade of the judge less that of the person'
)
AS SELECT
    s.trace_id AS trace_id,
    s.revision AS revision,
    s.project AS project,
    s.criterion AS criterion,
    s.rubric_digest AS rubric_digest,
    l.labeller AS labeller,
    assumeNotNull(l.grade) AS label,
    s.run_id AS run_id,
    s.current AS current,
    s.judge AS judge,
    s.model AS model,
    s.judge_digest AS judge_digest,
    assumeNotNull(s.grade) AS grade,
    toInt16(grade) - toInt16(label) AS difference
FROM (SELECT * FROM v1_scores WHERE NOT startsWith(run_id, 'human-') AND v1_scores.grade IS NOT NULL) AS s
INNER JOIN (SELECT * FROM v1_labels WHERE v1_labels.grade IS NOT NULL) AS l
    ON l.trace_id = s.trace_id AND l.revision = s.revision
    AND l.criterion = s.criterion AND l.rubric_digest = s.rubric_digest
COMMENT 'One row per criterion that a person and a judge graded by the same rubric: how far the judge is off';

CREATE OR REPLACE VIEW v1_process_outcome
(
    trace_id       String COMMENT 'Id of the trace',
    revision       UInt32 COMMENT 'Latest revision of the trace',
    project        LowCardinality(String) COMMENT 'Project that owns the trace',
    participant_id String COMMENT 'Who worked, as the client named them',
    task_id        String COMMENT 'Id of the task',
    created_at     DateTime64(6, 'UTC') COMMENT 'Server time at which the trace was created',
    outcome        LowCardinality(String) COMMENT 'scored, or unscored; empty where it was not judged yet',
    overall        Nullable(Float64) COMMENT 'Overall score that counts, 0 to 5; NULL where there is none',
    band           LowCardinality(String) COMMENT 'Where overall lies: 0-1, 1-2, 2-3, 3-4 or 4-5, the upper end excluded but for 5; unscored; or empty where not judged yet',
    verdict        LowCardinality(String) COMMENT 'Verdict of the sandbox that counts: fixed, not_fixed, ...; empty where it was not validated yet',
    level          LowCardinality(String) COMMENT 'For fixed: verified, or verified_by_own_tests',
    verdict_reason LowCardinality(String) COMMENT 'Short code that says why, where the verdict needs one',
    run_id         LowCardinality(String) COMMENT 'Run of the score: the promoted one of the project, or live; empty where not judged yet',
    rubric         LowCardinality(String) COMMENT 'Name of the rubric',
    rubric_version LowCardinality(String) COMMENT 'Version of the rubric',
    judge          LowCardinality(String) COMMENT 'heuristic, openai or panel',
    model          LowCardinality(String) COMMENT 'Model of the judge; empty where it has none'
)
AS SELECT
    t.trace_id AS trace_id,
    t.revision AS revision,
    t.project AS project,
    t.participant_id AS participant_id,
    t.task_id AS task_id,
    t.created_at AS created_at,
    j.outcome AS outcome,
    j.overall_milli / 1000 AS overall,
    multiIf(
        outcome = '', '',
        overall IS NULL, 'unscored',
        overall < 1, '0-1', overall < 2, '1-2', overall < 3, '2-3', overall < 4, '3-4', '4-5'
    ) AS band,
    v.verdict AS verdict,
    v.level AS level,
    v.reason AS verdict_reason,
    j.run_id AS run_id,
    j.rubric_id AS rubric,
    j.rubric_version AS rubric_version,
    j.judge AS judge,
    j.model AS model
FROM
(
    SELECT trace_id, revision, project, participant_id, task_id, created_at
    FROM traces FINAL
    WHERE (trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)
) AS t
LEFT JOIN
(
    SELECT trace_id, revision, outcome, overall_milli, run_id, rubric_id, rubric_version, judge, model
    FROM judgements_now
    WHERE current
) AS j ON j.trace_id = t.trace_id AND j.revision = t.revision
LEFT JOIN
(
    SELECT trace_id, revision, verdict, level, reason
    FROM validations FINAL
    WHERE run_id = 'live'
) AS v ON v.trace_id = t.trace_id AND v.revision = t.revision
COMMENT 'One row per finished trace: how well the work was done beside whether it fixed the bug';

CREATE OR REPLACE VIEW v1_process_outcome_matrix
(
    project      LowCardinality(String) COMMENT 'Project that owns the traces',
    band         LowCardinality(String) COMMENT 'Where the overall score lies, as in v1_process_outcome',
    verdict      LowCardinality(String) COMMENT 'Verdict of the sandbox; empty where not validated yet',
    level        LowCardinality(String) COMMENT 'For fixed: verified, or verified_by_own_tests',
    traces       UInt64 COMMENT 'Traces in this cell',
    mean_overall Nullable(Float64) COMMENT 'Mean of their overall scores, 0 to 5; NULL where none is scored'
)
AS SELECT project, band, verdict, level, count() AS traces, avgOrNull(overall) AS mean_overall
FROM v1_process_outcome
GROUP BY project, band, verdict, level
COMMENT 'One row per cell of score band and verdict, of each project: how process and outcome go together';
