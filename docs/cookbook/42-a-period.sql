-- How did a period go, project by project?
-- `until` is the day after the last. `fixed_share` is of those that have a verdict at all.
-- param since=2026-03-02
-- param until=2026-03-09
SELECT project, received, finished, fixed, round(fixed_share, 2) AS fixed_share, round(mean_overall, 2) AS mean_overall,
       round(median_active_s / 60, 1) AS median_active_min, participants
FROM v1_period(since = {since:Date}, until = {until:Date})
ORDER BY project
