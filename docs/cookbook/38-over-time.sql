-- How do numbers, fixes and scores move over time?
-- By day; toStartOfWeek or toStartOfMonth for longer spans.
SELECT toDate(created_at) AS day,
       count() AS sessions,
       uniqExact(participant_id) AS participants,
       countIf(verdict = 'fixed') AS fixed,
       round(avg(overall), 2) AS mean_overall
FROM v1_process_outcome
GROUP BY day
ORDER BY day
