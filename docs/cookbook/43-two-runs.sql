-- Where do two runs disagree?
-- Grades of the same revision side by side; `pr-telemetry run diff` adds agreement and intervals. With another rubric a
-- criterion of the same name may mean something else.
-- param a=live
-- param b=rubric-1.1-trial
SELECT criterion, count() AS sessions, round(avg(grade_a), 2) AS mean_a, round(avg(grade_b), 2) AS mean_b,
       countIf(difference > 0) AS up, countIf(difference < 0) AS down, any(same_rubric) AS same_rubric
FROM v1_run_comparison(run_a = {a:String}, run_b = {b:String})
WHERE criterion != ''
GROUP BY criterion
ORDER BY abs(mean_b - mean_a) DESC, criterion
