"""The dashboard of those who pay: what judging costs, by whom, for what, and whether the day's budget will do."""

from __future__ import annotations

from deploy.grafana.panels import Board, Panel, Variable

_NUMBERS = (
    Panel(
        kind="stat",
        title="Spent",
        description="US dollars for all judgements begun in this time whose price is known.",
        width=4,
        height=4,
        unit="currencyUSD",
        sql="""
            SELECT coalesce(sum(cost_usd), 0) AS usd FROM v1_judgements
            WHERE $__timeFilter(started_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Without a price",
        description="Judgements by a model of which no price is known: what is spent is without them."
        " JUDGE_PRICE_IN, JUDGE_PRICE_OUT or JUDGE_PRICES tell it.",
        width=4,
        height=4,
        steps={1: "orange"},
        sql="""
            SELECT countIf(calls > 0 AND cost_usd IS NULL) AS unpriced FROM v1_judgements
            WHERE $__timeFilter(started_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Tokens",
        description="Tokens that models read and wrote.",
        width=4,
        height=4,
        sql="""
            SELECT sum(prompt_tokens) AS read, sum(completion_tokens) AS written FROM v1_judgements
            WHERE $__timeFilter(started_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="A judged session",
        description="US dollars by session, over the sessions that a model judged: all its judgements, of all runs.",
        width=4,
        height=4,
        unit="currencyUSD",
        decimals=4,
        sql="""
            SELECT sum(cost_usd) / nullIf(uniqExactIf(trace_id, calls > 0), 0) AS usd FROM v1_judgements
            WHERE $__timeFilter(started_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="A fixed bug",
        description="US dollars of all judgements of this time by session that the sandbox calls fixed.",
        width=4,
        height=4,
        unit="currencyUSD",
        decimals=4,
        sql="""
            SELECT sum(j.cost_usd) / nullIf(uniqExactIf(j.trace_id, v.verdict = 'fixed'), 0) AS usd
            FROM v1_judgements AS j
            LEFT JOIN v1_validations AS v ON v.trace_id = j.trace_id AND v.current
            WHERE $__timeFilter(j.started_at) AND PROJECTS(j.project)
        """,
    ),
    Panel(
        kind="stat",
        title="Taken from earlier runs",
        description="Judgements whose answer was there already, so that no model was asked.",
        width=4,
        height=4,
        sql="""
            SELECT countIf(cached_from != '') AS cached FROM v1_judgements
            WHERE $__timeFilter(started_at) AND PROJECTS(project)
        """,
    ),
)

_OVER_TIME = (
    Panel(
        kind="timeseries",
        title="Spent by project",
        description="US dollars by project and the time at which judging began.",
        width=8,
        unit="currencyUSD",
        series="project",
        bars=True,
        sql="""
            SELECT $__timeInterval(started_at) AS time, project, sum(assumeNotNull(cost_usd)) AS usd FROM v1_judgements
            WHERE cost_usd IS NOT NULL AND $__timeFilter(started_at) AND PROJECTS(project)
            GROUP BY time, project
            ORDER BY time, project
        """,
    ),
    Panel(
        kind="timeseries",
        title="Tokens by model",
        description="Tokens read and written, by model; those of a panel together.",
        width=8,
        series="model",
        bars=True,
        sql="""
            SELECT $__timeInterval(started_at) AS time, if(model = '', judge, model) AS model,
                   sum(prompt_tokens + completion_tokens) AS tokens
            FROM v1_judgements
            WHERE calls > 0 AND $__timeFilter(started_at) AND PROJECTS(project)
            GROUP BY time, model
            ORDER BY time, model
        """,
    ),
    Panel(
        kind="timeseries",
        title="Live judging against the day's budget",
        description="US dollars of live judgements by day (UTC), of all projects, as JUDGE_BUDGET_USD counts them, and"
        " the budget that is typed in above.",
        width=8,
        unit="currencyUSD",
        sql="""
            SELECT toStartOfDay(toTimeZone(started_at, 'UTC')) AS time, sum(assumeNotNull(cost_usd)) AS spent,
                   any(toFloat64OrZero(${budget:singlequote})) AS budget
            FROM v1_judgements
            WHERE run_id = 'live' AND cost_usd IS NOT NULL AND $__timeFilter(started_at)
            GROUP BY time
            ORDER BY time
        """,
    ),
)

_PACE = (
    Panel(
        kind="stat",
        title="Pace of the last day",
        description="Live judging since midnight (UTC) of the last day shown, what the day comes to at this pace, and"
        " the share of the budget that is then spent. Of all projects.",
        width=8,
        unit="currencyUSD",
        sql="""
            WITH toStartOfDay(toTimeZone($__toTime, 'UTC')) AS midnight
            SELECT coalesce(sum(cost_usd), 0) AS spent,
                   spent * 86400 / greatest(dateDiff('second', midnight, $__toTime), 1) AS by_midnight,
                   by_midnight / nullIf(toFloat64OrZero(${budget:singlequote}), 0) AS of_budget
            FROM v1_judgements
            WHERE run_id = 'live' AND started_at >= midnight AND started_at <= $__toTime
        """,
        units={"of_budget": "percentunit"},
    ),
    Panel(
        kind="barchart",
        title="A fixed bug, by project",
        description="US dollars of all judgements of a project by session that the sandbox calls fixed; projects"
        " without a fixed session are left out.",
        width=8,
        unit="currencyUSD",
        sql="""
            SELECT j.project AS project,
                   sum(j.cost_usd) / uniqExactIf(j.trace_id, v.verdict = 'fixed') AS usd
            FROM v1_judgements AS j
            LEFT JOIN v1_validations AS v ON v.trace_id = j.trace_id AND v.current
            WHERE $__timeFilter(j.started_at) AND PROJECTS(j.project)
            GROUP BY project
            HAVING countIf(v.verdict = 'fixed') > 0
            ORDER BY usd DESC, project
        """,
    ),
    Panel(
        kind="table",
        title="Machine time",
        description="Wall time of the sandbox and of judging, by project: seconds in all and by session.",
        width=8,
        unit="s",
        units={"sessions": "short"},
        sql="""
            SELECT project, stage, uniqExact(trace_id) AS sessions, sum(took_s) AS all_s, all_s / sessions AS each_s
            FROM
            (
                SELECT project, 'sandbox' AS stage, trace_id, duration_s AS took_s FROM v1_validations
                WHERE $__timeFilter(started_at) AND PROJECTS(project)
                UNION ALL
                SELECT project, 'judge' AS stage, trace_id, duration_s AS took_s FROM v1_judgements
                WHERE judge != 'human' AND $__timeFilter(started_at) AND PROJECTS(project)
            )
            GROUP BY project, stage
            ORDER BY all_s DESC, project, stage
        """,
    ),
)

_WHERE = (
    Panel(
        kind="table",
        title="By project, run and model",
        description="Where the money goes. The heuristic and people ask no model and are left out.",
        width=14,
        units={"usd": "currencyUSD", "usd_each": "currencyUSD"},
        sql="""
            SELECT project, run_id AS run, if(model = '', judge, model) AS model, count() AS judgements,
                   sum(j.calls) AS calls, sum(prompt_tokens) AS read,
                   sum(completion_tokens) AS written, sum(cost_usd) AS usd,
                   usd / nullIf(countIf(cost_usd IS NOT NULL), 0) AS usd_each, countIf(cost_usd IS NULL) AS unpriced
            FROM v1_judgements AS j
            WHERE j.calls > 0 AND $__timeFilter(started_at) AND PROJECTS(project)
            GROUP BY project, run, model
            ORDER BY usd DESC NULLS LAST, project, run, model
            LIMIT 100
        """,
    ),
    Panel(
        kind="table",
        title="The most expensive sessions",
        description="Long sessions cost most: JUDGE_EVENT_BYTES bounds what a call is shown.",
        width=10,
        units={"usd": "currencyUSD"},
        sql="""
            SELECT t.task_id AS task, t.project AS project, t.event_count AS events, count() AS judgements,
                   sum(j.cost_usd) AS usd, t.trace_id AS trace_id
            FROM v1_judgements AS j
            JOIN v1_traces AS t ON t.trace_id = j.trace_id
            WHERE j.cost_usd IS NOT NULL AND $__timeFilter(j.started_at) AND PROJECTS(t.project)
            GROUP BY task, project, events, trace_id
            ORDER BY usd DESC, trace_id
            LIMIT 20
        """,
    ),
)

COST = Board(
    uid="pr-telemetry-cost",
    title="Cost of judging",
    description="What judging costs, for what, and whether the day's budget will do. Running tests costs machine time.",
    since="30d",
    interval="1d",
    rows=(_NUMBERS, _OVER_TIME, _PACE, _WHERE),
    variables=(
        Variable(
            name="budget",
            label="Budget a day, USD",
            description="JUDGE_BUDGET_USD of the judge, which this database does not know.",
            value="5",
        ),
    ),
)
