"""The dashboard of those who lead: are bugs fixed, how well is the work done, can verdicts and scores be trusted."""

from __future__ import annotations

from deploy.grafana.panels import Annotation, Board, Panel

_NUMBERS = (
    Panel(
        kind="stat",
        title="Finished sessions",
        description="Sessions begun in this time that have ended.",
        width=4,
        height=4,
        sql="""
            SELECT count() AS sessions FROM v1_process_outcome
            WHERE $__timeFilter(created_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Fixed",
        description="Share of fixed among sessions with a verdict on the work: unverifiable, timeout and infra_failure"
        " are none.",
        width=4,
        height=4,
        unit="percentunit",
        sql="""
            SELECT countIf(verdict = 'fixed')
                   / nullIf(countIf(verdict IN ('fixed', 'not_fixed', 'regressed', 'flaky')), 0) AS fixed
            FROM v1_process_outcome
            WHERE $__timeFilter(created_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Mean score",
        description="Mean of the overall scores that count, 0 to 5; unscored sessions are left out.",
        width=4,
        height=4,
        decimals=2,
        sql="""
            SELECT avg(overall) AS score FROM v1_process_outcome
            WHERE $__timeFilter(created_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Time to first green (median)",
        description="From the first event to the first passing test run, of the sessions that have one.",
        width=4,
        height=4,
        unit="s",
        sql="""
            SELECT quantileExact(0.5)(time_to_first_green_s) AS median FROM v1_traces
            WHERE $__timeFilter(created_at) AND PROJECTS(project)
        """,
    ),
    Panel(
        kind="stat",
        title="Claims reproduced",
        description="Of the sessions whose own test results can be compared with the rerun, the share in which all of"
        " them agree: docs/claims.md.",
        width=4,
        height=4,
        unit="percentunit",
        sql="""
            SELECT countIf(v.claims_reproduced) / nullIf(countIf(v.claims_reproduced IS NOT NULL), 0) AS reproduced
            FROM v1_validations AS v
            JOIN v1_traces AS t ON t.trace_id = v.trace_id
            WHERE v.current AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
        """,
    ),
    Panel(
        kind="stat",
        title="Without a score",
        description="Sessions that were judged and came out unscored.",
        width=4,
        height=4,
        steps={1: "orange"},
        sql="""
            SELECT countIf(outcome = 'unscored') AS unscored FROM v1_process_outcome
            WHERE $__timeFilter(created_at) AND PROJECTS(project)
        """,
    ),
)

_OVER_TIME = (
    Panel(
        kind="timeseries",
        title="Verdicts",
        description="Sessions by the sandbox's verdict and the time at which they began.",
        width=12,
        series="verdict",
        bars=True,
        sql="""
            SELECT $__timeInterval(created_at) AS time, if(verdict = '', 'none yet', verdict) AS verdict,
                   count() AS sessions
            FROM v1_process_outcome
            WHERE $__timeFilter(created_at) AND PROJECTS(project)
            GROUP BY time, verdict
            ORDER BY time, verdict
        """,
    ),
    Panel(
        kind="timeseries",
        title="Scores",
        description="Mean of the overall scores that count, 0 to 5, by project. Blue lines are promotions: from there"
        " on, current scores follow another run.",
        width=12,
        series="project",
        decimals=2,
        sql="""
            SELECT $__timeInterval(created_at) AS time, project, avg(assumeNotNull(overall)) AS score
            FROM v1_process_outcome
            WHERE overall IS NOT NULL AND $__timeFilter(created_at) AND PROJECTS(project)
            GROUP BY time, project
            ORDER BY time, project
        """,
    ),
)

_GRADES = (
    Panel(
        kind="barchart",
        title="Grades by criterion",
        description="Mean grade of each criterion, 0 to 5, of the scores that count: the lowest is where sessions lose"
        " most.",
        width=8,
        decimals=2,
        sql="""
            SELECT criterion, avg(assumeNotNull(s.grade)) AS grade
            FROM v1_current_scores AS s
            JOIN v1_traces AS t ON t.trace_id = s.trace_id
            WHERE s.grade IS NOT NULL AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
            GROUP BY criterion
            ORDER BY grade, criterion
        """,
    ),
    Panel(
        kind="table",
        title="Process and outcome",
        description="Sessions by band of the score and verdict, which know nothing of each other. Look at the corners:"
        " good work that did not fix the bug, and poor work that did.",
        width=8,
        sql="""
            SELECT if(band = '', 'not yet', band) AS score,
                   countIf(verdict = 'fixed' AND level = 'verified') AS fixed,
                   countIf(verdict = 'fixed' AND level != 'verified') AS own_tests,
                   countIf(verdict = 'not_fixed') AS not_fixed,
                   countIf(verdict = 'regressed') AS regressed,
                   countIf(verdict = 'flaky') AS flaky,
                   countIf(verdict IN ('unverifiable', 'timeout', 'infra_failure', '')) AS no_verdict
            FROM v1_process_outcome
            WHERE $__timeFilter(created_at) AND PROJECTS(project)
            GROUP BY score
            ORDER BY score DESC
        """,
    ),
    Panel(
        kind="table",
        title="Grades by rubric",
        description="Mean grade of each criterion under each rubric and judge, all runs of this time; people's grades"
        " are apart.",
        width=8,
        units={"mean": "none"},
        sql="""
            SELECT s.rubric AS rubric, s.rubric_version AS version, s.judge AS judge, s.criterion AS criterion,
                   count() AS grades, round(avg(s.grade), 2) AS mean, countIf(s.grade <= 1) AS poor
            FROM v1_scores AS s
            JOIN v1_traces AS t ON t.trace_id = s.trace_id
            WHERE s.latest AND s.grade IS NOT NULL AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
            GROUP BY rubric, version, judge, criterion
            ORDER BY criterion, rubric, version, judge
            LIMIT 200
        """,
    ),
)

_TRUST = (
    Panel(
        kind="table",
        title="Drift between rubrics",
        description="Each run beside the live scores, on the sessions that both graded. A mean shift of one criterion"
        " is a change of the rubric's words, of all of them one of the judge. pr-telemetry run diff says it in full.",
        width=12,
        sql="""
            SELECT b.run_id AS run, b.criterion AS criterion, any(a.rubric_version) AS live,
                   any(b.rubric_version) AS version, count() AS sessions,
                   round(avg(b.grade - a.grade), 2) AS mean_shift,
                   round(avg(abs(b.grade - a.grade)), 2) AS mean_distance
            FROM v1_scores AS b
            JOIN v1_scores AS a ON a.trace_id = b.trace_id AND a.revision = b.revision AND a.criterion = b.criterion
            JOIN v1_traces AS t ON t.trace_id = b.trace_id
            WHERE a.run_id = 'live' AND b.run_id != 'live' AND b.judge != 'human' AND a.latest
              AND a.grade IS NOT NULL AND b.grade IS NOT NULL AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
            GROUP BY run, criterion
            ORDER BY abs(mean_shift) DESC, run, criterion
            LIMIT 100
        """,
    ),
    Panel(
        kind="table",
        title="Judge and people",
        description="The current grades less those of people, by criterion: above 0 the judge is too kind."
        " docs/labels.md.",
        width=12,
        sql="""
            SELECT c.criterion AS criterion, count() AS grades, uniqExact(c.labeller) AS people,
                   round(avg(c.difference), 2) AS mean_difference, countIf(abs(c.difference) <= 1) / count() AS within_1
            FROM v1_calibration AS c
            JOIN v1_traces AS t ON t.trace_id = c.trace_id
            WHERE c.current AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
            GROUP BY criterion
            ORDER BY abs(mean_difference) DESC, criterion
        """,
        units={"within_1": "percentunit"},
    ),
)

_DOUBT = (
    Panel(
        kind="table",
        title="Claims not reproduced",
        description="Tests of which the session claimed something else than the rerun shows, the most frequent first.",
        width=8,
        sql="""
            SELECT t.task_id AS task, c.test_id AS test, c.claimed AS claimed, c.rerun AS rerun,
                   uniqExact(c.trace_id) AS sessions
            FROM v1_claims AS c
            JOIN v1_traces AS t ON t.trace_id = c.trace_id
            WHERE c.run_id = 'live' AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
            GROUP BY task, test, claimed, rerun
            ORDER BY sessions DESC, task, test, claimed, rerun
            LIMIT 50
        """,
    ),
    Panel(
        kind="table",
        title="Flaky tests",
        description="Tests that gave different answers to the same code: in several validations, or in the repeated"
        " runs of one, whose verdict is flaky then and names the first of them.",
        width=8,
        sql="""
            SELECT test, countIf(answers > 1) AS other_answers, countIf(named) AS flaky_verdicts, max(seen) AS last
            FROM
            (
                SELECT r.test_id AS test, uniqExact(r.after) AS answers, max(v.started_at) AS seen,
                       max(v.verdict = 'flaky'
                           AND (position(concat(v.detail, ','), concat(' ', r.test_id, ',')) > 0
                                OR position(v.detail, concat(' ', r.test_id, ' and ')) > 0)) AS named
                FROM v1_test_results AS r
                JOIN v1_validations AS v
                  ON v.trace_id = r.trace_id AND v.revision = r.revision AND v.run_id = r.run_id
                WHERE $__timeFilter(v.started_at) AND PROJECTS(v.project)
                GROUP BY r.test_id, r.trace_id, r.revision, r.suite
            )
            GROUP BY test
            HAVING other_answers + flaky_verdicts > 0
            ORDER BY other_answers DESC, flaky_verdicts DESC, test
            LIMIT 50
        """,
    ),
    Panel(
        kind="barchart",
        title="Why there is no verdict or no score",
        description="Sessions by the reason that sandbox or judge give: docs/verdicts.md, docs/judging.md.",
        width=8,
        sql="""
            SELECT why, count() AS sessions
            FROM
            (
                SELECT concat('verdict: ', v.verdict, if(v.reason = '', '', concat(' (', v.reason, ')'))) AS why
                FROM v1_validations AS v
                JOIN v1_traces AS t ON t.trace_id = v.trace_id
                WHERE v.current AND v.verdict IN ('unverifiable', 'timeout', 'infra_failure')
                  AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
                UNION ALL
                SELECT concat('score: ', j.reason)
                FROM v1_judgements AS j
                JOIN v1_traces AS t ON t.trace_id = j.trace_id
                WHERE j.current AND j.outcome = 'unscored' AND $__timeFilter(t.created_at) AND PROJECTS(t.project)
            )
            GROUP BY why
            ORDER BY sessions DESC, why
        """,
    ),
)

QUALITY = Board(
    uid="pr-telemetry-quality",
    title="Quality of the work",
    description="Whether bugs are fixed, how well the work was done, and how far verdicts and scores can be trusted.",
    since="30d",
    interval="1d",
    rows=(_NUMBERS, _OVER_TIME, _GRADES, _TRUST, _DOUBT),
    annotations=(
        Annotation(
            name="Promotions",
            sql="""
                SELECT promoted_at AS time, concat(project, ': current scores follow ', run_id) AS text
                FROM v1_promotions
                WHERE $__timeFilter(promoted_at) AND PROJECTS(project)
                ORDER BY time
            """,
        ),
    ),
)
