-- How many sessions come how far?
-- `received` counts every trace that was begun; each further column those of them that reached it. What is missing from
-- `assembled` is still open, the rest of the way takes seconds: a gap there that stays is a fault.
SELECT p.project AS project,
       count() AS received,
       countIf(p.completed_at IS NOT NULL) AS completed,
       countIf(p.expired_at IS NOT NULL) AS expired,
       countIf(t.stage != '') AS assembled,
       countIf(t.stage IN ('validated', 'done')) AS validated,
       countIf(t.stage IN ('judged', 'done')) AS judged
FROM v1_progress AS p
LEFT JOIN v1_traces AS t ON t.trace_id = p.trace_id
GROUP BY project
ORDER BY project
