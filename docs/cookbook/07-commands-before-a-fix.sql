-- Which commands do people run before the edit that turns the tests green?
-- Commands of each session up to its last edit before the first passing test run, by their first word, only where the
-- sandbox says that the bug is fixed. What is frequent here and rare elsewhere is worth teaching.
WITH told AS
(
    SELECT trace_id,
           minIf(chain_index, type = 'test_run' AND failed + errors = 0
               AND (exit_code = 0 OR (exit_code IS NULL AND passed > 0))) AS green,
           arrayMax(arrayFilter(at -> at < green, groupArrayIf(chain_index, type = 'file_edit'))) AS fix,
           groupArrayIf((chain_index, command), type = 'cmd_run') AS commands
    FROM v1_events
    WHERE trace_id IN
    (
        SELECT t.trace_id
        FROM v1_traces AS t
        JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.current AND v.verdict = 'fixed'
        WHERE t.time_to_first_green_s IS NOT NULL AND t.num_file_edits > 0
    )
    GROUP BY trace_id
)
SELECT splitByChar(' ', c.2)[1] AS program,
       count() AS runs,
       uniqExact(trace_id) AS sessions,
       min(substring(splitByChar('\n', c.2)[1], 1, 50)) AS example
FROM told
ARRAY JOIN commands AS c
WHERE c.1 < fix
GROUP BY program
ORDER BY sessions DESC, runs DESC, program
