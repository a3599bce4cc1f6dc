-- How far are runs of scores, and what did each come to?
-- `live` and the labels of people are runs as well. `suspicious` and `cut` say of how many judgements to think twice.
SELECT run_id, kind, state, judgements, unscored, round(mean_overall, 2) AS mean_overall, round(cost_usd, 4) AS usd, cut, suspicious
FROM v1_runs
ORDER BY kind, run_id
