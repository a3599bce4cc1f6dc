-- How does each day go?
-- Days are those on which the sessions were begun; a session that is judged a week later still counts on its day. These
-- figures come from aggregates and cost the same whatever the sessions hold.
SELECT project, day, received, finished, validated, fixed, judged, events, round(cost_usd, 5) AS usd
FROM v1_daily
ORDER BY day, project
