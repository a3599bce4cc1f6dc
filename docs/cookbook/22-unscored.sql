-- Why are judgements without a score?
-- Unscored is never 0; the reasons are explained in docs/judging.md.
SELECT run_id, judge, reason, count() AS judgements
FROM v1_judgements
WHERE outcome = 'unscored' AND latest
GROUP BY run_id, judge, reason
ORDER BY judgements DESC, run_id, reason
