-- Which events does the gateway refuse, and whose?
-- The rest of their chunk was taken. One reason from one editor or version is a bug of that client.
SELECT reason,
       replaceRegexpOne(pointer, '/\\d+/', '/*/') AS place,
       count() AS events,
       uniqExact(r.trace_id) AS sessions,
       arraySort(groupUniqArray(t.environment['editor'])) AS editors
FROM v1_rejects AS r
LEFT JOIN v1_traces AS t ON t.trace_id = r.trace_id
GROUP BY reason, place
ORDER BY events DESC, reason
