-- Public views. Each shows what is left when copies of one thing are taken as one, whatever was merged so far.
-- Filters by key go through to the tables: no join, and no window, stands between them.

CREATE OR REPLACE VIEW v1_traces
(
    trace_id          String COMMENT 'Id of the trace: trace-<UUIDv7 in hex>',
    revision          UInt32 COMMENT 'Latest revision; 1 is the first assembly, each late chunk may add one',
    project           LowCardinality(String) COMMENT 'Project that owns the trace',
    stage             LowCardinality(String) COMMENT 'How far this revision is: assembled, validated, judged, or done (both)',
    participant_id    String COMMENT 'Who worked, as the client named them',
    consent           LowCardinality(String) COMMENT 'What the trace may be used for: research, or training',
    task_id           String COMMENT 'Id of the task',
    task_title        String COMMENT 'Title of the task',
    task_description  String COMMENT 'Description of the task; empty where none was given',
    repo_origin       String COMMENT 'Repository that was worked on',
    start_commit      String COMMENT 'Commit the session began at; empty where unknown',
    environment       Map(LowCardinality(String), String) COMMENT 'What the client said of its environment, such as os',
    outcome           LowCardinality(String) COMMENT 'completed, or abandoned (idle too long)',
    created_at        DateTime64(6, 'UTC') COMMENT 'Server time at which the trace was created',
    closed_at         DateTime64(6, 'UTC') COMMENT 'Server time of the record that caused this revision',
    event_count       UInt64 COMMENT 'Events in the trace',
    chunk_count       UInt64 COMMENT 'Chunks in the trace',
    intact            Bool COMMENT 'Nothing that arrived was altered',
    complete          Bool COMMENT 'Nothing that was sent is missing',
    last_link         String COMMENT 'Last link of the hash chain of events, sha256:<hex>',
    head              String COMMENT 'Digest that commits to the whole revision, sha256:<hex>',
    finding_kinds     Array(LowCardinality(String)) COMMENT 'Kinds of the integrity findings, such as gap or fork; empty is good',
    findings          String COMMENT 'Integrity findings, a JSON array of {kind, detail, offsets}',
    duration_s        Float64 COMMENT 'From the first event to the last, seconds',
    active_s          Float64 COMMENT 'The same, each pause counted as five minutes at most, seconds',
    clock_skew_s      Nullable(Float64) COMMENT 'Server clock less client clock, upload delay included, seconds; NULL without events',
    num_file_edits    UInt64 COMMENT 'Events of type file_edit',
    cmd_runs          UInt64 COMMENT 'Events of type cmd_run',
    test_runs         UInt64 COMMENT 'Events of type test_run',
    commits           UInt64 COMMENT 'Events of type commit',
    rationale_notes   UInt64 COMMENT 'Events of type rationale_note',
    files_touched     UInt64 COMMENT 'Different files edited',
    lines_added       UInt64 COMMENT 'Lines added by all edits',
    lines_removed     UInt64 COMMENT 'Lines removed by all edits',
    lines_reverted    UInt64 COMMENT 'Lines that a later edit took back',
    failures_before_first_green UInt64 COMMENT 'Failing test runs before the first passing one; all of them where none passed',
    time_to_first_edit_s  Nullable(Float64) COMMENT 'From the first event to the first edit, seconds; NULL where there is none',
    time_to_first_green_s Nullable(Float64) COMMENT 'From the first event to the first passing test run, seconds; NULL where there is none',
    hypotheses        UInt64 COMMENT 'Notes that state a hypothesis',
    hypotheses_tested UInt64 COMMENT 'Hypotheses that an edit, a command or a test run followed',
    hypothesis_to_experiment_s Nullable(Float64) COMMENT 'Mean time from a hypothesis to its experiment, seconds; NULL where there is none',
    metrics           String COMMENT 'All metrics, a JSON object; times in microseconds; see docs/metrics.md',
    redactions        Map(LowCardinality(String), UInt32) COMMENT 'Redacted secrets, count by rule',
    artifacts         String COMMENT 'Stored files by name, a JSON object; private ones are left out',
    document_ref      String COMMENT 'Object-store key of the document; empty where it travelled in the log',
    document_digest   String COMMENT 'Digest of the canonical document, sha256:<hex>',
    document_size     UInt64 COMMENT 'Bytes of the canonical document',
    queryable_at      DateTime64(6, 'UTC') COMMENT 'When this row was inserted'
)
AS SELECT
    trace_id,
    revision,
    project,
    multiIf(is_validated AND is_judged, 'done', is_validated, 'validated', is_judged, 'judged', 'assembled') AS stage,
    participant_id,
    consent,
    task_id,
    task_title,
    task_description,
    repo_origin,
    start_commit,
    environment,
    outcome,
    created_at,
    closed_at,
    event_count,
    chunk_count,
    intact,
    complete,
    last_link,
    head,
    finding_kinds,
    findings,
    duration_us / 1e6 AS duration_s,
    active_us / 1e6 AS active_s,
    clock_skew_us / 1e6 AS clock_skew_s,
    num_file_edits,
    cmd_runs,
    test_runs,
    commits,
    rationale_notes,
    files_touched,
    lines_added,
    lines_removed,
    lines_reverted,
    failures_before_first_green,
    time_to_first_edit_us / 1e6 AS time_to_first_edit_s,
    time_to_first_green_us / 1e6 AS time_to_first_green_s,
    hypotheses,
    hypotheses_tested,
    hypothesis_to_experiment_us / 1e6 AS hypothesis_to_experiment_s,
    metrics,
    redactions,
    artifacts,
    document_ref,
    document_digest,
    document_size,
    inserted_at AS queryable_at
FROM
(
    SELECT
        *,
        duration_us, active_us, clock_skew_us, num_file_edits, cmd_runs, test_runs, commits, rationale_notes,
        files_touched, lines_added, lines_removed, lines_reverted, failures_before_first_green,
        time_to_first_edit_us, time_to_first_green_us, hypotheses, hypotheses_tested, hypothesis_to_experiment_us,
        (trace_id, revision) IN (SELECT trace_id, revision FROM validations) AS is_validated,
        (trace_id, revision) IN (SELECT trace_id, revision FROM judgements) AS is_judged
    FROM traces FINAL
    WHERE (trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)
)
COMMENT 'One row per finished trace: its latest revision';

CREATE OR REPLACE VIEW v1_progress
(
    trace_id     String COMMENT 'Id of the trace',
    project      LowCardinality(String) COMMENT 'Project that owns the trace',
    stage        LowCardinality(String) COMMENT 'received, completed or expired; what comes later is in v1_traces',
    received_at  Nullable(DateTime64(6, 'UTC')) COMMENT 'Server time at which the trace was created',
    completed_at Nullable(DateTime64(6, 'UTC')) COMMENT 'Server time of its first completion; NULL while it is open',
    expired_at   Nullable(DateTime64(6, 'UTC')) COMMENT 'Server time at which it was given up as idle; NULL where it was not'
)
AS SELECT
    trace_id,
    any(project) AS project,
    multiIf(completed_at IS NOT NULL, 'completed', expired_at IS NOT NULL, 'expired', 'received') AS stage,
    minOrNullIf(at, trace_progress.stage = 'received') AS received_at,
    minOrNullIf(at, trace_progress.stage = 'completed') AS completed_at,
    minOrNullIf(at, trace_progress.stage = 'expired') AS expired_at
FROM trace_progress
GROUP BY trace_id
COMMENT 'One row per trace ever received, finished or not';

CREATE OR REPLACE VIEW v1_events
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Latest revision of the trace',
    chain_index   UInt32 COMMENT 'Place of the event in the trace, from 0; unique in a trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    seq           UInt64 COMMENT 'Place of the event as the client numbered it, from 0',
    event_id      String COMMENT 'Id of the event, as the client gave it',
    type          LowCardinality(String) COMMENT 'file_edit, cmd_run, test_run, commit or rationale_note',
    ts_client     DateTime64(6, 'UTC') COMMENT 'Time of the event by the client clock',
    received_at   DateTime64(6, 'UTC') COMMENT 'Server time at which its chunk was accepted',
    chunk_seq     UInt64 COMMENT 'Chunk that brought it, from 0',
    caused_by     Array(String) COMMENT 'Ids of the events that led to this one',
    file_path     String COMMENT 'file_edit: the file',
    author        LowCardinality(String) COMMENT 'file_edit: human_typed, human_pasted or ai; empty where unsaid',
    diff_unified  String COMMENT 'file_edit, commit: the unified diff',
    buffer_hash_after String COMMENT 'file_edit: digest of the file after it, sha256:<hex>',
    command       String COMMENT 'cmd_run, test_run: the command',
    cwd           String COMMENT 'cmd_run: folder it ran in',
    exit_code     Nullable(Int64) COMMENT 'cmd_run, test_run: exit status; NULL where unknown',
    duration_s    Nullable(Float64) COMMENT 'cmd_run, test_run: seconds it took; NULL where unknown',
    output        String COMMENT 'cmd_run, test_run: output that was sent inline',
    framework     LowCardinality(String) COMMENT 'test_run: test framework',
    passed        UInt64 COMMENT 'test_run: tests passed, as the client saw it',
    failed        UInt64 COMMENT 'test_run: tests failed',
    skipped       UInt64 COMMENT 'test_run: tests skipped',
    errors        UInt64 COMMENT 'test_run: tests that ended in an error',
    commit_sha    String COMMENT 'commit: its sha; empty for a final patch without a commit',
    message       String COMMENT 'commit: its message',
    plan          String COMMENT 'rationale_note: what was planned',
    hypothesis    String COMMENT 'rationale_note: what was believed',
    observation   String COMMENT 'rationale_note: what was seen',
    decision      String COMMENT 'rationale_note: what was decided',
    next_step     String COMMENT 'rationale_note: what was to come next',
    text          String COMMENT 'rationale_note: free text',
    event         String COMMENT 'The whole event as stored and hashed: canonical JSON, times in microseconds'
)
AS SELECT
    trace_id,
    revision,
    chain_index,
    project,
    seq,
    event_id,
    type,
    ts_client,
    received_at,
    chunk_seq,
    caused_by,
    file_path,
    author,
    JSONExtractString(event, 'diff_unified') AS diff_unified,
    JSONExtractString(event, 'buffer_hash_after') AS buffer_hash_after,
    command,
    JSONExtractString(event, 'cwd') AS cwd,
    exit_code,
    duration_us / 1e6 AS duration_s,
    JSONExtractString(event, 'output') AS output,
    framework,
    passed,
    failed,
    skipped,
    errors,
    commit_sha,
    JSONExtractString(event, 'message') AS message,
    JSONExtractString(event, 'plan') AS plan,
    JSONExtractString(event, 'hypothesis') AS hypothesis,
    JSONExtractString(event, 'observation') AS observation,
    JSONExtractString(event, 'decision') AS decision,
    JSONExtractString(event, 'next_step') AS next_step,
    JSONExtractString(event, 'text') AS text,
    event
FROM events FINAL
WHERE (trace_id, revision) IN (SELECT trace_id, max(revision) FROM traces GROUP BY trace_id)
COMMENT 'One row per event of the latest revision of each finished trace';

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

CREATE OR REPLACE VIEW v1_test_results
(
    trace_id String COMMENT 'Id of the trace',
    revision UInt32 COMMENT 'Revision that was validated',
    run_id   LowCardinality(String) COMMENT 'live, or the id of a later run',
    project  LowCardinality(String) COMMENT 'Project that owns the trace',
    suite    LowCardinality(String) COMMENT 'original: tests of the start commit; trace: tests as the trace left them',
    test_id  String COMMENT 'Id of the test, as its runner reports it',
    before   LowCardinality(String) COMMENT 'Before the change: passed, failed, skipped, error or absent',
    after    LowCardinality(String) COMMENT 'After the change: passed, failed, skipped, error or absent',
    category LowCardinality(String) COMMENT 'fail_to_pass, pass_to_pass, pass_to_fail, fail_to_fail or other'
)
AS SELECT trace_id, revision, run_id, project, suite, test_id, before, after, category
FROM test_results FINAL
WHERE (trace_id, revision, run_id, source_offset) IN
    (SELECT trace_id, revision, run_id, max(source_offset) FROM validations GROUP BY trace_id, revision, run_id)
COMMENT 'One row per test of a validation';

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
