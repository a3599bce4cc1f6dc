-- What do people write down while they work?
-- Parts of the notes, and how many words each has on average.
SELECT part, count() AS notes, uniqExact(trace_id) AS sessions, round(avg(words), 1) AS words
FROM
(
    SELECT trace_id, arrayJoin(parts) AS part,
           length(splitByWhitespace(multiIf(part = 'plan', plan, part = 'hypothesis', hypothesis,
               part = 'observation', observation, part = 'decision', decision, part = 'next_step', next_step, text))) AS words
    FROM v1_rationale
)
GROUP BY part
ORDER BY notes DESC, part
