-- Which tests give different answers to the same code?
-- Tests whose result differs between validations of one revision (re-validate to find more: docs/revalidation.md).
-- A single validation that noticed a flake itself has the verdict flaky and names the tests in `detail`.
SELECT r.test_id AS test,
       uniqExact(r.trace_id) AS sessions,
       arraySort(groupUniqArray(r.after)) AS results,
       any(v.detail) AS noticed
FROM v1_test_results AS r
LEFT JOIN v1_validations AS v ON v.trace_id = r.trace_id AND v.revision = r.revision AND v.verdict = 'flaky'
GROUP BY test, r.trace_id, r.revision, r.suite
HAVING uniqExact(r.after) > 1 OR any(position(v.detail, r.test_id)) > 0
ORDER BY test
