-- Where did sessions stand still?
-- The longest pauses between two events, with what came before and after, in the hundred sessions that stood still longest.
-- Metrics count a pause as five minutes at most (`active_s`), so that lunch does not look like hard work.
SELECT t.task_id AS session,
       g.before AS before,
       g.after AS after,
       round(g.idle_s, 1) AS idle_s,
       round(t.active_s / t.duration_s, 2) AS active_share
FROM
(
    SELECT trace_id,
           lagInFrame(type) OVER w AS before,
           type AS after,
           dateDiff('millisecond', lagInFrame(ts_client, 1, ts_client) OVER w, ts_client) / 1000 AS idle_s
    FROM v1_events
    WHERE trace_id IN (SELECT trace_id FROM v1_traces ORDER BY duration_s - active_s DESC, duration_s DESC LIMIT 100)
    WINDOW w AS (PARTITION BY trace_id ORDER BY chain_index ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
) AS g
JOIN v1_traces AS t ON t.trace_id = g.trace_id
ORDER BY idle_s DESC, session
LIMIT 5
