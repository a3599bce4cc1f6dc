-- Who erased what, and why?
-- All that is left of an erased session: no other view knows it any more.
SELECT erased_at, project, actor, reason, splitByChar('/', subject)[1] AS asked_for, length(heads) AS revisions
FROM v1_erasures
ORDER BY erased_at
