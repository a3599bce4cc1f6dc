-- Which fixes are shown by nothing but the session's own tests?
-- A weaker proof than tests that were there before: read these before you count them.
SELECT t.project AS project, t.task_id AS session, t.participant_id AS participant, v.tests_passed AS tests, v.detail AS detail
FROM v1_validations AS v
JOIN v1_traces AS t ON t.trace_id = v.trace_id
WHERE v.current AND v.level = 'verified_by_own_tests'
ORDER BY project, session
