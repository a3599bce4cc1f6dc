-- Who tests after how many edits?
-- Below 1 means several edits between two test runs: look whether they end in regressions more often.
SELECT t.participant_id AS participant,
       count() AS sessions,
       sum(t.num_file_edits) AS edits,
       sum(t.test_runs) AS test_runs,
       round(sum(t.test_runs) / nullIf(sum(t.num_file_edits), 0), 2) AS runs_per_edit,
       countIf(v.verdict = 'regressed') AS regressed
FROM v1_traces AS t
LEFT JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.current
GROUP BY participant
ORDER BY runs_per_edit NULLS LAST, participant
