-- How far do people and judge agree?
-- Over sessions that a person labelled by the same rubric. `bias` above 0: the judge is more generous. `within_1` is the
-- share of grades at most one apart. `pr-telemetry label calibration` adds intervals.
SELECT criterion,
       count() AS grades,
       countIf(difference = 0) AS same,
       round(countIf(abs(difference) <= 1) / count(), 2) AS within_1,
       round(avg(difference), 2) AS bias
FROM v1_calibration
WHERE run_id = 'live'
GROUP BY criterion
ORDER BY abs(bias) DESC, criterion
