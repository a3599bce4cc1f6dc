-- How does the transparency log grow?
-- Each checkpoint with the leaves that are new in it, by what they stand for. Keep the note of one somewhere else: it is
-- what a rewritten log is found out with.
SELECT c.tree_size AS tree_size, c.signed_at AS signed_at, countIf(l.kind = 'assembled') AS revisions,
       countIf(l.kind = 'validated') AS verdicts, countIf(l.kind = 'judged') AS scores,
       max(dateDiff('second', l.logged_at, l.checkpoint_at)) AS waited_s
FROM v1_checkpoints AS c
JOIN v1_leaves AS l ON assumeNotNull(l.checkpoint_size) = c.tree_size
GROUP BY tree_size, signed_at
ORDER BY tree_size
