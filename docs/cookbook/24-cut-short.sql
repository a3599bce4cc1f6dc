-- Which judgements rest on a part of the session only?
-- Long sessions are condensed for a model; a low grade of one that was cut may be the cut's fault.
SELECT t.task_id AS session,
       j.run_id AS run_id,
       j.left_out_events AS left_out_events,
       j.left_out_characters AS left_out_characters,
       round(j.left_out_events / t.event_count, 2) AS share
FROM v1_judgements AS j
JOIN v1_traces AS t ON t.trace_id = j.trace_id
WHERE j.latest AND j.left_out_characters > 0
ORDER BY share DESC, session
