-- Is everything in the transparency log, and under a checkpoint?
-- `unlogged` and `uncovered` are normal for the newest sessions, for a minute or so; more than one form of a revision is
-- a fork. `pr-telemetry verify` proves what this only tells.
SELECT project, count() AS revisions, countIf(NOT logged) AS unlogged, countIf(checkpoint_size IS NULL) AS uncovered,
       countIf(forms > 1) AS forked, sum(verdicts_logged) AS verdicts, sum(scores_logged) AS scores,
       max(dateDiff('second', closed_at, logged_at)) AS slowest_s
FROM v1_integrity
GROUP BY project
ORDER BY project
