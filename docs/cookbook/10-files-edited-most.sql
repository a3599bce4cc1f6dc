-- Which files are edited most?
-- Many edits in many sessions point at code that is hard to get right.
-- param least=2
SELECT t.repo_origin AS repository,
       e.file_path AS file,
       count() AS edits,
       uniqExact(e.trace_id) AS sessions,
       uniqExact(t.participant_id) AS participants
FROM v1_events AS e
JOIN v1_traces AS t ON t.trace_id = e.trace_id
WHERE e.type = 'file_edit'
GROUP BY repository, file
HAVING edits >= {least:UInt32}
ORDER BY edits DESC, repository, file
