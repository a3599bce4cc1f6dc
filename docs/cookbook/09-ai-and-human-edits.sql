-- How do AI-authored edits compare with human-typed ones?
-- One row per author kind; a session counts for each kind that it has. Edits of unknown origin are `unsaid`; lines are those
-- that the diff adds or removes.
SELECT if(e.author = '', 'unsaid', e.author) AS author,
       count() AS edits,
       uniqExact(e.trace_id) AS sessions,
       uniqExactIf(e.trace_id, v.verdict = 'fixed') AS fixed,
       uniqExactIf(e.trace_id, v.verdict = 'regressed') AS regressed,
       round(avg(e.lines_added + e.lines_removed), 1) AS mean_lines
FROM v1_edits AS e
LEFT JOIN v1_validations AS v ON v.trace_id = e.trace_id AND v.current
GROUP BY author
ORDER BY edits DESC, author
