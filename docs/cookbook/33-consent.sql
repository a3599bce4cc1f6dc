-- What may the sessions be used for?
-- Consent by project, and how many sessions were withdrawn (erased) since. Only `training` ones may leave as training data.
SELECT project, consent, sum(sessions) AS sessions, sum(events) AS events
FROM
(
    SELECT project, consent, 1 AS sessions, event_count AS events FROM v1_traces
    UNION ALL
    SELECT project, 'withdrawn', 1, 0 FROM v1_erasures
)
GROUP BY project, consent
ORDER BY project, consent
