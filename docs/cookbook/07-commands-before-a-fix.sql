-- Which commands do people run before the edit that turns the tests green?
-- Commands of each session up to its last edit before the first passing test run, by their first word, only where the
-- sandbox says that the bug is fixed. What is frequent here and rare elsewhere is worth teaching.
WITH
    green AS
    (
        SELECT trace_id, min(chain_index) AS at
        FROM v1_events
        WHERE type = 'test_run' AND failed + errors = 0 AND (exit_code = 0 OR (exit_code IS NULL AND passed > 0))
        GROUP BY trace_id
    ),
    fix AS
    (
        SELECT e.trace_id AS trace_id, max(e.chain_index) AS at
        FROM v1_events AS e
        JOIN green AS g ON g.trace_id = e.trace_id
        WHERE e.type = 'file_edit' AND e.chain_index < g.at
        GROUP BY trace_id
    )
SELECT splitByChar(' ', e.command)[1] AS program,
       count() AS runs,
       uniqExact(e.trace_id) AS sessions,
       min(substring(splitByChar('\n', e.command)[1], 1, 50)) AS example
FROM v1_events AS e
JOIN fix AS f ON f.trace_id = e.trace_id
JOIN v1_validations AS v ON v.trace_id = e.trace_id AND v.current AND v.verdict = 'fixed'
WHERE e.type = 'cmd_run' AND e.chain_index < f.at
GROUP BY program
ORDER BY sessions DESC, runs DESC, program
