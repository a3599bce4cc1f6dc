"""The dashboard of operators: does everything that is received arrive, how soon, and what is refused or stuck."""

from __future__ import annotations

from deploy.grafana.panels import Board, Panel

_NUMBERS = (
    Panel(
        kind="stat",
        title="Received",
        description="Sessions that were begun in this time.",
        width=4,
        height=4,
        sql="""
            SELECT count() AS received FROM v1_progress
            WHERE $__timeFilter(received_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Open",
        description="Sessions begun in this time that are neither completed nor given up.",
        width=4,
        height=4,
        sql="""
            SELECT countIf(stage = 'received') AS open FROM v1_progress
            WHERE $__timeFilter(received_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Queryable after (p95)",
        description="From the end of a session to its row here, 95th percentile. A second is usual; minutes: streams or"
        " sinks lag, pr-telemetry status names the group.",
        width=4,
        height=4,
        unit="s",
        steps={60: "orange", 600: "red"},
        sql="""
            SELECT quantileExact(0.95)(dateDiff('millisecond', closed_at, queryable_at)) / 1000 AS p95 FROM v1_traces
            WHERE $__timeFilter(closed_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Waiting for results",
        description="Sessions that ended in this time and have no verdict or no score yet. A gap that stays is a fault:"
        " docs/operations.md.",
        width=4,
        height=4,
        steps={1: "orange"},
        sql="""
            SELECT countIf(stage != 'done') AS waiting FROM v1_traces
            WHERE $__timeFilter(closed_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Open dead letters",
        description="Records that a consumer refused and nobody has redriven or dropped, of any time and project.",
        width=4,
        height=4,
        steps={1: "red"},
        sql="SELECT countIf(state IN ('open', 'redriving')) AS open FROM v1_dead_letters",
    ),
    Panel(
        kind="stat",
        title="Refused events",
        description="Events that the gateway refused while it took others of their chunk.",
        width=4,
        height=4,
        steps={1: "orange"},
        sql="""
            SELECT count() AS refused FROM v1_rejects
            WHERE $__timeFilter(rejected_at) AND PROJECTS(project)
        """,
    ),
)

_WAY = (
    Panel(
        kind="bargauge",
        title="From received to judged",
        description="Of the sessions begun in this time, how many came how far. What is missing from assembled is still"
        " open; a gap behind it that stays is a fault.",
        width=8,
        sql="""
            SELECT count() AS received,
                   countIf(p.completed_at IS NOT NULL) AS completed,
                   countIf(t.stage != '') AS assembled,
                   countIf(t.stage IN ('validated', 'done')) AS validated,
                   countIf(t.stage IN ('judged', 'done')) AS judged
            FROM v1_progress AS p
            LEFT JOIN v1_traces AS t ON t.trace_id = p.trace_id
            WHERE $__timeFilter(p.received_at) AND PROJECTS(p.project)
        """,
    ),
    Panel(
        kind="timeseries",
        title="Sessions received",
        description="Sessions that were begun, by project.",
        width=8,
        series="project",
        bars=True,
        sql="""
            SELECT $__timeInterval(received_at) AS time, project, count() AS sessions FROM v1_progress
            WHERE $__timeFilter(received_at) AND PROJECTS(project)
            GROUP BY time, project
            ORDER BY time, project
        """,
    ),
    Panel(
        kind="timeseries",
        title="From the end of a session to its results",
        description="95th percentile of the time until it is queryable, has its verdict, and has its live score.",
        width=8,
        unit="s",
        series="stage",
        sql="""
            SELECT $__timeInterval(ended_at) AS time, stage, quantileExact(0.95)(took_s) AS p95_s
            FROM
            (
                SELECT closed_at AS ended_at, 'queryable' AS stage,
                       dateDiff('millisecond', closed_at, queryable_at) / 1000 AS took_s
                FROM v1_traces
                WHERE $__timeFilter(closed_at) AND PROJECTS(project)
                UNION ALL
                SELECT t.closed_at, 'verdict', dateDiff('millisecond', t.closed_at, v.started_at) / 1000 + v.duration_s
                FROM v1_traces AS t
                JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.current
                WHERE $__timeFilter(t.closed_at) AND PROJECTS(t.project)
                UNION ALL
                SELECT t.closed_at, 'score', dateDiff('millisecond', t.closed_at, j.started_at) / 1000 + j.duration_s
                FROM v1_traces AS t
                JOIN v1_judgements AS j ON j.trace_id = t.trace_id AND j.latest AND j.run_id = 'live'
                WHERE $__timeFilter(t.closed_at) AND PROJECTS(t.project)
            )
            GROUP BY time, stage
            ORDER BY time, stage
        """,
    ),
)

_REFUSED = (
    Panel(
        kind="timeseries",
        title="Dead letters",
        description="Records that were refused, by the consumer group that refused them. A rise after a deploy is the"
        " deploy. Of all projects: a letter may have none.",
        width=8,
        series="consumer_group",
        bars=True,
        sql="""
            SELECT $__timeInterval(refused_at) AS time, consumer_group, count() AS letters FROM v1_dead_letters
            WHERE $__timeFilter(refused_at)
            GROUP BY time, consumer_group
            ORDER BY time, consumer_group
        """,
    ),
    Panel(
        kind="table",
        title="Dead letters by cause",
        description="What to do with them: pr-telemetry dlq list, docs/operations.md.",
        width=8,
        sql="""
            SELECT consumer_group, error, origin_topic AS topic, countIf(state = 'open') AS open, count() AS letters,
                   max(refused_at) AS last
            FROM v1_dead_letters
            WHERE $__timeFilter(refused_at)
            GROUP BY consumer_group, error, topic
            ORDER BY open DESC, letters DESC, consumer_group
            LIMIT 50
        """,
    ),
    Panel(
        kind="table",
        title="Refused events by cause",
        description="Where in a chunk, and what is wrong there: a client's release that does not follow the schema.",
        width=8,
        sql="""
            SELECT project, replaceRegexpAll(pointer, '[0-9]+', 'N') AS place, reason, count() AS events,
                   uniqExact(trace_id) AS sessions, max(rejected_at) AS last
            FROM v1_rejects
            WHERE $__timeFilter(rejected_at) AND PROJECTS(project)
            GROUP BY project, place, reason
            ORDER BY events DESC, project, place, reason
            LIMIT 50
        """,
    ),
)

_STATE = (
    Panel(
        kind="table",
        title="Integrity findings",
        description="Sessions by kind of finding: docs/findings.md. Gaps and duplicates come from networks;"
        " hash_mismatch, bad_signature and fork ask for an explanation.",
        width=8,
        steps={1: "orange"},
        sql="""
            SELECT project, arrayJoin(finding_kinds) AS finding, count() AS sessions, countIf(NOT intact) AS altered,
                   max(closed_at) AS last
            FROM v1_integrity
            WHERE latest AND $__timeFilter(closed_at) AND PROJECTS(project)
            GROUP BY project, finding
            ORDER BY sessions DESC, project, finding
        """,
    ),
    Panel(
        kind="table",
        title="Open and given up",
        description="Sessions that were never completed: still open, the oldest first, or given up as idle.",
        width=8,
        units={"open_s": "s"},
        sql="""
            SELECT project, participant_id AS participant, stage, received_at,
                   if(stage = 'received', dateDiff('second', received_at, $__toTime), NULL) AS open_s, trace_id
            FROM v1_progress
            WHERE stage IN ('received', 'expired') AND $__timeFilter(received_at) AND PROJECTS(project)
            ORDER BY received_at, trace_id
            LIMIT 50
        """,
    ),
    Panel(
        kind="table",
        title="Runs of scores",
        description="How far re-scoring is, with what it skipped; of all projects.",
        width=8,
        units={"done": "percentunit"},
        sql="""
            SELECT run_id AS run, kind, project, state, traces, judged_traces / nullIf(traces, 0) AS done, unscored,
                   coalesce(state_at, last_ended_at) AS at
            FROM v1_runs
            WHERE NOT archived
            ORDER BY at DESC NULLS LAST, run
            LIMIT 50
        """,
    ),
)

_LOG = (
    Panel(
        kind="stat",
        title="Transparency log",
        description="Revisions of this time that the log does not have yet, that no signed checkpoint covers yet, and"
        " that it has in different forms. The first two pass within seconds while the notary runs; the third is a fork:"
        " docs/integrity.md.",
        width=8,
        steps={1: "orange"},
        sql="""
            SELECT countIf(NOT logged) AS not_logged, countIf(checkpoint_at IS NULL) AS not_signed,
                   countIf(forms > 1) AS forked
            FROM v1_integrity
            WHERE $__timeFilter(closed_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="timeseries",
        title="From the end of a session to its signed checkpoint",
        description="95th percentile of the time until a revision is in the transparency log, and until a signed"
        " checkpoint covers it (CHECKPOINT_INTERVAL_S at most while the notary keeps up).",
        width=16,
        unit="s",
        sql="""
            SELECT $__timeInterval(closed_at) AS time,
                   quantileExact(0.95)(to_log_ms) / 1000 AS in_the_log,
                   quantileExact(0.95)(to_checkpoint_ms) / 1000 AS in_a_checkpoint
            FROM
            (
                SELECT closed_at, dateDiff('millisecond', closed_at, assumeNotNull(logged_at)) AS to_log_ms,
                       dateDiff('millisecond', closed_at, assumeNotNull(checkpoint_at)) AS to_checkpoint_ms
                FROM v1_integrity
                WHERE checkpoint_at IS NOT NULL AND $__timeFilter(closed_at) AND PROJECTS(project)
            )
            GROUP BY time
            ORDER BY time
        """,
    ),
)

HEALTH = Board(
    uid="pr-telemetry-health",
    title="Pipeline health",
    description="Whether everything that is received arrives, how soon, and what is refused or stuck. What gateways and"
    " judges count by themselves is for Prometheus: docs/monitoring.md.",
    since="7d",
    interval="1h",
    rows=(_NUMBERS, _WAY, _REFUSED, _STATE, _LOG),
)
