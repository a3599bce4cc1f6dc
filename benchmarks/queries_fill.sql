-- What benchmarks.queries asks, made of @templates templates in the database @source. `plan` says of each trace what it
-- is to be: 2 % are open, 2 % were given up, 1 % have a second revision. Hashes of its number decide.
-- The script makes the traces from number @first on, @count of them, and is run for each slice of them.

CREATE OR REPLACE VIEW plan AS
WITH cityHash64(number) AS hash
SELECT
    number,
    @first_ms + intDiv(number * 89 * 86400000, @traces) AS minted_ms,
    concat(
        'trace-', substring(lower(hex(minted_ms)), -12), '7', substring(lower(hex(hash)), -3), '8',
        leftPad(lower(hex(cityHash64(number, 1))), 16, '0') AS tail
    ) AS long_id,
    substring(long_id, 1, 38) AS trace_id,
    hash % @templates AS template,
    ['payments', 'web', 'mobile', 'backend', 'search', 'infra', 'data', 'research'][1 + cityHash64(number, 2) % 8] AS project,
    concat('participant-', toString(cityHash64(number, 3) % 1000)) AS participant_id,
    multiIf(number = 7, 'example-simple', cityHash64(number, 4) % 100 < 3, concat('shared-', toString(cityHash64(number, 5) % 2000)),
        concat('task-', toString(number))) AS task_id,
    cityHash64(number, 6) % 100 AS fate,
    multiIf(number = 7, 'completed', fate < 2, 'open', fate < 4, 'abandoned', 'completed') AS outcome,
    multiIf(fate = 50, ['hash_mismatch'], fate = 51, ['gap'], fate = 52, ['truncated'], fate < 10, ['duplicate'], []) AS kinds,
    cityHash64(number, 7) % 100 = 0 AS late,
    fromUnixTimestamp64Milli(toInt64(minted_ms), 'UTC') AS minted_at,
    toInt64(minted_ms) * 1000 - @began_us AS shift_us
FROM numbers(@first, @count);

-- A revision of a trace; the two of a late one are at different offsets of the log.
CREATE OR REPLACE VIEW revisions AS
SELECT *, arrayJoin(if(late, [1, 2], [1])) AS revision, number * 10 + revision AS source_offset
FROM plan
WHERE outcome != 'open';

INSERT INTO events
SELECT e.* REPLACE (
    p.trace_id AS trace_id, p.revision AS revision, p.project AS project,
    e.ts_client + toIntervalMicrosecond(p.shift_us) AS ts_client,
    e.received_at + toIntervalMicrosecond(p.shift_us) AS received_at,
    p.minted_at AS minted_at, 'trace-assembled' AS source_topic, p.number % 24 AS source_partition,
    p.source_offset AS source_offset, p.minted_at + INTERVAL 1 HOUR AS inserted_at
)
FROM revisions AS p INNER JOIN @source.events AS e ON e.source_offset = p.template
SETTINGS max_insert_threads = 2;

INSERT INTO traces
SELECT t.* REPLACE (
    p.trace_id AS trace_id, p.revision AS revision, p.project AS project, p.participant_id AS participant_id,
    if(p.fate % 3 = 0, 'training', 'research') AS consent, p.task_id AS task_id,
    map('os', ['linux', 'macos', 'windows'][1 + p.fate % 3], 'python_version', ['3.11', '3.12', '3.13', '3.14'][1 + p.fate % 4],
        'editor', ['vscode', 'vim', 'jetbrains'][1 + p.fate % 3]) AS environment,
    p.outcome AS outcome,
    t.created_at + toIntervalMicrosecond(p.shift_us) AS created_at,
    t.closed_at + toIntervalMicrosecond(p.shift_us) + toIntervalSecond(if(p.revision = 2, 300, 0)) AS closed_at,
    p.fate != 50 AS intact, p.fate NOT IN (51, 52) AS complete,
    p.kinds AS finding_kinds,
    if(empty(p.kinds), '[]', concat('[{"detail":"made up","kind":"', p.kinds[1], '","offsets":[7]}]')) AS findings,
    if(p.fate > 90, map('aws_key', toUInt32(1), 'email', toUInt32(2)), map()) AS redactions,
    p.minted_at AS minted_at, 'trace-assembled' AS source_topic, p.number % 24 AS source_partition,
    p.source_offset AS source_offset, closed_at + INTERVAL 1 SECOND AS inserted_at
)
FROM revisions AS p INNER JOIN @source.traces AS t ON t.source_offset = p.template;

-- What stands in the log twice, further on the second time.
INSERT INTO events
SELECT * REPLACE (source_offset + 5 AS source_offset)
FROM events WHERE trace_id IN (SELECT trace_id FROM plan WHERE number % 1000 = 77);

INSERT INTO traces
SELECT * REPLACE (source_offset + 5 AS source_offset)
FROM traces WHERE trace_id IN (SELECT trace_id FROM plan WHERE number % 1000 = 77);

INSERT INTO trace_progress (trace_id, project, participant_id, stage, at, minted_at, source_topic, source_partition, source_offset)
SELECT trace_id, project, if(stage = 'received', participant_id, ''), stage,
    minted_at + toIntervalSecond(if(stage = 'received', 0, 1800)), minted_at, 'trace-log', number % 24, number * 10 + (stage != 'received')
FROM plan
ARRAY JOIN multiIf(outcome = 'open', ['received'], outcome = 'abandoned', ['received', 'expired'], ['received', 'completed']) AS stage;

CREATE OR REPLACE VIEW validated AS
SELECT *, cityHash64(number, revision, 8) % 100 AS lot, arrayJoin(if(number % 50 = 0, ['live', 'again'], ['live'])) AS run_id,
    multiIf(lot < 45, 'fixed', lot < 70, 'not_fixed', lot < 80, 'regressed', lot < 83, 'flaky', lot < 95, 'unverifiable', lot < 98, 'timeout', 'infra_failure') AS verdict,
    source_offset * 2 + (run_id = 'again') AS validation_offset
FROM revisions
WHERE cityHash64(number, 9) % 100 < 95;

CREATE OR REPLACE VIEW tests AS
SELECT *, arrayJoin(range(25)) AS test, cityHash64(number, test, 10) % 1000 AS luck,
    multiIf(test = 0 AND verdict = 'fixed', 'fail_to_pass', verdict = 'regressed' AND luck < 60, 'pass_to_fail', luck < 20, 'fail_to_fail', 'pass_to_pass') AS category,
    concat('tests/test_', toString(cityHash64(template, test) % 60), '.py::test_', toString(cityHash64(template, test) % 900)) AS test_id
FROM validated
WHERE verdict IN ('fixed', 'not_fixed', 'regressed', 'flaky');

INSERT INTO test_results (trace_id, revision, run_id, source_offset, suite, test_id, project, before, after, category, minted_at, source_topic, source_partition)
SELECT trace_id, revision, run_id, validation_offset, if(test < 5, 'trace', 'original'), test_id, project,
    if(startsWith(category, 'pass'), 'passed', 'failed'),
    if(endsWith(category, 'pass') AND NOT (run_id = 'again' AND luck = 500), 'passed', 'failed'),
    category, minted_at, 'trace-validated', number % 24
FROM tests;

INSERT INTO claims (trace_id, revision, run_id, source_offset, test_id, event_seq, project, claimed, rerun, minted_at, source_topic, source_partition)
SELECT trace_id, revision, run_id, validation_offset, test_id, test, project, 'passed', 'failed', minted_at, 'trace-validated', number % 24
FROM tests WHERE luck < 3;

INSERT INTO validations (trace_id, revision, run_id, project, head, verdict, level, reason, detail, tests_passed, tests_failed,
    `runs.name`, `runs.exit_code`, `runs.duration_us`, `runs.passed`, `runs.failed`, `runs.skipped`, `runs.errors`, `runs.timed_out`,
    environment, started_at, duration_us, claims_reproduced, claims_compared, claims_incomparable, reproduced, compared_with,
    minted_at, source_topic, source_partition, source_offset)
SELECT trace_id, revision, run_id, project, concat('sha256:', lower(hex(SHA256(trace_id)))), verdict,
    if(verdict = 'fixed', if(lot < 38, 'verified', 'verified_by_own_tests'), ''),
    multiIf(verdict = 'unverifiable', ['no_workspace', 'redacted', 'no_tests'][1 + lot % 3], verdict = 'infra_failure', 'engine_away', ''),
    if(verdict = 'flaky', concat('differ between runs of the same files: tests/test_1.py::test_', toString(lot)), 'one from failing to passing, 24 kept passing'),
    24, 1, ['original_before', 'original_after', 'trace_before', 'trace_after'], [1, 0, 1, 0], [640000, 610000, 650000, 620000],
    [24, 25, 24, 25], [1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [false, false, false, false],
    map('runtime', 'runc', 'memory_mb', '512'), minted_at + INTERVAL 1810 SECOND, 2900000 + lot * 100000,
    if(lot % 4 = 0, NULL, lot % 7 != 0), 25, 0, if(run_id = 'again', lot % 9 != 0, NULL), if(run_id = 'again', 'live', ''),
    minted_at, 'trace-validated', number % 24, validation_offset
FROM validated;

CREATE OR REPLACE VIEW judged AS
SELECT *, arrayJoin(arrayConcat(
        ['live'], if(cityHash64(number, 11) % 100 < 40, ['gpt-trial'], []), if(cityHash64(number, 12) % 100 < 30, ['rubric-1.1-trial'], []),
        if(number % 400 = 0, ['human-ann', 'human-bob'], []), if(number % 10 = 0, ['first-try'], []))) AS run_id,
    startsWith(run_id, 'human-') AS human, run_id = 'rubric-1.1-trial' AS panel, run_id IN ('gpt-trial', 'rubric-1.1-trial', 'first-try') AS asked,
    cityHash64(number, run_id, 13) % 100 AS lot,
    arrayMap(i -> toUInt8(least(5, cityHash64(number, i) % 5 + cityHash64(number, i, run_id) % 2)), range(6)) AS grades
FROM revisions;

INSERT INTO judgements (trace_id, revision, run_id, rubric_digest, judge_digest, project, head, outcome, reason, overall_milli,
    `grades.criterion`, `grades.grade`, `grades.weight`, `grades.rationale`, `grades.cited_seqs`, `grades.quotes`, `grades.votes`, `grades.spread`,
    rubric_id, rubric_version, judge, model, prompt_tokens, completion_tokens, evidence_ref, started_at, duration_us, cost_nano_usd, calls,
    left_out_characters, left_out_events, suspicions, jurors, cached_from, minted_at, source_topic, source_partition, source_offset)
WITH ['problem_understanding', 'causal_linking', 'experiment_design', 'efficiency', 'reproducibility', 'safety_hygiene'] AS criteria,
    [200, 250, 200, 150, 100, 100] AS weights, lot >= 3 AS scored
SELECT trace_id, revision, run_id, if(panel, 'sha256:rubric-1.1', 'sha256:rubric-1.0'), concat('sha256:', run_id), project,
    concat('sha256:', lower(hex(SHA256(trace_id)))), if(scored, 'scored', 'unscored'), if(scored, '', ['no_answer', 'budget'][1 + lot % 2]),
    if(scored, arraySum(arrayMap((g, w) -> g * w, grades, weights)), NULL),
    if(scored, criteria, []), if(scored, grades, []), if(scored, weights, []),
    if(scored, arrayMap(g -> concat('Grade ', toString(g), ': the note at event 3 names the function that was read, and the run at event 7 shows it.'), grades), []),
    if(scored, arrayMap(g -> [3, 7], grades), []), if(scored, arrayMap(g -> [(3, 'the counter is off by one')], grades), []),
    if(scored, arrayMap(g -> if(panel, [g, g, toUInt8(if(lot % 4 = 0, least(5, g + 1), g))], []), grades), []),
    if(scored, arrayMap(g -> if(panel, toUInt8(lot % 4 = 0 AND g < 5), NULL), grades), []),
    'bug-fix-process', if(panel, '1.1', '1.0'), multiIf(human, 'human', panel, 'panel', asked, 'openai', 'heuristic'), if(asked, 'gpt-4o-mini', ''),
    if(asked, 9000 + lot, 0), if(asked, 700 + lot, 0), if(asked, concat('evidence/', trace_id), ''), minted_at + INTERVAL 1815 SECOND, 40000 + lot * 1000,
    if(asked, 1770000 + lot * 1000, NULL), if(asked, if(panel, 3, 1), 0), if(asked AND lot < 10, 20000, 0), if(asked AND lot < 10, 12, 0),
    if(lot = 50, [('addressed', 3)], []), if(panel, ['a', 'b', 'c'], []), '', minted_at, if(run_id = 'live', 'trace-judged', 'rescores'), number % 24,
    source_offset * 8 + indexOf(['live', 'gpt-trial', 'rubric-1.1-trial', 'human-ann', 'human-bob', 'first-try'], run_id)
FROM judged;

INSERT INTO runs (run_id, project, selection, rubric_digest, judge_digest, rubric, judge, traces, created_by, created_at, source_topic, source_offset)
SELECT run_id, '*', '{}', 'sha256:rubric-1.0', concat('sha256:', run_id), '{}', '{}', 1000, 'cli/maria', now64(6), 'control', number
FROM (SELECT number, ['gpt-trial', 'rubric-1.1-trial', 'first-try'][number + 1] AS run_id FROM numbers(3));

INSERT INTO run_states (run_id, project, state, detail, changed_by, changed_at, source_topic, source_offset)
SELECT run_id, '*', if(run_id = 'first-try', 'archived', 'done'), map(), 'cli/maria', now64(6), 'control', source_offset + 10 FROM runs;

INSERT INTO promotions (project, run_id, promoted_by, promoted_at, source_topic, source_offset)
SELECT ['payments', 'web', 'search'][number + 1], ['gpt-trial', 'gpt-trial', 'first-try'][number + 1], 'cli/maria', now64(6), 'control', 30 + number
FROM numbers(3);

INSERT INTO rejects (trace_id, chunk_seq, chunk_id, event_index, pointer, reason, project, rejected_at, minted_at, source_topic, source_partition, source_offset)
SELECT trace_id, 0, 'c0', fate, concat('/events/', toString(fate), '/diff_unified'), ['unknown event type', 'diff_unified: not a unified diff', 'seq: missing'][1 + fate % 3],
    project, minted_at + INTERVAL 60 SECOND, minted_at, 'rejects', number % 24, number
FROM plan WHERE cityHash64(number, 14) % 100 < 2;

INSERT INTO audit (project, at, actor, action, subject, detail, source_topic, source_offset)
SELECT project, minted_at, concat('key/', participant_id), ['denied: role', 'token revoke', 'key rotate', 'policy set'][1 + fate % 4], concat('trace/', trace_id), map('why', 'benchmark'), 'audit-log', number
FROM plan WHERE cityHash64(number, 15) % 100 < 10;

INSERT INTO erasures (trace_id, project, erased_at, minted_at, source_topic, source_partition, source_offset)
SELECT concat(substring(trace_id, 1, 37), 'f'), project, minted_at + INTERVAL 1 DAY, minted_at, 'trace-log', number % 24, number * 10 + 2
FROM plan WHERE cityHash64(number, 16) % 1000 < 3;

INSERT INTO dead_letters (trace_id, origin_topic, origin_partition, origin_offset, consumer_group, stage, error, reason, key, size, digest, redrive_of, refused_at, source_topic, source_partition, source_offset)
SELECT trace_id, 'trace-assembled', number % 24, number, ['judge', 'sandbox', 'sinks'][1 + fate % 3], 'document', 'Invalid',
    ['the document is not in the object store', 'not an Avro record'][1 + fate % 2], trace_id, 1000 + fate, 'sha256:0', '', minted_at, 'trace-assembled.dlq', number % 24, number
FROM plan WHERE cityHash64(number, 17) % 1000 < 5;

INSERT INTO leaves (trace_id, revision, kind, leaf_hash, record_topic, record_partition, record_offset, appended_at, minted_at, source_topic, source_partition, source_offset)
SELECT trace_id, revision, kind, SHA256(concat(trace_id, kind, toString(revision))), concat('trace-', kind), number % 24, source_offset,
    minted_at + INTERVAL 1820 SECOND, minted_at, 'integrity-log', 0, source_offset * 3 + at
FROM revisions ARRAY JOIN ['assembled', 'validated', 'judged'] AS kind, [0, 1, 2] AS at;

INSERT INTO checkpoints (origin, tree_size, root_hash, note, signed_at, source_topic, source_partition, source_offset)
SELECT 'pr-telemetry', number * 3, SHA256(toString(number)), 'a signed note', minted_at + INTERVAL 1900 SECOND, 'integrity-log', 0, number * 30 + 29
FROM plan WHERE number % 100 = 99;

INSERT INTO policies (project, consent, redact, recorded_by, recorded_at, source_topic, source_offset)
SELECT DISTINCT project, 'research', ['email'], 'cli/maria', toDateTime64('2026-01-01', 6, 'UTC'), 'control', 50 FROM plan LIMIT 8;
