-- How big are the fixes?
-- The diff of the last commit of each session, beside its verdict.
SELECT v.verdict AS verdict, count() AS sessions, round(avg(length(c.files)), 1) AS files,
       round(avg(c.lines_added), 1) AS plus, round(avg(c.lines_removed), 1) AS minus
FROM (SELECT * FROM v1_commits ORDER BY seq DESC LIMIT 1 BY trace_id) AS c
JOIN v1_validations AS v ON v.trace_id = c.trace_id AND v.current
GROUP BY verdict
ORDER BY sessions DESC, verdict
