-- Which sessions changed after they were complete?
-- A late chunk makes a new revision, which is validated and judged anew; its verdict may change. `late_s` is the time
-- from completion to the last revision.
SELECT t.task_id AS session,
       t.revision AS revision,
       dateDiff('second', p.completed_at, t.closed_at) AS late_s,
       arrayMap(x -> x.2, arraySort(groupArray((v.revision, v.verdict)))) AS verdicts
FROM v1_traces AS t
JOIN v1_progress AS p ON p.trace_id = t.trace_id
LEFT JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.run_id = 'live'
WHERE t.revision > 1
GROUP BY session, revision, late_s
ORDER BY late_s DESC, session
