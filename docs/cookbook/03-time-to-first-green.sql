-- How long until the tests are green for the first time?
-- Median and worst by project, in seconds from the first event. `never` are sessions without a passing test run: leave
-- them out of the mean, but not out of the report.
SELECT project,
       count() AS sessions,
       countIf(time_to_first_green_s IS NULL) AS never,
       round(quantileExact(0.5)(time_to_first_green_s), 1) AS median_s,
       round(max(time_to_first_green_s), 1) AS worst_s,
       round(avg(failures_before_first_green), 2) AS failures_before
FROM v1_traces
GROUP BY project
ORDER BY project
