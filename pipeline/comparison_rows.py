"""Reads what is compared of two runs. The engine counts; what comes back does not grow with the number of traces.

Of a run, the judgement of a trace's revision furthest in the log counts; of a trace, the latest revision that both runs
judged.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from pipeline.agreement import Unit
from pipeline.clickhouse import ClickHouse
from pipeline.comparison import (
    Comparison,
    Example,
    Move,
    Overlap,
    Side,
    furthest,
    measured_criterion,
    measured_overall,
)
from pipeline.resampling import RESAMPLES

SHOWN_IDS = 100
_OF_RUN = "FROM judgements FINAL WHERE run_id = {%s:String} AND ({project:String} = '' OR project = {project:String})"
_LAST = "ORDER BY trace_id, revision DESC, source_offset DESC LIMIT 1 BY trace_id"
_SIDE = f"""
SELECT count() AS traces, countIf(outcome = 'scored') AS scored,
    sumMap(map(reason, 1)) AS reasons, arraySort(groupUniqArray((rubric_id, rubric_version, rubric_digest))) AS rubrics,
    arraySort(groupUniqArray((judge, model))) AS judges, sum(j.prompt_tokens) AS prompt_tokens,
    sum(j.completion_tokens) AS completion_tokens, sum(j.calls) AS calls, sum(j.duration_us) AS duration_us,
    sum(j.cost_nano_usd) AS cost_nano_usd, countIf(isNull(j.cost_nano_usd)) AS cost_unknown,
    countIf(cached_from != '') AS cached
FROM (
    SELECT outcome, if(outcome = 'scored', '', reason) AS reason, rubric_id, rubric_version, rubric_digest, judge,
        model, prompt_tokens, completion_tokens, calls, duration_us, cost_nano_usd, cached_from
    {_OF_RUN % "run"} {_LAST}
) AS j"""
_ONLY = f"""
SELECT trace_id, count() OVER () AS total
FROM (SELECT DISTINCT trace_id {_OF_RUN % "run"})
WHERE trace_id NOT IN (SELECT trace_id {_OF_RUN % "other"})
ORDER BY trace_id LIMIT {SHOWN_IDS}"""
_BOTH = f"SELECT uniqExact(trace_id) AS n {_OF_RUN % 'a'} AND trace_id IN (SELECT trace_id {_OF_RUN % 'b'})"
_OVERALL = """
SELECT if(a.outcome = 'scored', 'scored', a.reason) AS outcome_a, if(b.outcome = 'scored', 'scored', b.reason) AS
    outcome_b, a.overall_milli AS overall_a, b.overall_milli AS overall_b, count() AS n
FROM (@paired)
GROUP BY ALL ORDER BY ALL"""
_GRADES = """
SELECT arrayJoin(arrayDistinct(arrayConcat(a.criteria, b.criteria))) AS criterion,
    a.given[indexOf(a.criteria, criterion)] AS grade_a, b.given[indexOf(b.criteria, criterion)] AS grade_b"""
_CRITERIA = (
    f"SELECT criterion, grade_a, grade_b, count() AS n FROM ({_GRADES} FROM (@paired)) GROUP BY ALL ORDER BY ALL"
)
_MOVED = """
SELECT trace_id, a.overall_milli AS overall_a, b.overall_milli AS overall_b
FROM (@paired)
WHERE (assumeNotNull(overall_a), assumeNotNull(overall_b)) IN {pairs:Array(Tuple(UInt16, UInt16))}
    AND isNotNull(overall_a) AND isNotNull(overall_b)
ORDER BY trace_id LIMIT {most:UInt32} BY overall_a, overall_b"""
_APART = f"""
SELECT criterion, trace_id, revision, grade_a, grade_b
FROM ({_GRADES}, trace_id, revision FROM (@paired))
WHERE grade_a != grade_b
ORDER BY abs(toInt16(grade_a) - toInt16(grade_b)) DESC, trace_id
LIMIT {{most:UInt32}} BY criterion"""
_WORDS = """
SELECT run_id, trace_id, revision, grades.criterion AS criterion, grades.rationale AS rationale,
    grades.cited_seqs AS cited
FROM judgements FINAL ARRAY JOIN grades
WHERE run_id IN {runs:Array(String)} AND (trace_id, revision, criterion) IN
    {wanted:Array(Tuple(String, UInt32, String))}
ORDER BY source_offset"""
_TASKS = "SELECT trace_id, task_title FROM traces FINAL WHERE trace_id IN {ids:Array(String)} ORDER BY revision"


class NoSuchRun(LookupError):
    """Nothing was judged in this run; the text names the runs that there are."""


class Runs:
    """Two runs, read with an account that sees the private tables. Every method raises QueryFailed, Retryable."""

    def __init__(self, clickhouse: ClickHouse, a: str, b: str, project: str = "") -> None:
        self._clickhouse, self._a, self._b, self._project = clickhouse, a, b, project

    def compared(self, seed: int = 0, resamples: int = RESAMPLES, most: int = 10) -> Comparison:
        """The comparison, with the `most` furthest moves and so many disagreements a criterion. Raises NoSuchRun."""
        sides = self._side(self._a), self._side(self._b)
        rows = self._rows(_paired(_OVERALL, "outcome", "reason", "overall_milli"))
        overall = Counter[tuple[int, int]]()
        outcomes = Counter[tuple[str, str]]()
        for row in rows:
            outcomes[row["outcome_a"], row["outcome_b"]] += row["n"]
            if row["overall_a"] is not None and row["overall_b"] is not None:
                overall[row["overall_a"], row["overall_b"]] += row["n"]
        return Comparison(
            a=sides[0],
            b=sides[1],
            project=self._project,
            overlap=self._overlap(outcomes.total()),
            overall=measured_overall(overall),
            criteria=tuple(
                measured_criterion(name, grades, seed, resamples) for name, grades in self._criteria().items()
            ),
            outcomes=outcomes,
            moves=self._moves(overall, most),
            examples=self._examples(most),
        )

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        runs = {"a": self._a, "b": self._b, "project": self._project}
        return self._clickhouse.rows(sql, {**runs, **parameters})

    def _side(self, run: str) -> Side:
        (row,) = self._rows(_SIDE, run=run)
        if not row["traces"]:
            known = [one["run_id"] for one in self._rows("SELECT DISTINCT run_id FROM judgements ORDER BY run_id")]
            raise NoSuchRun(f"nothing was judged in run {run}; there is: {', '.join(known) or 'no run at all'}")
        unscored = {name: n for name, n in sorted(row.pop("reasons").items()) if name}
        if (rest := row["traces"] - row["scored"] - sum(unscored.values())) > 0:
            unscored["unknown"] = rest
        rubrics = tuple(f"{name} {version} {digest}" for name, version, digest in row.pop("rubrics"))
        judges = tuple(f"{judge} {model}".strip() for judge, model in row.pop("judges"))
        return Side(run_id=run, unscored=unscored, rubrics=rubrics, judges=judges, **row)

    def _overlap(self, compared: int) -> Overlap:
        (both,) = self._rows(_BOTH)
        only_a = self._rows(_ONLY, run=self._a, other=self._b)
        only_b = self._rows(_ONLY, run=self._b, other=self._a)
        return Overlap(
            compared=compared,
            other_revision=both["n"] - compared,
            only_a=only_a[0]["total"] if only_a else 0,
            only_b=only_b[0]["total"] if only_b else 0,
            ids_only_a=tuple(row["trace_id"] for row in only_a),
            ids_only_b=tuple(row["trace_id"] for row in only_b),
        )

    def _criteria(self) -> dict[str, Counter[Unit]]:
        found: dict[str, Counter[Unit]] = defaultdict(Counter)
        for row in self._rows(_graded(_CRITERIA)):
            found[row["criterion"]][row["grade_a"], row["grade_b"]] += row["n"]
        return found

    def _moves(self, overall: Counter[tuple[int, int]], most: int) -> tuple[Move, ...]:
        ranked = furthest(overall, most)
        if not ranked:
            return ()
        rows = self._rows(_paired(_MOVED, "overall_milli"), pairs=list(ranked), most=most)
        tasks = self._tasks(rows)
        moves = []
        for row in rows:
            here, there = ranked[row["overall_a"], row["overall_b"]]
            moves.append(Move(task=tasks[row["trace_id"]], rank_a=here, rank_b=there, **row))
        return tuple(sorted(moves, key=lambda move: (-abs(move.rank_a - move.rank_b), move.trace_id))[:most])

    def _examples(self, most: int) -> tuple[Example, ...]:
        rows = self._rows(_graded(_APART), most=most)
        if not rows:
            return ()
        wanted = [(row["trace_id"], row["revision"], row["criterion"]) for row in rows]
        words = {
            (said["run_id"], said["trace_id"], said["revision"], said["criterion"]): said
            for said in self._rows(_WORDS, runs=[self._a, self._b], wanted=wanted)
        }
        tasks = self._tasks(rows)
        examples = []
        for row, key in zip(rows, wanted, strict=True):
            here, there = words[self._a, *key], words[self._b, *key]
            examples.append(
                Example(
                    task=tasks[row["trace_id"]],
                    rationale_a=here["rationale"],
                    rationale_b=there["rationale"],
                    cited_a=tuple(here["cited"]),
                    cited_b=tuple(there["cited"]),
                    **row,
                )
            )
        return tuple(sorted(examples, key=lambda example: example.criterion))

    def _tasks(self, rows: list[dict[str, Any]]) -> defaultdict[str, str]:
        ids = sorted({row["trace_id"] for row in rows})
        return defaultdict(str, {row["trace_id"]: row["task_title"] for row in self._rows(_TASKS, ids=ids)})


def _paired(sql: str, *columns: str) -> str:
    """The query over the revisions that both runs judged; `columns` are read of both, as a.<name> and b.<name>."""
    read = ", ".join(columns)
    sides = [
        f"(SELECT trace_id, revision, {read} {_OF_RUN % side}"
        f" ORDER BY trace_id, revision, source_offset DESC LIMIT 1 BY trace_id, revision) AS {side}"
        for side in "ab"
    ]
    both = ", ".join(f"{side}.{name} AS `{side}.{name}`" for side in "ab" for name in map(_name, columns))
    paired = (
        f"SELECT trace_id, revision, {both} FROM {sides[0]} INNER JOIN {sides[1]} USING (trace_id, revision)"
        " ORDER BY trace_id, revision DESC LIMIT 1 BY trace_id"
    )
    return sql.replace("@paired", paired, 1)


def _name(column: str) -> str:
    return column.rpartition(" AS ")[2]


def _graded(sql: str) -> str:
    return _paired(sql, "grades.criterion AS criteria", "grades.grade AS given")
