-- Which tests are broken most often by a change?
-- `pass_to_fail` is a test that passed before the change and fails after it.
SELECT r.test_id AS test,
       count() AS broken,
       uniqExact(t.participant_id) AS participants,
       arraySort(groupUniqArray(t.task_id)) AS sessions
FROM v1_test_results AS r
JOIN v1_validations AS v ON v.trace_id = r.trace_id AND v.revision = r.revision AND v.run_id = r.run_id AND v.current
JOIN v1_traces AS t ON t.trace_id = r.trace_id
WHERE r.category = 'pass_to_fail'
GROUP BY test
ORDER BY broken DESC, test
