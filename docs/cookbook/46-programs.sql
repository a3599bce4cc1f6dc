-- Which programs are run, and how often do they fail?
-- `program` is the first word of the command. A failure is no fault by itself: a search that finds nothing fails, too.
SELECT program, count() AS runs, countIf(result = 'failed') AS failed, countIf(result = '') AS unknown,
       uniqExact(trace_id) AS sessions
FROM v1_commands
GROUP BY program
ORDER BY runs DESC, program
