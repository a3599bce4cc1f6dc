-- How far do two runs drift apart on the same sessions?
-- Each criterion over the sessions that both runs graded. A mean shift of one criterion alone is a change of the rubric's
-- words; of all of them, of the judge. `pr-telemetry run diff` says it with intervals and rank changes.
-- param before=live
-- param after=rubric-1.1-trial
SELECT a.criterion AS criterion,
       any(a.rubric_version) AS before,
       any(b.rubric_version) AS after,
       count() AS sessions,
       round(avg(b.grade - a.grade), 2) AS mean_shift,
       round(avg(abs(b.grade - a.grade)), 2) AS mean_distance,
       countIf(abs(b.grade - a.grade) >= 2) AS two_or_more
FROM v1_scores AS a
JOIN v1_scores AS b ON b.trace_id = a.trace_id AND b.revision = a.revision AND b.criterion = a.criterion
WHERE a.run_id = {before:String} AND b.run_id = {after:String} AND a.latest AND a.grade IS NOT NULL AND b.grade IS NOT NULL
GROUP BY criterion
ORDER BY mean_shift, criterion
