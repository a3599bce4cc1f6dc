-- In which languages is written, and by whom?
-- Lines are those of the diffs, so a line that is written twice counts twice.
SELECT language, author, count() AS edits, sum(lines_added) AS plus, sum(lines_removed) AS minus,
       uniqExact(trace_id) AS sessions
FROM v1_edits
GROUP BY language, author
ORDER BY plus DESC, language, author
