"""What labelling reads of the tables: sessions to be graded, what was labelled, and the judge's grades beside it.

Nothing here reads a judge's grade or a verdict for those who are still to grade. Every method raises QueryFailed and
Retryable.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipeline.agreement import Unit
from pipeline.canonical import loads
from pipeline.clickhouse import ClickHouse
from pipeline.label_facts import lines_of
from pipeline.label_sheets import Session
from pipeline.labels import Subject

AT_ONCE = 50
FACTS = (
    "task_id",
    "task_description",
    "repo_origin",
    "start_commit",
    "environment",
    "outcome",
    "event_count",
    "duration_s",
    "files_touched",
    "lines_added",
    "lines_removed",
)
_TOLD = f"""
SELECT trace_id, revision, task_title, {", ".join(FACTS)} FROM v1_traces
WHERE trace_id IN {{ids:Array(String)}} ORDER BY trace_id"""
_EVENTS = "SELECT trace_id, event FROM v1_events WHERE trace_id IN {ids:Array(String)} ORDER BY trace_id, chain_index"
_SUBJECTS = """
SELECT t.trace_id AS trace_id, t.revision AS revision, t.project AS project, t.head AS head, e.seqs AS seqs
FROM (SELECT trace_id, revision, project, head FROM traces FINAL WHERE trace_id IN {ids:Array(String)}) AS t
LEFT JOIN
(
    SELECT trace_id, revision, groupUniqArray(seq) AS seqs FROM events FINAL
    WHERE trace_id IN {ids:Array(String)} GROUP BY trace_id, revision
) AS e ON e.trace_id = t.trace_id AND e.revision = t.revision"""
_LABELLED = """
SELECT DISTINCT trace_id, revision FROM v1_labels
WHERE labeller = {labeller:String} AND rubric_digest = {digest:String}"""
_LABELS = """
SELECT labeller, rubric, rubric_version, rubric_digest, uniqExact(trace_id) AS traces,
    countIf(isNotNull(grade)) AS grades, countIf(isNull(grade)) AS skipped,
    min(labelled_at) AS first_at, max(labelled_at) AS last_at
FROM v1_labels WHERE {project:String} = '' OR project = {project:String}
GROUP BY ALL ORDER BY labeller, first_at"""
_BY_PEOPLE = """
SELECT trace_id, revision, rubric, rubric_version, rubric_digest, criterion, labeller, grade FROM v1_labels
WHERE isNotNull(grade) AND ({project:String} = '' OR project = {project:String})
ORDER BY labelled_at DESC LIMIT 1 BY trace_id, revision, rubric_digest, criterion, labeller"""
_BY_JUDGE = """
SELECT trace_id, revision, rubric_digest, criterion, grade FROM v1_scores
WHERE run_id = {run:String} AND isNotNull(grade) AND (trace_id, revision) IN (SELECT trace_id, revision FROM v1_labels)
ORDER BY started_at DESC LIMIT 1 BY trace_id, revision, rubric_digest, criterion"""

RubricCriterion = tuple[str, str]
"""A rubric's name and version, and a criterion's id."""


class Sessions:
    """Traces that are to be graded, as whoever may read the public views sees them."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    def told(self, ids: Sequence[str]) -> Iterator[Session]:
        """The latest revision of each trace as facts and lines; read a few at a time."""
        for first in range(0, len(ids), AT_ONCE):
            some = ids[first : first + AT_ONCE]
            events = self._events(some)
            for row in self._clickhouse.rows(_TOLD, {"ids": some}):
                facts = {name: row[name] for name in FACTS if row[name]}
                lines = lines_of(events[row["trace_id"]])
                yield Session(row["trace_id"], row["revision"], row["task_title"], facts, lines)

    def events(self, trace_id: str) -> list[dict[str, Any]]:
        """The stored events of a trace's latest revision, in order."""
        return self._events([trace_id])[trace_id]

    def _events(self, ids: Sequence[str]) -> defaultdict[str, list[dict[str, Any]]]:
        found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._clickhouse.rows(_EVENTS, {"ids": list(ids)}):
            found[row["trace_id"]].append(loads(row["event"]))
        return found


class Labels:
    """What was labelled."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    def labelled(self, labeller: str, rubric_digest: str) -> set[tuple[str, int]]:
        """The revisions that somebody has labelled by a rubric."""
        rows = self._clickhouse.rows(_LABELLED, {"labeller": labeller, "digest": rubric_digest})
        return {(row["trace_id"], row["revision"]) for row in rows}

    def summary(self, project: str) -> list[dict[str, Any]]:
        """A row for each labeller and rubric: traces, grades, skipped, first_at, last_at."""
        return self._clickhouse.rows(_LABELS, {"project": project})

    def beside(self, run: str, project: str) -> tuple[list[str], dict[RubricCriterion, Counter[Unit]]]:
        """The labellers, and for each criterion of each rubric the units (the run's grade, then each labeller's)."""
        people = self._clickhouse.rows(_BY_PEOPLE, {"project": project})
        judged = {_place(row): row["grade"] for row in self._clickhouse.rows(_BY_JUDGE, {"run": run})}
        names = sorted({row["labeller"] for row in people})
        grades: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
        rubrics: dict[str, str] = {}
        for row in people:
            grades[_place(row)][row["labeller"]] = row["grade"]
            rubrics[row["rubric_digest"]] = f"{row['rubric']} {row['rubric_version']}"
        units: dict[RubricCriterion, Counter[Unit]] = defaultdict(Counter)
        for place, by_labeller in sorted(grades.items()):
            *_, digest, criterion = place
            unit = judged.get(place), *(by_labeller.get(name) for name in names)
            units[rubrics[digest], criterion][unit] += 1
        return names, units


def subjects_of(clickhouse: ClickHouse, ids: Iterable[str]) -> dict[str, dict[int, Subject]]:
    """Every revision of these traces, by trace and number; needs an account that sees the private tables."""
    found: dict[str, dict[int, Subject]] = defaultdict(dict)
    for row in clickhouse.rows(_SUBJECTS, {"ids": sorted(set(ids))}):
        subject = Subject(row["trace_id"], row["revision"], row["project"], row["head"], frozenset(row["seqs"]))
        found[subject.trace_id][subject.revision] = subject
    return found


def _place(row: dict[str, Any]) -> tuple[str, ...]:
    return row["trace_id"], str(row["revision"]), row["rubric_digest"], row["criterion"]
