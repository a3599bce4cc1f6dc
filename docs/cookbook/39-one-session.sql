-- What happened in one session?
-- Its events in order, with what led to each. `pr-telemetry view` shows the same with diffs and grades.
-- param task=example-simple
SELECT e.seq AS seq,
       round(dateDiff('millisecond', min(e.ts_client) OVER (PARTITION BY e.trace_id), e.ts_client) / 1000, 1) AS at_s,
       e.type AS type,
       substring(
           replaceAll(multiIf(e.type = 'file_edit', e.file_path, e.command != '', e.command, e.type = 'commit', e.message,
               concat(e.plan, e.observation, e.hypothesis, e.decision, e.next_step, e.text)), '\n', ' '), 1, 60) AS what,
       e.exit_code AS exit_code,
       e.caused_by AS caused_by
FROM v1_events AS e
WHERE e.trace_id IN (SELECT trace_id FROM v1_traces WHERE task_id = {task:String})
ORDER BY e.trace_id, e.chain_index
