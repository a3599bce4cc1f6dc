-- Which tests give different answers to the same code?
-- `other_results` counts revisions whose validations differ on the test (validate again to find more:
-- docs/revalidation.md), `noticed` those whose own repeated runs did: then the verdict is flaky and names the first tests.
WITH doubtful AS
(
    SELECT trace_id, revision
    FROM v1_validations
    GROUP BY trace_id, revision
    HAVING count() > 1 OR max(verdict = 'flaky')
)
SELECT test,
       countIf(results > 1) AS other_results,
       countIf(named) AS noticed,
       arraySort(groupUniqArray(t.task_id)) AS sessions
FROM
(
    SELECT r.test_id AS test,
           r.trace_id AS trace_id,
           uniqExact(r.after) AS results,
           max(
               v.verdict = 'flaky'
               AND (position(concat(v.detail, ','), concat(' ', r.test_id, ',')) > 0
                    OR position(v.detail, concat(' ', r.test_id, ' and ')) > 0)
           ) AS named
    FROM v1_test_results AS r
    JOIN v1_validations AS v ON v.trace_id = r.trace_id AND v.revision = r.revision AND v.run_id = r.run_id
    WHERE (r.trace_id, r.revision) IN doubtful
    GROUP BY r.test_id, r.trace_id, r.revision, r.suite
    HAVING results > 1 OR named
) AS f
JOIN v1_traces AS t ON t.trace_id = f.trace_id
GROUP BY test
ORDER BY other_results + noticed DESC, test
