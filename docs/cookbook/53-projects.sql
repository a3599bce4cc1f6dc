-- Which projects are there, and what may their sessions be used for?
-- `consent` and `redact` are the recorded policy of the project, for clients that do not say; what each session says is
-- in `v1_traces`.
SELECT project, traces, finished, first_seen, last_seen, consent, redact, promoted
FROM v1_projects
ORDER BY project
