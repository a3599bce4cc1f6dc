-- What exactly is wrong with the sessions that have findings?
-- `offsets` are places in the session's partition of trace-log: `pr-telemetry replay` shows the records.
SELECT t.task_id AS task, f.revision AS revision, f.latest AS latest, f.kind AS kind, f.detail AS detail
FROM v1_integrity_findings AS f
JOIN v1_traces AS t ON t.trace_id = f.trace_id
ORDER BY task, f.trace_id, revision, f.number
