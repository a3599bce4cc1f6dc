-- Who solved the same task, and how differently?
-- Every session of a task that was worked on more than once, side by side.
SELECT o.task_id AS task,
       o.participant_id AS participant,
       o.verdict AS verdict,
       o.overall AS overall,
       round(t.active_s, 1) AS active_s,
       t.num_file_edits AS edits
FROM v1_process_outcome AS o
JOIN v1_traces AS t ON t.trace_id = o.trace_id
WHERE o.task_id IN (SELECT task_id FROM v1_traces GROUP BY task_id HAVING count() > 1)
ORDER BY task, o.created_at
