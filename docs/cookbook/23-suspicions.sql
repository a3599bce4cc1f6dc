-- Which sessions hold text that is meant for the judge?
-- One row per event and rule, with the event's own words, or the task's where the rule begins with `task/`; read them
-- before you trust the score (docs/injection.md).
SELECT t.task_id AS session,
       t.participant_id AS participant,
       s.1 AS rule,
       s.2 AS seq,
       multiIf(startsWith(rule, 'task/'), t.task_title, e.text != '', e.text, e.event) AS words,
       any(j.overall) AS overall
FROM v1_judgements AS j
ARRAY JOIN j.suspicions AS s
JOIN v1_traces AS t ON t.trace_id = j.trace_id
LEFT JOIN v1_events AS e ON e.trace_id = j.trace_id AND e.seq = s.2
WHERE j.current
GROUP BY session, participant, rule, seq, words
ORDER BY session, seq
