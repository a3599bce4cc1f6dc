-- Which stage is the slowest?
-- Seconds from the end of a session to each result, over latest revisions: assembled and queryable, verdict, score.
SELECT stage, count() AS sessions, round(quantileExact(0.5)(took_s), 2) AS median_s, round(max(took_s), 2) AS worst_s
FROM
(
    SELECT 'queryable' AS stage, dateDiff('millisecond', closed_at, queryable_at) / 1000 AS took_s FROM v1_traces
    UNION ALL
    SELECT 'verdict', dateDiff('millisecond', t.closed_at, v.started_at) / 1000 + v.duration_s
    FROM v1_traces AS t
    JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.current
    UNION ALL
    SELECT 'score', dateDiff('millisecond', t.closed_at, j.started_at) / 1000 + j.duration_s
    FROM v1_traces AS t
    JOIN v1_judgements AS j ON j.trace_id = t.trace_id AND j.latest AND j.run_id = 'live'
)
GROUP BY stage
ORDER BY median_s
