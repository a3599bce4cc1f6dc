#!/usr/bin/env bash
# The whole pipeline in a minute: starts it, submits three told and two real sessions, shows their results, stops it.
# Leaves nothing running. It has a home of its own, made anew each time, so that it never touches another stack.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PR_TELEMETRY_HOME=.pr-telemetry/demo GATEWAY_URL="http://127.0.0.1:${GATEWAY_PORT:-8080}"

pr-telemetry down >/dev/null # what an interrupted run may have left
rm -rf "$PR_TELEMETRY_HOME"
trap 'pr-telemetry down' EXIT
pr-telemetry up

echo; echo "== Five sessions go in over HTTP"
traces=()
for script in submit_example submit_complex_example submit_failed_example; do
    id=$(python "examples/$script.py" 2>"$PR_TELEMETRY_HOME/submit.log") || { cat "$PR_TELEMETRY_HOME/submit.log" >&2; exit 1; }
    echo "$id  $script.py"
    traces+=("$id")
done
imported=$(pr-telemetry import examples/real/*.traj.json.gz)
echo "$imported"
while read -r id _; do traces+=("$id"); done <<<"$imported"

echo; echo "== What came of them"
pr-telemetry results --wait 300 "${traces[@]}"

echo; echo "== Which sessions did sound work, and did it pay off?"
pr-telemetry sql "
SELECT t.task_id AS session, v.verdict AS verdict, v.level AS level, s.overall AS score, round(t.active_s, 1) AS active_s
FROM v1_traces AS t
JOIN v1_validations AS v ON v.trace_id = t.trace_id AND v.latest
JOIN v1_judgements AS s ON s.trace_id = t.trace_id AND s.current
ORDER BY score DESC NULLS LAST"

echo; echo "== Where do sessions lose points?"
pr-telemetry sql "
SELECT criterion, round(avg(grade), 2) AS mean_grade, min(grade) AS lowest, count() AS sessions
FROM v1_current_scores
WHERE grade IS NOT NULL
GROUP BY criterion
ORDER BY mean_grade"

echo; echo "== What are sessions made of?"
pr-telemetry sql "
SELECT task_id AS session, rationale_notes AS notes, cmd_runs AS commands, num_file_edits AS edits, test_runs,
       failures_before_first_green AS failures_before_green, round(duration_s, 1) AS seconds
FROM v1_traces
ORDER BY seconds"

echo; echo "Follow one of them (make down stops it again):"
ports=$(env | grep -E '^(GATEWAY|KAFKA|CLICKHOUSE)_PORT=' | sed 's/^/ /' | tr -d '\n' || true)
echo "  export PR_TELEMETRY_HOME=$PR_TELEMETRY_HOME$ports; make up; .venv/bin/pr-telemetry view ${traces[0]}"
