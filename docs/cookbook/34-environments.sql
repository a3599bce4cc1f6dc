-- Where do people work, and does it matter?
-- What clients say of their environment; any other key works as well (`environment` is a map).
SELECT t.environment['os'] AS os,
       t.environment['python_version'] AS python,
       count() AS sessions,
       countIf(v.verdict = 'fixed') AS fixed,
       round(quantileExact(0.5)(t.active_s), 1) AS median_active_s
FROM v1_traces AS t
LEFT JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.current
GROUP BY os, python
ORDER BY sessions DESC, os, python
