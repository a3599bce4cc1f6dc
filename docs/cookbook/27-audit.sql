-- Who did what, and who was refused?
-- Privileged actions since a day, the latest first. Refusals begin with `denied`.
-- param since=2026-03-01
SELECT at, project, actor, action, subject, detail
FROM v1_audit
WHERE at >= {since:Date}
ORDER BY at DESC, action
