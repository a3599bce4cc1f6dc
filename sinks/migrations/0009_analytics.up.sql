-- Views for the questions that analysts ask: events by their type, what the transparency log has, what happened in a
-- trace, two runs side by side, days and periods; and names for dictGet.

-- Lines of the diff of an edit or a commit, counted as the assembler counts them: hunks are walked by their lengths,
-- because a removed line may look like a header. It costs 33 us for a diff of 35 lines, once; a regular expression
-- would take 3 and miscount.
ALTER TABLE events ADD COLUMN IF NOT EXISTS changed_lines Tuple(added UInt32, removed UInt32)
MATERIALIZED if(type IN ('file_edit', 'commit'), CAST(arrayMap(counted -> (counted.3, counted.4), [arrayFold(
    (state, line) -> multiIf(
        state.1 <= 0 AND state.2 <= 0,
        if(
            match(line, '^@@ -\\d+(?:,\\d+)? \\+\\d+(?:,\\d+)? @@'),
            (
                toInt64OrDefault(extract(line, '^@@ -\\d+,(\\d+)'), toInt64(1)),
                toInt64OrDefault(extract(line, '^@@ -[\\d,]+ \\+\\d+,(\\d+)'), toInt64(1)),
                state.3,
                state.4
            ),
            state
        ),
        startsWith(line, '+'), (state.1, state.2 - 1, state.3 + 1, state.4),
        startsWith(line, '-'), (state.1 - 1, state.2, state.3, state.4 + 1),
        line = '' OR startsWith(line, ' '), (state.1 - 1, state.2 - 1, state.3, state.4),
        state
    ),
    splitByChar('\n', JSONExtractString(event, 'diff_unified')),
    (toInt64(0), toInt64(0), toInt64(0), toInt64(0))
)])[1], 'Tuple(added UInt32, removed UInt32)'), CAST((0, 0), 'Tuple(added UInt32, removed UInt32)'));

-- Rows from before this step have it computed as they are read, until this has gone over them.
ALTER TABLE events MATERIALIZE COLUMN changed_lines SETTINGS mutations_sync = 0;

-- As measured over a million events (benchmarks.codecs, docs/performance.md): beside the events' own text, their columns
-- take a fifth less. ZSTD(1) would make some of them bigger than LZ4 does. Parts get it as they are merged.
ALTER TABLE events
    MODIFY COLUMN trace_id CODEC(ZSTD(3)),
    MODIFY COLUMN seq CODEC(DoubleDelta, ZSTD(1)),
    MODIFY COLUMN event_id CODEC(ZSTD(3)),
    MODIFY COLUMN type CODEC(ZSTD(1)),
    MODIFY COLUMN chunk_seq CODEC(DoubleDelta, ZSTD(1)),
    MODIFY COLUMN caused_by CODEC(ZSTD(3)),
    MODIFY COLUMN command CODEC(ZSTD(3)),
    MODIFY COLUMN exit_code CODEC(ZSTD(1)),
    MODIFY COLUMN duration_us CODEC(ZSTD(1));

-- The topic integrity-log. A leaf is known by its hash, and counts where that stands first.
CREATE TABLE IF NOT EXISTS leaves
(
    trace_id         String,
    revision         UInt32,
    kind             LowCardinality(String),
    leaf_hash        FixedString(32),
    record_topic     LowCardinality(String) COMMENT 'the record that the leaf stands for',
    record_partition UInt32,
    record_offset    UInt64,
    appended_at      DateTime64(6, 'UTC'),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64 CODEC(Delta, ZSTD),
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, kind, leaf_hash, source_offset)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS checkpoints
(
    origin           LowCardinality(String),
    tree_size        UInt64,
    root_hash        FixedString(32),
    note             String CODEC(ZSTD),
    signed_at        DateTime64(6, 'UTC'),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64 CODEC(Delta, ZSTD),
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
ORDER BY (tree_size, origin, source_offset)
SETTINGS non_replicated_deduplication_window = 10000;

-- What a project has said of the use of its traces; the last word counts.
CREATE TABLE IF NOT EXISTS policies
(
    project          LowCardinality(String),
    consent          LowCardinality(String),
    redact           Array(LowCardinality(String)),
    recorded_by      String,
    recorded_at      DateTime64(6, 'UTC'),
    source_topic     LowCardinality(String),
    source_partition UInt32,
    source_offset    UInt64,
    inserted_at      DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(source_offset)
ORDER BY project
SETTINGS non_replicated_deduplication_window = 10000;

-- Aggregates, each made from one table as rows are inserted. States, never sums: a set of chain indexes, a first time,
-- the values furthest in the log. What is inserted once more changes none of them, and a row is about one trace, so
-- that it goes with its trace, erased or expired. The two that are about no trace are kept for ever: hashes alone, so
-- that the index of a leaf stays when leaves before it have gone, and what rubrics are made of.
CREATE TABLE IF NOT EXISTS agg_events
(
    trace_id         String,
    revision         UInt32,
    source_offset    UInt64 CODEC(Delta, ZSTD) COMMENT 'a revision that is in the log twice counts by its last copy',
    project          LowCardinality(String),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    events           AggregateFunction(groupBitmap, UInt32) COMMENT 'chain indexes, as in the next ones',
    file_edits       AggregateFunction(groupBitmap, UInt32),
    cmd_runs         AggregateFunction(groupBitmap, UInt32),
    test_runs        AggregateFunction(groupBitmap, UInt32),
    commits          AggregateFunction(groupBitmap, UInt32),
    rationale_notes  AggregateFunction(groupBitmap, UInt32)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, source_offset, project)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY;

CREATE TABLE IF NOT EXISTS agg_progress
(
    trace_id         String,
    project          LowCardinality(String),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    received_at      SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    completed_at     SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    expired_at       SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC')))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, project)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY;

CREATE TABLE IF NOT EXISTS agg_traces
(
    trace_id         String,
    project          LowCardinality(String),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    latest           AggregateFunction(argMax, Tuple(revision UInt32, intact Bool, complete Bool, active_us UInt64), Tuple(UInt32, UInt64))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, project)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY;

CREATE TABLE IF NOT EXISTS agg_validations
(
    trace_id         String,
    revision         UInt32,
    run_id           LowCardinality(String),
    project          LowCardinality(String),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    verdict          AggregateFunction(argMax, String, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, run_id, project)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY;

CREATE TABLE IF NOT EXISTS agg_judgements
(
    trace_id         String,
    revision         UInt32,
    run_id           LowCardinality(String),
    rubric_digest    LowCardinality(String),
    judge_digest     LowCardinality(String),
    project          LowCardinality(String),
    minted_at        DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    figures          AggregateFunction(argMax, Tuple(scored Bool, prompt_tokens UInt64, completion_tokens UInt64, calls UInt32, cost_nano_usd Nullable(UInt64)), UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minted_at)
ORDER BY (trace_id, revision, run_id, rubric_digest, judge_digest, project)
TTL toDateTime(minted_at) + INTERVAL {retention_days} DAY;

CREATE TABLE IF NOT EXISTS leaf_hashes
(
    leaf_hash        FixedString(32),
    source_offset    SimpleAggregateFunction(min, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY leaf_hash;

CREATE TABLE IF NOT EXISTS rubric_weights
(
    rubric_digest    String,
    criterion        String,
    weight           SimpleAggregateFunction(any, UInt16),
    rubric_id        SimpleAggregateFunction(any, String),
    rubric_version   SimpleAggregateFunction(any, String)
)
ENGINE = AggregatingMergeTree
ORDER BY (rubric_digest, criterion);

CREATE MATERIALIZED VIEW IF NOT EXISTS agg_events_mv TO agg_events
AS SELECT
    trace_id,
    revision,
    source_offset,
    any(project) AS project,
    any(minted_at) AS minted_at,
    groupBitmapState(chain_index) AS events,
    groupBitmapStateIf(chain_index, type = 'file_edit') AS file_edits,
    groupBitmapStateIf(chain_index, type = 'cmd_run') AS cmd_runs,
    groupBitmapStateIf(chain_index, type = 'test_run') AS test_runs,
    groupBitmapStateIf(chain_index, type = 'commit') AS commits,
    groupBitmapStateIf(chain_index, type = 'rationale_note') AS rationale_notes
FROM events
GROUP BY trace_id, revision, source_offset;

CREATE MATERIALIZED VIEW IF NOT EXISTS agg_progress_mv TO agg_progress
AS SELECT
    trace_id,
    any(project) AS project,
    any(minted_at) AS minted_at,
    minOrNullIf(at, stage = 'received') AS received_at,
    minOrNullIf(at, stage = 'completed') AS completed_at,
    minOrNullIf(at, stage = 'expired') AS expired_at
FROM trace_progress
GROUP BY trace_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS agg_traces_mv TO agg_traces
AS SELECT
    trace_id,
    any(project) AS project,
    any(minted_at) AS minted_at,
    argMaxState(
        CAST((revision, intact, complete, active_us), 'Tuple(revision UInt32, intact Bool, complete Bool, active_us UInt64)'),
        (revision, source_offset)
    ) AS latest
FROM traces
GROUP BY trace_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS agg_validations_mv TO agg_validations
AS SELECT
    trace_id, revision, run_id,
    any(project) AS project, any(minted_at) AS minted_at, argMaxState(toString(verdict), source_offset) AS verdict
FROM validations
GROUP BY trace_id, revision, run_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS agg_judgements_mv TO agg_judgements
AS SELECT
    trace_id, revision, run_id, rubric_digest, judge_digest,
    any(project) AS project,
    any(minted_at) AS minted_at,
    argMaxState(
        CAST(
            (outcome = 'scored', prompt_tokens, completion_tokens, calls, cost_nano_usd),
            'Tuple(scored Bool, prompt_tokens UInt64, completion_tokens UInt64, calls UInt32, cost_nano_usd Nullable(UInt64))'
        ),
        source_offset
    ) AS figures
FROM judgements
GROUP BY trace_id, revision, run_id, rubric_digest, judge_digest;

CREATE MATERIALIZED VIEW IF NOT EXISTS leaf_hashes_mv TO leaf_hashes
AS SELECT leaf_hash, min(leaves.source_offset) AS source_offset
FROM leaves
GROUP BY leaf_hash;

CREATE MATERIALIZED VIEW IF NOT EXISTS rubric_weights_mv TO rubric_weights
AS SELECT
    toString(rubric_digest) AS rubric_digest,
    toString(grades.criterion) AS criterion,
    any(grades.weight) AS weight,
    any(toString(judgements.rubric_id)) AS rubric_id,
    any(toString(judgements.rubric_version)) AS rubric_version
FROM judgements
ARRAY JOIN grades
GROUP BY rubric_digest, criterion;

-- What is in the tables already. The views above are there by now: a row that comes meanwhile may be taken twice, which
-- changes nothing, and is not missed.
INSERT INTO agg_events SELECT
    trace_id,
    revision,
    source_offset,
    any(project) AS project,
    any(minted_at) AS minted_at,
    groupBitmapState(chain_index) AS events,
    groupBitmapStateIf(chain_index, type = 'file_edit') AS file_edits,
    groupBitmapStateIf(chain_index, type = 'cmd_run') AS cmd_runs,
    groupBitmapStateIf(chain_index, type = 'test_run') AS test_runs,
    groupBitmapStateIf(chain_index, type = 'commit') AS commits,
    groupBitmapStateIf(chain_index, type = 'rationale_note') AS rationale_notes
FROM events
GROUP BY trace_id, revision, source_offset
SETTINGS optimize_aggregation_in_order = 1;

INSERT INTO agg_progress SELECT
    trace_id,
    any(project) AS project,
    any(minted_at) AS minted_at,
    minOrNullIf(at, stage = 'received') AS received_at,
    minOrNullIf(at, stage = 'completed') AS completed_at,
    minOrNullIf(at, stage = 'expired') AS expired_at
FROM trace_progress
GROUP BY trace_id
SETTINGS optimize_aggregation_in_order = 1;

INSERT INTO agg_traces SELECT
    trace_id,
    any(project) AS project,
    any(minted_at) AS minted_at,
    argMaxState(
        CAST((revision, intact, complete, active_us), 'Tuple(revision UInt32, intact Bool, complete Bool, active_us UInt64)'),
        (revision, source_offset)
    ) AS latest
FROM traces
GROUP BY trace_id
SETTINGS optimize_aggregation_in_order = 1;

INSERT INTO agg_validations SELECT
    trace_id, revision, run_id,
    any(project) AS project, any(minted_at) AS minted_at, argMaxState(toString(verdict), source_offset) AS verdict
FROM validations
GROUP BY trace_id, revision, run_id
SETTINGS optimize_aggregation_in_order = 1;

INSERT INTO agg_judgements SELECT
    trace_id, revision, run_id, rubric_digest, judge_digest,
    any(project) AS project,
    any(minted_at) AS minted_at,
    argMaxState(
        CAST(
            (outcome = 'scored', prompt_tokens, completion_tokens, calls, cost_nano_usd),
            'Tuple(scored Bool, prompt_tokens UInt64, completion_tokens UInt64, calls UInt32, cost_nano_usd Nullable(UInt64))'
        ),
        source_offset
    ) AS figures
FROM judgements
GROUP BY trace_id, revision, run_id, rubric_digest, judge_digest
SETTINGS optimize_aggregation_in_order = 1;

INSERT INTO leaf_hashes SELECT leaf_hash, min(leaves.source_offset) AS source_offset
FROM leaves
GROUP BY leaf_hash;

INSERT INTO rubric_weights SELECT
    toString(rubric_digest) AS rubric_digest,
    toString(grades.criterion) AS criterion,
    any(grades.weight) AS weight,
    any(toString(judgements.rubric_id)) AS rubric_id,
    any(toString(judgements.rubric_version)) AS rubric_version
FROM judgements
ARRAY JOIN grades
GROUP BY rubric_digest, criterion;

-- Events of the latest revisions, for the views by type. A join and no IN, because a filter by trace goes through it to
-- both tables (10 ms for one trace of 20,000), and a whole scan is faster, too (0.4 s instead of 0.7 for two million).
CREATE OR REPLACE VIEW events_now
AS SELECT
    e.trace_id AS trace_id,
    e.revision AS revision,
    e.project AS project,
    e.chain_index AS chain_index,
    e.seq AS seq,
    e.event_id AS event_id,
    e.type AS type,
    e.ts_client AS ts_client,
    e.received_at AS received_at,
    e.caused_by AS caused_by,
    e.file_path AS file_path,
    e.author AS author,
    e.command AS command,
    e.exit_code AS exit_code,
    e.duration_us AS duration_us,
    e.framework AS framework,
    e.passed AS passed,
    e.failed AS failed,
    e.skipped AS skipped,
    e.errors AS errors,
    e.commit_sha AS commit_sha,
    e.changed_lines AS changed_lines,
    e.event AS event
FROM (SELECT *, changed_lines FROM events FINAL) AS e
LEFT SEMI JOIN (SELECT trace_id, max(revision) AS revision FROM traces GROUP BY trace_id) AS t
    ON t.trace_id = e.trace_id AND t.revision = e.revision;

CREATE OR REPLACE VIEW v1_edits
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Latest revision of the trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    chain_index   UInt32 COMMENT 'Place of the event in the trace, from 0; unique in a trace',
    seq           UInt64 COMMENT 'Place of the event as the client numbered it, from 0',
    event_id      String COMMENT 'Id of the event, as the client gave it',
    ts_client     DateTime64(6, 'UTC') COMMENT 'Time of the edit by the client clock',
    received_at   DateTime64(6, 'UTC') COMMENT 'Server time at which its chunk was accepted',
    caused_by     Array(String) COMMENT 'Ids of the events that led to this one',
    author        LowCardinality(String) COMMENT 'human_typed, human_pasted or ai; empty where unsaid',
    file_path     String COMMENT 'The file',
    extension     String COMMENT 'What follows the last dot of its name, in lower case; empty where it has none',
    language      LowCardinality(String) COMMENT 'Language, by extension or name; empty where neither tells',
    lines_added   UInt32 COMMENT 'Lines that the diff adds',
    lines_removed UInt32 COMMENT 'Lines that the diff removes',
    diff_unified  String COMMENT 'The unified diff',
    buffer_hash_after String COMMENT 'Digest of the file after the edit, sha256:<hex>; empty where unsaid'
)
AS SELECT
    trace_id, revision, project, chain_index, seq, event_id, ts_client, received_at, caused_by, author, file_path,
    lower(extract(file_path, '[^/]\\.([^./]+)$')) AS extension,
    toLowCardinality(transform(
        if(extension = '', lower(extract(file_path, '[^/]+$')), extension),
        [
            'py', 'pyi', 'ipynb', 'js', 'mjs', 'cjs', 'jsx', 'ts', 'mts', 'cts', 'tsx', 'java', 'kt', 'kts', 'scala',
            'groovy', 'gradle', 'c', 'h', 'cc', 'cpp', 'cxx', 'hpp', 'hh', 'cs', 'fs', 'go', 'rs', 'rb', 'php', 'pl',
            'pm', 'lua', 'r', 'jl', 'swift', 'm', 'mm', 'dart', 'ex', 'exs', 'erl', 'hs', 'ml', 'mli', 'clj', 'cljs',
            'sh', 'bash', 'zsh', 'ps1', 'sql', 'html', 'htm', 'css', 'scss', 'sass', 'less', 'vue', 'svelte', 'json',
            'yaml', 'yml', 'toml', 'ini', 'cfg', 'xml', 'md', 'rst', 'txt', 'tex', 'proto', 'tf', 'nix', 'zig', 'vim',
            'dockerfile', 'makefile', 'cmakelists.txt', 'cmake', 'mk', 'gemfile', 'rakefile', 'jenkinsfile'
        ],
        [
            'Python', 'Python', 'Jupyter', 'JavaScript', 'JavaScript', 'JavaScript', 'JavaScript', 'TypeScript',
            'TypeScript', 'TypeScript', 'TypeScript', 'Java', 'Kotlin', 'Kotlin', 'Scala', 'Groovy', 'Groovy', 'C', 'C',
            'C++', 'C++', 'C++', 'C++', 'C++', 'C#', 'F#', 'Go', 'Rust', 'Ruby', 'PHP', 'Perl', 'Perl', 'Lua', 'R',
            'Julia', 'Swift', 'Objective-C', 'Objective-C', 'Dart', 'Elixir', 'Elixir', 'Erlang', 'Haskell', 'OCaml',
            'OCaml', 'Clojure', 'Clojure', 'Shell', 'Shell', 'Shell', 'PowerShell', 'SQL', 'HTML', 'HTML', 'CSS',
            'SCSS', 'Sass', 'Less', 'Vue', 'Svelte', 'JSON', 'YAML', 'YAML', 'TOML', 'INI', 'INI', 'XML', 'Markdown',
            'reStructuredText', 'Text', 'TeX', 'Protocol Buffers', 'Terraform', 'Nix', 'Zig', 'Vim script',
            'Dockerfile', 'Makefile', 'CMake', 'CMake', 'Makefile', 'Ruby', 'Ruby', 'Groovy'
        ],
        ''
    )) AS language,
    changed_lines.added AS lines_added,
    changed_lines.removed AS lines_removed,
    JSONExtractString(event, 'diff_unified') AS diff_unified,
    JSONExtractString(event, 'buffer_hash_after') AS buffer_hash_after
FROM events_now
WHERE type = 'file_edit'
COMMENT 'One row per edit of a file, of the latest revision of each finished trace';

CREATE OR REPLACE VIEW v1_commands
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Latest revision of the trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    chain_index   UInt32 COMMENT 'Place of the event in the trace, from 0; unique in a trace',
    seq           UInt64 COMMENT 'Place of the event as the client numbered it, from 0',
    event_id      String COMMENT 'Id of the event, as the client gave it',
    ts_client     DateTime64(6, 'UTC') COMMENT 'Time of the event by the client clock',
    received_at   DateTime64(6, 'UTC') COMMENT 'Server time at which its chunk was accepted',
    caused_by     Array(String) COMMENT 'Ids of the events that led to this one',
    command       String COMMENT 'The command line',
    program       String COMMENT 'Its first word that sets no variable, without the folder: git, python, ...',
    cwd           String COMMENT 'Folder it ran in; empty where unsaid',
    exit_code     Nullable(Int64) COMMENT 'Exit status; NULL where unknown',
    result        LowCardinality(String) COMMENT 'succeeded (exit status 0), failed, or empty where the exit status is unknown',
    duration_s    Nullable(Float64) COMMENT 'Seconds it took; NULL where unknown',
    output        String COMMENT 'Output that was sent inline',
    output_ref    String COMMENT 'Artifact with the output, artifact:sha256:<hex>; empty where there is none'
)
AS SELECT
    trace_id, revision, project, chain_index, seq, event_id, ts_client, received_at, caused_by, command,
    extract(command, '^\\s*(?:\\w+=\\S*\\s+)*(?:[^\\s/]*/)*([^\\s/]+)') AS program,
    JSONExtractString(event, 'cwd') AS cwd,
    exit_code,
    toLowCardinality(multiIf(exit_code IS NULL, '', exit_code = 0, 'succeeded', 'failed')) AS result,
    duration_us / 1e6 AS duration_s,
    JSONExtractString(event, 'output') AS output,
    JSONExtractString(event, 'output_ref') AS output_ref
FROM events_now
WHERE type = 'cmd_run'
COMMENT 'One row per shell command, of the latest revision of each finished trace';

CREATE OR REPLACE VIEW v1_test_runs
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Latest revision of the trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    chain_index   UInt32 COMMENT 'Place of the event in the trace, from 0; unique in a trace',
    seq           UInt64 COMMENT 'Place of the event as the client numbered it, from 0',
    event_id      String COMMENT 'Id of the event, as the client gave it',
    ts_client     DateTime64(6, 'UTC') COMMENT 'Time of the event by the client clock',
    received_at   DateTime64(6, 'UTC') COMMENT 'Server time at which its chunk was accepted',
    caused_by     Array(String) COMMENT 'Ids of the events that led to this one',
    framework     LowCardinality(String) COMMENT 'Test framework',
    command       String COMMENT 'The command line; empty where unsaid',
    exit_code     Nullable(Int64) COMMENT 'Exit status; NULL where unknown',
    result        LowCardinality(String) COMMENT 'red: a test failed or erred, or the exit status is not 0; green: none did and something passed; empty where it ran nothing',
    passed        UInt64 COMMENT 'Tests passed, as the client saw it',
    failed        UInt64 COMMENT 'Tests failed',
    skipped       UInt64 COMMENT 'Tests skipped',
    errors        UInt64 COMMENT 'Tests that ended in an error',
    duration_s    Nullable(Float64) COMMENT 'Seconds it took; NULL where unknown',
    tests         Array(Tuple(id String, status String, message String, duration_s Nullable(Float64))) COMMENT 'Its tests one by one, where the client sent them; status is passed, failed, skipped or error',
    failing       Array(String) COMMENT 'Ids of those that failed or erred',
    output        String COMMENT 'Output that was sent inline',
    report_ref    String COMMENT 'Artifact with the report, artifact:sha256:<hex>; empty where there is none'
)
AS SELECT
    trace_id, revision, project, chain_index, seq, event_id, ts_client, received_at, caused_by, framework, command,
    exit_code,
    toLowCardinality(multiIf(
        failed + errors > 0 OR ifNull(exit_code != 0, false), 'red', passed > 0 OR ifNull(exit_code = 0, false), 'green', ''
    )) AS result,
    passed, failed, skipped, errors,
    duration_us / 1e6 AS duration_s,
    CAST(arrayMap(
        test -> (test.id, test.status, test.message, test.duration_us / 1e6),
        JSONExtract(event, 'results', 'Array(Tuple(id String, status String, message String, duration_us Nullable(UInt64)))')
    ), 'Array(Tuple(id String, status String, message String, duration_s Nullable(Float64)))') AS tests,
    arrayMap(test -> test.id, arrayFilter(test -> test.status IN ('failed', 'error'), tests)) AS failing,
    JSONExtractString(event, 'output') AS output,
    JSONExtractString(event, 'report_ref') AS report_ref
FROM events_now
WHERE type = 'test_run'
COMMENT 'One row per run of a test suite as the client claims it, of the latest revision of each finished trace; what the sandbox found is in v1_test_results';

CREATE OR REPLACE VIEW v1_commits
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Latest revision of the trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    chain_index   UInt32 COMMENT 'Place of the event in the trace, from 0; unique in a trace',
    seq           UInt64 COMMENT 'Place of the event as the client numbered it, from 0',
    event_id      String COMMENT 'Id of the event, as the client gave it',
    ts_client     DateTime64(6, 'UTC') COMMENT 'Time of the commit by the client clock',
    received_at   DateTime64(6, 'UTC') COMMENT 'Server time at which its chunk was accepted',
    caused_by     Array(String) COMMENT 'Ids of the events that led to this one',
    sha           String COMMENT 'Its sha; empty for a final patch without a commit',
    message       String COMMENT 'Its message',
    parents       Array(String) COMMENT 'Shas of its parents, where the client sent them',
    files         Array(String) COMMENT 'Files that its diff changes',
    lines_added   UInt32 COMMENT 'Lines that its diff adds',
    lines_removed UInt32 COMMENT 'Lines that its diff removes',
    diff_unified  String COMMENT 'The unified diff; empty where it was not sent'
)
AS SELECT
    trace_id, revision, project, chain_index, seq, event_id, ts_client, received_at, caused_by,
    commit_sha AS sha,
    JSONExtractString(event, 'message') AS message,
    JSONExtract(event, 'parents', 'Array(String)') AS parents,
    arrayDistinct(if(
        match(diff_unified, '(?m)^diff --git a/'),
        extractAll(diff_unified, '(?m)^diff --git a/([^\\n]+) b/[^\\n]+$'),
        arrayFilter(path -> path != '/dev/null', extractAll(diff_unified, '(?m)^\\+\\+\\+ (?:b/)?(\\S+)'))
    )) AS files,
    changed_lines.added AS lines_added,
    changed_lines.removed AS lines_removed,
    JSONExtractString(event, 'diff_unified') AS diff_unified
FROM events_now
WHERE type = 'commit'
COMMENT 'One row per commit or final patch, of the latest revision of each finished trace';

CREATE OR REPLACE VIEW v1_rationale
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Latest revision of the trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    chain_index   UInt32 COMMENT 'Place of the event in the trace, from 0; unique in a trace',
    seq           UInt64 COMMENT 'Place of the event as the client numbered it, from 0',
    event_id      String COMMENT 'Id of the event, as the client gave it',
    ts_client     DateTime64(6, 'UTC') COMMENT 'Time of the note by the client clock',
    received_at   DateTime64(6, 'UTC') COMMENT 'Server time at which its chunk was accepted',
    caused_by     Array(String) COMMENT 'Ids of the events that led to this one',
    parts         Array(LowCardinality(String)) COMMENT 'Which of the following it has: plan, hypothesis, observation, decision, next_step, text',
    plan          String COMMENT 'What was planned',
    hypothesis    String COMMENT 'What was believed',
    observation   String COMMENT 'What was seen',
    decision      String COMMENT 'What was decided',
    next_step     String COMMENT 'What was to come next',
    text          String COMMENT 'Free text'
)
AS SELECT
    trace_id, revision, project, chain_index, seq, event_id, ts_client, received_at, caused_by,
    CAST(arrayFilter(
        part -> JSONExtractString(event, part) != '',
        ['plan', 'hypothesis', 'observation', 'decision', 'next_step', 'text']
    ), 'Array(LowCardinality(String))') AS parts,
    JSONExtractString(event, 'plan') AS plan,
    JSONExtractString(event, 'hypothesis') AS hypothesis,
    JSONExtractString(event, 'observation') AS observation,
    JSONExtractString(event, 'decision') AS decision,
    JSONExtractString(event, 'next_step') AS next_step,
    JSONExtractString(event, 'text') AS text
FROM events_now
WHERE type = 'rationale_note'
COMMENT 'One row per note on why something was done, of the latest revision of each finished trace';

-- The index of a leaf is its rank by the first offset of its hash, as the notary counts. A checkpoint covers the leaves
-- before its size.
CREATE OR REPLACE VIEW leaves_now
AS SELECT
    l.trace_id AS trace_id,
    l.revision AS revision,
    l.kind AS kind,
    l.leaf_hash AS leaf_hash,
    l.appended_at AS appended_at,
    toUInt64(n.source_offset) AS source_offset,
    n.leaf_index AS leaf_index,
    if(c.tree_size = 0, NULL, c.tree_size) AS checkpoint_size,
    if(c.tree_size = 0, NULL, c.signed_at) AS checkpoint_at
FROM
(
    SELECT trace_id, revision, toString(leaves.kind) AS kind, leaf_hash, argMin(leaves.appended_at, source_offset) AS appended_at
    FROM leaves
    GROUP BY trace_id, revision, kind, leaf_hash
) AS l
INNER JOIN
(
    SELECT leaf_hash, source_offset, toUInt64(row_number() OVER (ORDER BY source_offset) - 1) AS leaf_index, 1 AS log
    FROM (SELECT leaf_hash, min(leaf_hashes.source_offset) AS source_offset FROM leaf_hashes GROUP BY leaf_hash)
) AS n ON n.leaf_hash = l.leaf_hash
ASOF LEFT JOIN
(
    SELECT 1 AS log, tree_size, min(checkpoints.signed_at) AS signed_at
    FROM checkpoints
    GROUP BY tree_size
) AS c ON c.log = n.log AND n.leaf_index < c.tree_size;

CREATE OR REPLACE VIEW v1_checkpoints
(
    origin     LowCardinality(String) COMMENT 'Name of the log',
    tree_size  UInt64 COMMENT 'Leaves that it covers: those with an index below',
    root       String COMMENT 'Root of their tree, sha256:<hex>',
    signed_at  DateTime64(6, 'UTC') COMMENT 'When it was signed, by its signer',
    log_offset UInt64 COMMENT 'Its offset in integrity-log',
    note       String COMMENT 'The signed note, to be verified as it is: see docs/integrity.md'
)
AS SELECT origin, tree_size, concat('sha256:', lower(hex(root_hash))) AS root, signed_at, source_offset AS log_offset, note
FROM checkpoints FINAL
COMMENT 'One row per signed checkpoint of the transparency log; what is shown here is as the log has it, and was not verified';

CREATE OR REPLACE VIEW v1_leaves
(
    trace_id    String COMMENT 'Id of the trace',
    revision    UInt32 COMMENT 'Revision of the trace that it is about',
    project     LowCardinality(String) COMMENT 'Project that owns the trace',
    kind        LowCardinality(String) COMMENT 'What it stands for: assembled (the revision itself), validated (a verdict) or judged (a score)',
    leaf_hash   String COMMENT 'Hash of the leaf, sha256:<hex>',
    leaf_index  UInt64 COMMENT 'Its place in the log, from 0',
    logged_at   DateTime64(6, 'UTC') COMMENT 'When it was appended',
    log_offset  UInt64 COMMENT 'Its offset in integrity-log, a repeat not counted',
    checkpoint_size Nullable(UInt64) COMMENT 'Size of the first checkpoint that covers it; NULL where none does yet',
    checkpoint_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When that was signed; NULL where none covers it yet'
)
AS SELECT
    l.trace_id AS trace_id,
    l.revision AS revision,
    t.project AS project,
    toLowCardinality(l.kind) AS kind,
    concat('sha256:', lower(hex(l.leaf_hash))) AS leaf_hash,
    l.leaf_index AS leaf_index,
    l.appended_at AS logged_at,
    l.source_offset AS log_offset,
    l.checkpoint_size AS checkpoint_size,
    l.checkpoint_at AS checkpoint_at
FROM (SELECT trace_id, revision, any(traces.project) AS project FROM traces GROUP BY trace_id, revision) AS t
INNER JOIN leaves_now AS l ON l.trace_id = t.trace_id AND l.revision = t.revision
COMMENT 'One row per leaf of the transparency log that is about a finished trace';

CREATE OR REPLACE VIEW v1_integrity
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Revision of the trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    latest        Bool COMMENT 'It is the latest revision of the trace',
    closed_at     DateTime64(6, 'UTC') COMMENT 'Server time of the record that caused this revision',
    head          String COMMENT 'Digest that commits to the whole revision, sha256:<hex>',
    intact        Bool COMMENT 'Nothing that arrived was altered',
    complete      Bool COMMENT 'Nothing that was sent is missing',
    finding_kinds Array(LowCardinality(String)) COMMENT 'Kinds of the integrity findings, such as gap or fork; empty is good',
    findings      UInt64 COMMENT 'How many findings; v1_integrity_findings has each',
    logged        Bool COMMENT 'The transparency log has it',
    forms         UInt64 COMMENT 'Leaves of this revision; more than 1: the log has it in different forms, which is a fork',
    leaf_hash     String COMMENT 'Hash of its first leaf, sha256:<hex>; empty where it has none yet',
    leaf_index    Nullable(UInt64) COMMENT 'Place of that leaf in the log, from 0; NULL where it has none yet',
    logged_at     Nullable(DateTime64(6, 'UTC')) COMMENT 'When that leaf was appended; NULL where it has none yet',
    checkpoint_size Nullable(UInt64) COMMENT 'Size of the first signed checkpoint that covers it; NULL where none does yet',
    checkpoint_at Nullable(DateTime64(6, 'UTC')) COMMENT 'When that was signed; NULL where none covers it yet',
    verdicts_logged UInt64 COMMENT 'Verdicts of this revision that the log has',
    scores_logged UInt64 COMMENT 'Scores of this revision that the log has'
)
AS SELECT
    t.trace_id AS trace_id,
    t.revision AS revision,
    t.project AS project,
    toBool(t.revision = n.revision) AS latest,
    t.closed_at AS closed_at,
    t.head AS head,
    t.intact AS intact,
    t.complete AS complete,
    t.finding_kinds AS finding_kinds,
    length(t.finding_kinds) AS findings,
    toBool(l.forms > 0) AS logged,
    l.forms AS forms,
    if(logged, concat('sha256:', lower(hex(l.first.2))), '') AS leaf_hash,
    if(logged, l.first.1, NULL) AS leaf_index,
    if(logged, l.first.3, NULL) AS logged_at,
    l.first.4 AS checkpoint_size,
    l.first.5 AS checkpoint_at,
    l.verdicts AS verdicts_logged,
    l.scores AS scores_logged
FROM (SELECT * FROM traces FINAL) AS t
LEFT JOIN (SELECT trace_id, max(revision) AS revision FROM traces GROUP BY trace_id) AS n ON n.trace_id = t.trace_id
LEFT JOIN
(
    SELECT
        trace_id,
        revision,
        countIf(kind = 'assembled') AS forms,
        minIf((leaf_index, leaf_hash, appended_at, checkpoint_size, checkpoint_at), kind = 'assembled') AS first,
        countIf(kind = 'validated') AS verdicts,
        countIf(kind = 'judged') AS scores
    FROM leaves_now
    GROUP BY trace_id, revision
) AS l ON l.trace_id = t.trace_id AND l.revision = t.revision
COMMENT 'One row per finished revision: what its chain shows, and where the transparency log has it. What pr-telemetry verify proves, this only tells';

CREATE OR REPLACE VIEW v1_integrity_findings
(
    trace_id  String COMMENT 'Id of the trace',
    revision  UInt32 COMMENT 'Revision of the trace',
    project   LowCardinality(String) COMMENT 'Project that owns the trace',
    latest    Bool COMMENT 'It is the latest revision of the trace',
    number    UInt32 COMMENT 'Number of the finding in its revision, from 1',
    kind      LowCardinality(String) COMMENT 'What was found, such as gap, fork or hash_mismatch; see docs/findings.md',
    detail    String COMMENT 'The same in words',
    offsets   Array(UInt64) COMMENT 'Offsets in the trace''s partition of trace-log that show it'
)
AS SELECT
    t.trace_id AS trace_id,
    t.revision AS revision,
    t.project AS project,
    toBool(t.revision = n.revision) AS latest,
    toUInt32(number) AS number,
    toLowCardinality(JSONExtractString(finding, 'kind')) AS kind,
    JSONExtractString(finding, 'detail') AS detail,
    JSONExtract(finding, 'offsets', 'Array(UInt64)') AS offsets
FROM (SELECT trace_id, revision, project, findings FROM traces FINAL WHERE notEmpty(finding_kinds)) AS t
LEFT JOIN (SELECT trace_id, max(revision) AS revision FROM traces GROUP BY trace_id) AS n ON n.trace_id = t.trace_id
ARRAY JOIN JSONExtractArrayRaw(t.findings) AS finding, arrayEnumerate(JSONExtractArrayRaw(t.findings)) AS number
COMMENT 'One row per integrity finding of a finished revision';

-- As before, with the time of insertion.
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
    j.inserted_at AS inserted_at,
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
    duration_s     Float64 COMMENT 'Wall time, seconds',
    queryable_at   DateTime64(6, 'UTC') COMMENT 'When this row was inserted'
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
    duration_us / 1e6 AS duration_s,
    inserted_at AS queryable_at
FROM judgements_now
COMMENT 'One row per judgement: a revision, a run, a rubric and a judge';

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
    detail       String COMMENT 'The reason in words; for flaky it names the tests, which stand nowhere else',
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
    compared_with       LowCardinality(String) COMMENT 'run_id that reproduced speaks of; empty for none',
    queryable_at        DateTime64(6, 'UTC') COMMENT 'When this row was inserted'
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
    compared_with,
    inserted_at AS queryable_at
FROM validations FINAL
COMMENT 'One row per validation of a revision in the sandbox';

-- An erasure and its entry in the trail have one time, to the microsecond. The erasure of a participant has one entry for
-- all of their traces.
CREATE OR REPLACE VIEW v1_erasures
(
    trace_id  String COMMENT 'Id of the trace',
    project   LowCardinality(String) COMMENT 'Project that owned the trace',
    erased_at DateTime64(6, 'UTC') COMMENT 'Server time at which its erasure was asked for first',
    heads     Array(String) COMMENT 'Heads of its revisions, sha256:<hex>, in order; what was erased cannot be told from them',
    actor     String COMMENT 'Who asked for it, as in v1_audit; empty where the trail does not say',
    reason    String COMMENT 'Why, as they said',
    subject   String COMMENT 'What they asked to erase: trace/<id>, or participant/<keyed hash>'
)
AS SELECT
    e.trace_id AS trace_id, e.project AS project, e.erased_at AS erased_at, h.heads AS heads,
    a.entry.2 AS actor, a.entry.3['reason'] AS reason, a.entry.4 AS subject
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
LEFT JOIN
(
    -- Of two entries of one time, that of this trace comes before that of a participant.
    SELECT
        e.trace_id AS trace_id,
        max((a.subject = concat('trace/', e.trace_id), a.actor, a.detail, a.subject)) AS entry
    FROM (SELECT trace_id, project, min(erasures.erased_at) AS erased_at FROM erasures GROUP BY trace_id, project) AS e
    INNER JOIN
    (
        SELECT project, at, action, actor, CAST(detail, 'Map(String, String)') AS detail, subject
        FROM audit FINAL
        WHERE action IN ('trace erase', 'participant erase')
    ) AS a ON a.project = e.project AND a.at = e.erased_at
    WHERE a.action = 'participant erase' OR a.subject = concat('trace/', e.trace_id)
    GROUP BY trace_id
) AS a ON a.trace_id = e.trace_id
COMMENT 'One row per erased trace; no other view knows it any more';

CREATE OR REPLACE VIEW v1_rubric_weights
(
    rubric_digest  String COMMENT 'Digest of the rubric, sha256:<hex>',
    criterion      String COMMENT 'Criterion of the rubric',
    weight         Float64 COMMENT 'Share of the criterion in the overall score, 0 to 1',
    rubric         String COMMENT 'Name of the rubric',
    rubric_version String COMMENT 'Version of the rubric'
)
AS SELECT
    rubric_digest,
    criterion,
    any(rubric_weights.weight) / 1000 AS weight,
    toString(any(rubric_id)) AS rubric,
    toString(any(rubric_weights.rubric_version)) AS rubric_version
FROM rubric_weights
GROUP BY rubric_digest, criterion
COMMENT 'One row per criterion of every rubric that anything was judged by; kept for ever';

CREATE OR REPLACE VIEW v1_projects
(
    project    String COMMENT 'Name of the project',
    traces     UInt64 COMMENT 'Traces that it has, finished or not; those erased or expired are not counted',
    finished   UInt64 COMMENT 'Those of them with a finished revision',
    first_seen DateTime64(3, 'UTC') COMMENT 'When the oldest of them was created',
    last_seen  DateTime64(3, 'UTC') COMMENT 'When the newest of them was created',
    consent    String COMMENT 'What its traces may be used for where the client does not say, by its recorded policy; empty where none is recorded',
    redact     Array(String) COMMENT 'Personal data that are redacted besides secrets, by its recorded policy',
    policy_by  String COMMENT 'Who recorded the policy; empty where none is recorded',
    promoted   String COMMENT 'Run that was promoted last in it; empty where none was'
)
AS SELECT
    n.project AS project,
    n.traces AS traces,
    n.finished AS finished,
    n.first_seen AS first_seen,
    n.last_seen AS last_seen,
    p.consent AS consent,
    p.redact AS redact,
    p.recorded_by AS policy_by,
    r.promoted AS promoted
FROM
(
    SELECT project, count() AS traces, countIf(is_finished) AS finished, min(at) AS first_seen, max(at) AS last_seen
    FROM
    (
        SELECT toString(told.project) AS project, trace_id, max(told.finished) AS is_finished, min(minted_at) AS at
        FROM
        (
            SELECT project, trace_id, minted_at, false AS finished FROM agg_progress
            UNION ALL
            SELECT project, trace_id, minted_at, true AS finished FROM agg_traces
        ) AS told
        GROUP BY project, trace_id
    )
    GROUP BY project
) AS n
LEFT JOIN
(
    SELECT toString(project) AS project, toString(policies.consent) AS consent, policies.redact AS redact, recorded_by
    FROM policies FINAL
) AS p ON p.project = n.project
LEFT JOIN
(
    SELECT toString(project) AS project, argMax(run_id, source_offset) AS promoted FROM promotions GROUP BY project
) AS r ON r.project = n.project
COMMENT 'One row per project with traces: since when, how many, and what it has said of their use';

-- Asked for anew at each use, so that they are as true as the views: both are small. The source is read with the
-- account of the migration, not with the analyst's.
CREATE DICTIONARY IF NOT EXISTS v1_dict_rubric_weights
(
    rubric_digest  String,
    criterion      String,
    weight         Nullable(Float64),
    rubric         String,
    rubric_version String
)
PRIMARY KEY rubric_digest, criterion
SOURCE(CLICKHOUSE(DB '{database}' TABLE 'v1_rubric_weights' USER '{clickhouse_user}' PASSWORD '{clickhouse_password}'))
LAYOUT(COMPLEX_KEY_DIRECT())
COMMENT 'v1_rubric_weights by (rubric_digest, criterion), for dictGet: always up to date';

CREATE DICTIONARY IF NOT EXISTS v1_dict_projects
(
    project    String,
    traces     UInt64,
    finished   UInt64,
    first_seen Nullable(DateTime64(3, 'UTC')),
    last_seen  Nullable(DateTime64(3, 'UTC')),
    consent    String,
    redact     Array(String),
    policy_by  String,
    promoted   String
)
PRIMARY KEY project
SOURCE(CLICKHOUSE(DB '{database}' TABLE 'v1_projects' USER '{clickhouse_user}' PASSWORD '{clickhouse_password}'))
LAYOUT(COMPLEX_KEY_DIRECT())
COMMENT 'v1_projects by project, for dictGet: always up to date';

CREATE OR REPLACE VIEW v1_daily
(
    project        LowCardinality(String) COMMENT 'Project that owns the traces',
    day            Date COMMENT 'Day (UTC) on which the traces were created, by their ids; all figures are about the traces of this day',
    received       UInt64 COMMENT 'Traces that were begun',
    completed      UInt64 COMMENT 'Those that their client completed',
    expired        UInt64 COMMENT 'Those that were given up as idle',
    finished       UInt64 COMMENT 'Those with a finished revision; what follows is about the latest revision',
    intact         UInt64 COMMENT 'Finished ones of which nothing that arrived was altered',
    complete       UInt64 COMMENT 'Finished ones of which nothing that was sent is missing',
    validated      UInt64 COMMENT 'Finished ones with a validation',
    fixed          UInt64 COMMENT 'Finished ones whose live verdict is fixed',
    judged         UInt64 COMMENT 'Finished ones with a judgement, a label of a person counted as one',
    scored         UInt64 COMMENT 'Finished ones with a judgement that has a score',
    active_s       Float64 COMMENT 'Time worked in finished ones, each pause counted as five minutes at most, seconds',
    events         UInt64 COMMENT 'Events of finished ones',
    file_edits     UInt64 COMMENT 'Those of type file_edit',
    cmd_runs       UInt64 COMMENT 'Those of type cmd_run',
    test_runs      UInt64 COMMENT 'Those of type test_run',
    commits        UInt64 COMMENT 'Those of type commit',
    rationale_notes UInt64 COMMENT 'Those of type rationale_note',
    judgements     UInt64 COMMENT 'Judgements of any revision, by any run',
    prompt_tokens  UInt64 COMMENT 'Tokens that models read for them',
    completion_tokens UInt64 COMMENT 'Tokens that models wrote for them',
    calls          UInt64 COMMENT 'Calls of models for them',
    cost_usd       Nullable(Float64) COMMENT 'What those cost whose price is known, US dollars; NULL where none is',
    unpriced       UInt64 COMMENT 'Judgements of which no price is known'
)
AS WITH
    latest AS
    (
        SELECT trace_id, any(told.project) AS project, any(toDate(minted_at)) AS day, argMaxMerge(told.latest) AS last
        FROM agg_traces AS told
        GROUP BY trace_id
    )
SELECT
    k.project AS project,
    k.day AS day,
    p.received AS received,
    p.completed AS completed,
    p.expired AS expired,
    t.finished AS finished,
    t.intact AS intact,
    t.complete AS complete,
    v.validated AS validated,
    v.fixed AS fixed,
    s.judged AS judged,
    s.scored AS scored,
    t.active_us / 1e6 AS active_s,
    e.events AS events,
    e.file_edits AS file_edits,
    e.cmd_runs AS cmd_runs,
    e.test_runs AS test_runs,
    e.commits AS commits,
    e.rationale_notes AS rationale_notes,
    j.judgements AS judgements,
    j.prompt_tokens AS prompt_tokens,
    j.completion_tokens AS completion_tokens,
    j.calls AS calls,
    j.cost / 1e9 AS cost_usd,
    j.unpriced AS unpriced
FROM
(
    SELECT project, toDate(minted_at) AS day FROM agg_progress
    UNION DISTINCT
    SELECT project, toDate(minted_at) AS day FROM agg_traces
    UNION DISTINCT
    SELECT project, toDate(minted_at) AS day FROM agg_judgements
) AS k
LEFT JOIN
(
    SELECT project, day, count() AS received, countIf(done) AS completed, countIf(given_up) AS expired
    FROM
    (
        SELECT
            trace_id, any(told.project) AS project, any(toDate(minted_at)) AS day,
            max(completed_at IS NOT NULL) AS done, max(expired_at IS NOT NULL) AS given_up
        FROM agg_progress AS told
        GROUP BY trace_id
    )
    GROUP BY project, day
) AS p ON p.project = k.project AND p.day = k.day
LEFT JOIN
(
    SELECT
        project, day, count() AS finished, countIf(last.intact) AS intact, countIf(last.complete) AS complete,
        sum(last.active_us) AS active_us
    FROM latest
    GROUP BY project, day
) AS t ON t.project = k.project AND t.day = k.day
LEFT JOIN
(
    SELECT project, day, count() AS validated, countIf(is_fixed) AS fixed
    FROM
    (
        SELECT l.trace_id AS trace_id, any(l.project) AS project, any(l.day) AS day, max(r.is_fixed) AS is_fixed
        FROM latest AS l
        INNER JOIN
        (
            SELECT trace_id, revision, run_id = 'live' AND argMaxMerge(verdict) = 'fixed' AS is_fixed
            FROM agg_validations
            GROUP BY trace_id, revision, run_id
        ) AS r ON r.trace_id = l.trace_id AND r.revision = l.last.revision
        GROUP BY trace_id
    )
    GROUP BY project, day
) AS v ON v.project = k.project AND v.day = k.day
LEFT JOIN
(
    SELECT project, day, count() AS judged, countIf(is_scored) AS scored
    FROM
    (
        SELECT l.trace_id AS trace_id, any(l.project) AS project, any(l.day) AS day, max(r.is_scored) AS is_scored
        FROM latest AS l
        INNER JOIN
        (
            SELECT trace_id, revision, argMaxMerge(figures).scored AS is_scored
            FROM agg_judgements
            GROUP BY trace_id, revision, run_id, rubric_digest, judge_digest
        ) AS r ON r.trace_id = l.trace_id AND r.revision = l.last.revision
        GROUP BY trace_id
    )
    GROUP BY project, day
) AS s ON s.project = k.project AND s.day = k.day
LEFT JOIN
(
    SELECT
        l.project AS project,
        l.day AS day,
        sum(c.counts.1) AS events,
        sum(c.counts.2) AS file_edits,
        sum(c.counts.3) AS cmd_runs,
        sum(c.counts.4) AS test_runs,
        sum(c.counts.5) AS commits,
        sum(c.counts.6) AS rationale_notes
    FROM latest AS l
    INNER JOIN
    (
        SELECT trace_id, revision, argMax(copy.counts, source_offset) AS counts
        FROM
        (
            SELECT
                trace_id,
                revision,
                source_offset,
                (
                    groupBitmapMerge(told.events), groupBitmapMerge(told.file_edits), groupBitmapMerge(told.cmd_runs),
                    groupBitmapMerge(told.test_runs), groupBitmapMerge(told.commits), groupBitmapMerge(told.rationale_notes)
                ) AS counts
            FROM agg_events AS told
            GROUP BY trace_id, revision, source_offset
        ) AS copy
        GROUP BY trace_id, revision
    ) AS c ON c.trace_id = l.trace_id AND c.revision = l.last.revision
    GROUP BY project, day
) AS e ON e.project = k.project AND e.day = k.day
LEFT JOIN
(
    SELECT
        project,
        day,
        count() AS judgements,
        sum(f.prompt_tokens) AS prompt_tokens,
        sum(f.completion_tokens) AS completion_tokens,
        sum(f.calls) AS calls,
        sumOrNull(f.cost_nano_usd) AS cost,
        countIf(f.cost_nano_usd IS NULL) AS unpriced
    FROM
    (
        SELECT any(told.project) AS project, any(toDate(minted_at)) AS day, argMaxMerge(figures) AS f
        FROM agg_judgements AS told
        GROUP BY trace_id, revision, run_id, rubric_digest, judge_digest
    )
    GROUP BY project, day
) AS j ON j.project = k.project AND j.day = k.day
COMMENT 'One row per project and day on which traces of it were created: how far they came and what they hold and cost';

CREATE OR REPLACE VIEW v1_period
(
    project        LowCardinality(String) COMMENT 'Project that owns the traces',
    received       UInt64 COMMENT 'Traces that were begun in the period',
    finished       UInt64 COMMENT 'Those with a finished revision',
    validated      UInt64 COMMENT 'Finished ones with a validation',
    fixed          UInt64 COMMENT 'Finished ones whose live verdict is fixed',
    fixed_share    Nullable(Float64) COMMENT 'fixed / validated, 0 to 1; NULL where none is validated',
    judged         UInt64 COMMENT 'Finished ones with a judgement',
    mean_overall   Nullable(Float64) COMMENT 'Mean of the scores that count, 0 to 5; NULL where there is none',
    median_active_s Nullable(Float64) COMMENT 'Median time worked in a trace, each pause counted as five minutes at most, seconds; NULL where none is finished',
    median_time_to_first_green_s Nullable(Float64) COMMENT 'Median time to the first passing test run, seconds, of those that have one; NULL where none has',
    participants   UInt64 COMMENT 'People who worked in finished ones',
    events         UInt64 COMMENT 'Events of finished ones',
    judgements     UInt64 COMMENT 'Judgements of any revision, by any run',
    cost_usd       Nullable(Float64) COMMENT 'What those cost whose price is known, US dollars; NULL where none is'
)
AS SELECT
    d.project AS project,
    d.received AS received,
    d.finished AS finished,
    d.validated AS validated,
    d.fixed AS fixed,
    if(d.validated = 0, NULL, d.fixed / d.validated) AS fixed_share,
    d.judged AS judged,
    s.mean_overall AS mean_overall,
    t.median_active_s AS median_active_s,
    t.median_time_to_first_green_s AS median_time_to_first_green_s,
    t.participants AS participants,
    d.events AS events,
    d.judgements AS judgements,
    d.cost_usd AS cost_usd
FROM
(
    SELECT
        project,
        sum(v1_daily.received) AS received,
        sum(v1_daily.finished) AS finished,
        sum(v1_daily.validated) AS validated,
        sum(v1_daily.fixed) AS fixed,
        sum(v1_daily.judged) AS judged,
        sum(v1_daily.events) AS events,
        sum(v1_daily.judgements) AS judgements,
        sumOrNull(v1_daily.cost_usd) AS cost_usd
    FROM v1_daily
    WHERE day >= {since:Date} AND day < {until:Date}
    GROUP BY project
) AS d
LEFT JOIN
(
    SELECT
        project,
        medianOrNull(active_us) / 1e6 AS median_active_s,
        medianOrNull(time_to_first_green_us) / 1e6 AS median_time_to_first_green_s,
        uniqExact(participant_id) AS participants
    FROM
    (
        SELECT trace_id, project, participant_id, active_us, time_to_first_green_us
        FROM traces FINAL
        WHERE toDate(minted_at) >= {since:Date} AND toDate(minted_at) < {until:Date}
        ORDER BY revision DESC
        LIMIT 1 BY trace_id
    )
    GROUP BY project
) AS t ON t.project = d.project
LEFT JOIN
(
    SELECT j.project AS project, avgOrNull(j.overall_milli) / 1000 AS mean_overall
    FROM (SELECT trace_id, project, overall_milli FROM judgements_now WHERE current) AS j
    INNER JOIN
    (
        SELECT DISTINCT trace_id FROM traces WHERE toDate(minted_at) >= {since:Date} AND toDate(minted_at) < {until:Date}
    ) AS t ON t.trace_id = j.trace_id
    GROUP BY project
) AS s ON s.project = d.project
COMMENT 'One row per project: its traces that were created in a period. Parameters: since - the first day (UTC) of the period; until - the day after its last';

CREATE OR REPLACE VIEW v1_trace_timeline
(
    trace_id      String COMMENT 'Id of the trace',
    revision      UInt32 COMMENT 'Latest revision of the trace',
    project       LowCardinality(String) COMMENT 'Project that owns the trace',
    seq           UInt64 COMMENT 'Place of the event as the client numbered it, from 0; rows come in this order',
    event_id      String COMMENT 'Id of the event, as the client gave it',
    type          LowCardinality(String) COMMENT 'file_edit, cmd_run, test_run, commit or rationale_note',
    at_s          Float64 COMMENT 'Seconds since the first event, by the client clock; a clock that was set back stands still',
    gap_s         Float64 COMMENT 'Seconds since the event before',
    what          String COMMENT 'What it is about: the file, the command, the framework where there is no command, or the words of the note or commit',
    result        LowCardinality(String) COMMENT 'cmd_run: succeeded or failed; test_run: green or red; empty for others and where unknown',
    exit_code     Nullable(Int64) COMMENT 'cmd_run, test_run: exit status; NULL where unknown',
    passed        UInt64 COMMENT 'test_run: tests passed',
    failed        UInt64 COMMENT 'test_run: tests that failed or erred',
    lines_added   UInt32 COMMENT 'file_edit, commit: lines that the diff adds',
    lines_removed UInt32 COMMENT 'file_edit, commit: lines that the diff removes',
    caused_by     Array(String) COMMENT 'Ids of the events that led to this one',
    verdict       LowCardinality(String) COMMENT 'Live verdict on the trace, the same in each row; empty where it was not validated yet',
    level         LowCardinality(String) COMMENT 'For fixed: verified, or verified_by_own_tests',
    overall       Nullable(Float64) COMMENT 'Overall score of the trace that counts, 0 to 5, the same in each row; NULL where there is none'
)
AS SELECT
    e.trace_id AS trace_id,
    e.revision AS revision,
    e.project AS project,
    e.seq AS seq,
    e.event_id AS event_id,
    e.type AS type,
    e.at_us / 1e6 AS at_s,
    (e.at_us - lagInFrame(e.at_us, 1, e.at_us) OVER (ORDER BY e.seq, e.chain_index)) / 1e6 AS gap_s,
    e.what AS what,
    toLowCardinality(multiIf(
        e.type = 'test_run', multiIf(
            e.failed + e.errors > 0 OR ifNull(e.exit_code != 0, false), 'red',
            e.passed > 0 OR ifNull(e.exit_code = 0, false), 'green', ''
        ),
        e.exit_code IS NULL, '', e.exit_code = 0, 'succeeded', 'failed'
    )) AS result,
    e.exit_code AS exit_code,
    e.passed AS passed,
    e.failed + e.errors AS failed,
    e.changed_lines.added AS lines_added,
    e.changed_lines.removed AS lines_removed,
    e.caused_by AS caused_by,
    v.verdict AS verdict,
    v.level AS level,
    j.overall_milli / 1000 AS overall
FROM
(
    SELECT
        *,
        toUnixTimestamp64Micro(max(ts_client) OVER (ORDER BY seq, chain_index)) - toUnixTimestamp64Micro(first_value(ts_client) OVER (ORDER BY seq, chain_index)) AS at_us,
        multiIf(
            type = 'file_edit', file_path,
            command != '', command,
            type = 'test_run', framework,
            type = 'commit', JSONExtractString(event, 'message'),
            arrayStringConcat(arrayFilter(words -> words != '', arrayMap(
                part -> JSONExtractString(event, part),
                ['plan', 'hypothesis', 'observation', 'decision', 'next_step', 'text']
            )), ' ')
        ) AS what
    FROM events_now
    WHERE trace_id = {trace_id:String}
) AS e
LEFT JOIN
(
    SELECT trace_id, revision, verdict, level FROM validations FINAL WHERE run_id = 'live' AND trace_id = {trace_id:String}
) AS v ON v.trace_id = e.trace_id AND v.revision = e.revision
LEFT JOIN
(
    SELECT trace_id, revision, overall_milli FROM judgements_now WHERE current AND trace_id = {trace_id:String}
) AS j ON j.trace_id = e.trace_id AND j.revision = e.revision
ORDER BY e.seq, e.chain_index
COMMENT 'One row per event of a trace in order, with verdict and score beside. Parameters: trace_id - the id of the trace';

CREATE OR REPLACE VIEW v1_run_comparison
(
    trace_id    String COMMENT 'Id of the trace',
    revision    UInt32 COMMENT 'Latest revision that both runs judged',
    project     LowCardinality(String) COMMENT 'Project that owns the trace',
    criterion   LowCardinality(String) COMMENT 'Criterion that at least one of them graded; empty in the one row of a trace that neither did',
    grade_a     Nullable(UInt8) COMMENT 'Grade in run_a, 0 to 5; NULL where it has none',
    grade_b     Nullable(UInt8) COMMENT 'Grade in run_b, 0 to 5; NULL where it has none',
    difference  Nullable(Int16) COMMENT 'grade_b less grade_a; NULL where one is missing',
    overall_a   Nullable(Float64) COMMENT 'Overall score in run_a, 0 to 5, the same in each row of the trace; NULL where unscored',
    overall_b   Nullable(Float64) COMMENT 'Overall score in run_b; NULL where unscored',
    overall_difference Nullable(Float64) COMMENT 'overall_b less overall_a; NULL where one is missing',
    rationale_a String COMMENT 'Why this grade, in the words of run_a',
    rationale_b String COMMENT 'Why this grade, in the words of run_b',
    same_rubric Bool COMMENT 'Both used the same rubric; where not, a criterion of the same name may mean something else'
)
AS SELECT
    p.trace_id AS trace_id,
    p.revision AS revision,
    toLowCardinality(p.project) AS project,
    toLowCardinality(criterion) AS criterion,
    p.a.grades[indexOf(p.a.criteria, criterion)] AS grade_a,
    p.b.grades[indexOf(p.b.criteria, criterion)] AS grade_b,
    toInt16(toInt16(grade_b) - toInt16(grade_a)) AS difference,
    p.a.overall_milli / 1000 AS overall_a,
    p.b.overall_milli / 1000 AS overall_b,
    (toInt32(p.b.overall_milli) - toInt32(p.a.overall_milli)) / 1000 AS overall_difference,
    p.a.rationales[indexOf(p.a.criteria, criterion)] AS rationale_a,
    p.b.rationales[indexOf(p.b.criteria, criterion)] AS rationale_b,
    toBool(p.a.rubric_digest = p.b.rubric_digest) AS same_rubric
FROM
(
    SELECT trace_id, revision, any(s.project) AS project, anyIf(s.judged, s.side = 'a') AS a, anyIf(s.judged, s.side = 'b') AS b
    FROM
    (
        SELECT
            side,
            trace_id,
            revision,
            any(project) AS project,
            argMax(
                CAST(
                    (overall_milli, grades.criterion, grades.grade, grades.rationale, rubric_digest),
                    'Tuple(overall_milli Nullable(UInt16), criteria Array(String), grades Array(Nullable(UInt8)), rationales Array(String), rubric_digest String)'
                ),
                source_offset
            ) AS judged
        FROM judgements FINAL
        ARRAY JOIN arrayFilter(name -> if(name = 'a', {run_a:String}, {run_b:String}) = run_id, ['a', 'b']) AS side
        WHERE run_id IN ({run_a:String}, {run_b:String})
        GROUP BY side, trace_id, revision
    ) AS s
    GROUP BY trace_id, revision
    HAVING uniqExact(s.side) = 2
    ORDER BY revision DESC
    LIMIT 1 BY trace_id
) AS p
LEFT ARRAY JOIN arraySort(arrayDistinct(arrayConcat(p.a.criteria, p.b.criteria))) AS criterion
COMMENT 'One row per criterion of every trace that two runs judged, labels of people included. Parameters: run_a - the first run: live, the id of a re-score run, or human-<who>; run_b - the second one';
