-- Which records were refused by a consumer, and is it dealt with?
-- `open` ones wait for an operator (docs/operations.md); a session behind one may lack its verdict or score.
SELECT consumer_group, reason, state, count() AS letters, min(refused_at) AS first, any(decided_by) AS decided_by
FROM v1_dead_letters
GROUP BY consumer_group, reason, state
ORDER BY state, first
