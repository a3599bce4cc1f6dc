-- Which sessions have integrity findings?
-- `duplicate` is an honest retry. What speaks against intact (fork, hash_mismatch, ...) means that bytes were altered;
-- against complete (gap, truncated, ...), that something is missing: docs/findings.md.
SELECT kind,
       count() AS sessions,
       countIf(NOT intact) AS not_intact,
       countIf(NOT complete) AS not_complete,
       arraySort(groupUniqArray(participant_id)) AS participants,
       arraySort(groupUniqArray(task_id)) AS which
FROM v1_traces
ARRAY JOIN arrayDistinct(finding_kinds) AS kind
GROUP BY kind
ORDER BY not_intact DESC, not_complete DESC, kind
