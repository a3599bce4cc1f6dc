-- Which sessions were never brought to an end?
-- Open ones, and those given up as idle. An editor that forgets to complete shows as many of them of one participant.
SELECT p.stage AS stage,
       p.project AS project,
       p.participant_id AS participant,
       p.received_at AS begun,
       t.event_count AS events,
       t.time_to_first_edit_s AS first_edit_s
FROM v1_progress AS p
LEFT JOIN v1_traces AS t ON t.trace_id = p.trace_id
WHERE p.completed_at IS NULL
ORDER BY begun
