-- Do people agree with one another?
-- Pairs of labels of one revision by the same rubric. A judge cannot be asked to agree with people more than they do.
SELECT a.criterion AS criterion,
       count() AS pairs,
       countIf(a.grade = b.grade) AS same,
       round(avg(abs(toInt16(a.grade) - toInt16(b.grade))), 2) AS mean_distance
FROM v1_labels AS a
JOIN v1_labels AS b
    ON b.trace_id = a.trace_id AND b.revision = a.revision AND b.rubric_digest = a.rubric_digest AND b.criterion = a.criterion
WHERE a.labeller < b.labeller AND a.grade IS NOT NULL AND b.grade IS NOT NULL
GROUP BY criterion
ORDER BY mean_distance DESC, criterion
