-- Do sessions that take back their own edits end worse?
-- `reverted` counts lines that a later edit of the same session took back, added or removed ones (docs/metrics.md);
-- `per_line` sets them against all lines that were changed.
SELECT v.verdict AS verdict,
       count() AS sessions,
       round(avg(t.num_file_edits), 2) AS edits,
       sum(t.lines_added) AS added,
       sum(t.lines_removed) AS removed,
       sum(t.lines_reverted) AS reverted,
       round(sum(t.lines_reverted) / greatest(sum(t.lines_added + t.lines_removed), 1), 2) AS per_line
FROM v1_traces AS t
JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.current
GROUP BY verdict
ORDER BY per_line DESC, verdict
