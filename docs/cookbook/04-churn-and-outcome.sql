-- Do sessions that take back their own edits end worse?
-- `reverted_share` is the share of added lines that a later edit of the same session took back.
SELECT v.verdict AS verdict,
       count() AS sessions,
       round(avg(t.num_file_edits), 2) AS edits,
       sum(t.lines_added) AS added,
       sum(t.lines_reverted) AS reverted,
       round(sum(t.lines_reverted) / greatest(sum(t.lines_added), 1), 2) AS reverted_share
FROM v1_traces AS t
JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.current
GROUP BY verdict
ORDER BY reverted_share DESC, verdict
