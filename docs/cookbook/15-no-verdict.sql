-- Why do sessions get no verdict?
-- `unverifiable`, `timeout` and `infra_failure` say nothing of the work; each reason is explained in docs/verdicts.md.
SELECT verdict, reason, count() AS sessions, arraySort(groupUniqArray(project)) AS projects
FROM v1_validations
WHERE current AND verdict IN ('unverifiable', 'timeout', 'infra_failure')
GROUP BY verdict, reason
ORDER BY sessions DESC, reason
