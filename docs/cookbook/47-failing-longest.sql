-- Which tests were seen to fail most often?
-- As clients ran them, with every run of a session counted; what the sandbox found is in `v1_test_results`.
SELECT arrayJoin(failing) AS test, count() AS red_runs, uniqExact(trace_id) AS sessions,
       arraySort(groupUniqArray(framework)) AS frameworks
FROM v1_test_runs
WHERE result = 'red'
GROUP BY test
ORDER BY red_runs DESC, test
LIMIT 12
