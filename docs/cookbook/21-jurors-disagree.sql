-- Over which sessions does a panel of judges disagree?
-- The widest spreads first; votes are in the order of jurors, NULL where one abstained. Label these sessions by hand first.
SELECT t.task_id AS session, s.criterion AS criterion, s.jurors AS jurors, s.votes AS votes, s.spread AS spread
FROM v1_scores AS s
JOIN v1_traces AS t ON t.trace_id = s.trace_id
WHERE s.latest AND s.spread >= 1
ORDER BY spread DESC, session, criterion
LIMIT 8
