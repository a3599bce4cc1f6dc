-- Which test results that clients claimed does the rerun not show?
-- A claim that differs is no proof of bad faith (another machine, an unsaved file); look for participants that pile up.
SELECT t.participant_id AS participant, t.task_id AS session, c.test_id AS test, c.claimed AS claimed, c.rerun AS rerun
FROM v1_claims AS c
JOIN v1_validations AS v ON v.trace_id = c.trace_id AND v.revision = c.revision AND v.run_id = c.run_id AND v.current
JOIN v1_traces AS t ON t.trace_id = c.trace_id
ORDER BY participant, session, test
