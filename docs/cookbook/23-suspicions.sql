-- Which sessions hold text that is meant for the judge?
-- One row per event and rule, the latest hundred sessions, with the event's own words, or the task's where the rule begins
-- with `task/`; read them before you trust the score (docs/injection.md).
WITH suspected AS
(
    SELECT trace_id, overall, suspicions
    FROM v1_judgements
    WHERE current AND notEmpty(suspicions)
    ORDER BY started_at DESC
    LIMIT 100
)
SELECT t.task_id AS session,
       t.participant_id AS participant,
       s.1 AS rule,
       s.2 AS seq,
       multiIf(startsWith(rule, 'task/'), t.task_title, e.text != '', e.text, e.event) AS words,
       any(j.overall) AS overall
FROM suspected AS j
ARRAY JOIN j.suspicions AS s
JOIN v1_traces AS t ON t.trace_id = j.trace_id
LEFT JOIN (SELECT trace_id, seq, text, event FROM v1_events WHERE trace_id IN (SELECT trace_id FROM suspected)) AS e
    ON e.trace_id = j.trace_id AND e.seq = s.2
GROUP BY session, participant, rule, seq, words
ORDER BY session, seq
