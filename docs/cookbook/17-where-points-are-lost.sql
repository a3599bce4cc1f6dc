-- Where do sessions lose points?
-- By the scores that count: those of the promoted run of a project, else the live ones.
SELECT criterion,
       round(avg(grade), 2) AS mean_grade,
       min(grade) AS lowest,
       countIf(grade <= 2) AS at_most_2,
       countIf(grade IS NULL) AS not_graded
FROM v1_current_scores
WHERE criterion != ''
GROUP BY criterion
ORDER BY mean_grade, criterion
