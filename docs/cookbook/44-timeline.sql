-- How did one session go, step by step?
-- Seconds since its first event, the pause before each step, what changed; the verdict stands beside every row.
-- param task=example-simple
SELECT at_s, gap_s, type, substring(replaceAll(what, '\n', ' '), 1, 50) AS what, result, lines_added AS plus,
       lines_removed AS minus, verdict
FROM v1_trace_timeline(trace_id = (SELECT max(trace_id) FROM v1_traces WHERE task_id = {task:String}))
ORDER BY seq
