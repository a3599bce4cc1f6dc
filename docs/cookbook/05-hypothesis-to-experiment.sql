-- How soon is a hypothesis put to the test?
-- `gap_s` is the mean time from stating a hypothesis to the edit, command or test run that followed it; `untested` ones
-- were stated and never tried.
SELECT task_id AS session,
       participant_id AS participant,
       hypotheses,
       hypotheses - hypotheses_tested AS untested,
       round(hypothesis_to_experiment_s, 1) AS gap_s
FROM v1_traces
WHERE hypotheses > 0
ORDER BY gap_s DESC NULLS FIRST, session
