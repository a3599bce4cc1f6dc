-- Which rubrics are in use, and what do they weigh?
-- Weights of every rubric that anything was judged by, old versions too.
SELECT rubric, rubric_version, substring(rubric_digest, 1, 15) AS digest,
       arrayStringConcat(arrayMap(pair -> concat(pair.1, ' ', toString(pair.2)),
           arraySort(pair -> (-pair.2, pair.1), groupArray((criterion, weight)))), ', ') AS weights
FROM v1_rubric_weights
GROUP BY rubric, rubric_version, rubric_digest
ORDER BY rubric, rubric_version
