-- Which secrets do sessions contain?
-- Redacted before anything was stored; the rule that found them is told, never the secret (docs/redaction.md).
SELECT project, rule, sum(found) AS secrets, count() AS sessions
FROM v1_traces
ARRAY JOIN mapKeys(redactions) AS rule, mapValues(redactions) AS found
GROUP BY project, rule
ORDER BY secrets DESC, rule
