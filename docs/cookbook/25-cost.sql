-- What does judging cost, by project and run?
-- US dollars. `unpriced` judgements are those of which no price is known: the sum is without them; the heuristic asks no
-- model and is left out.
SELECT project,
       run_id,
       count() AS judgements,
       sum(j.calls) AS calls,
       sum(prompt_tokens) AS read,
       sum(completion_tokens) AS written,
       round(sum(cost_usd), 4) AS usd,
       round(sum(cost_usd) / countIf(cost_usd IS NOT NULL), 6) AS usd_each,
       countIf(cost_usd IS NULL) AS unpriced
FROM v1_judgements AS j
WHERE j.calls > 0
GROUP BY project, run_id
ORDER BY usd DESC, project
