-- What do I know of a project or a criterion without a join?
-- `dictGet` asks the dictionaries of the views `v1_projects` and `v1_rubric_weights`, which are always up to date.
SELECT s.project AS project, dictGet('v1_dict_projects', 'traces', toString(s.project)) AS of_traces,
       s.criterion AS criterion,
       dictGet('v1_dict_rubric_weights', 'weight', (toString(s.rubric_digest), toString(s.criterion))) AS weight,
       count() AS graded, round(avg(s.grade), 2) AS mean_grade
FROM v1_scores AS s
WHERE s.current AND s.criterion != ''
GROUP BY project, criterion, s.rubric_digest
ORDER BY project, weight DESC, criterion
