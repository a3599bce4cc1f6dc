"""Earlier judgements of the same: taken into a run as results of its own, which say where they come from and cost
nothing.

The same is: the same revision by its head, the same rubric and the same judge by their digests, and a score. What is
unscored is asked again, since that may have been an outage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from judge.rescore.scoring import Made, made_of
from pipeline.clickhouse import ClickHouse
from pipeline.clock import Clock
from schemas.records import Grade, Quote, Suspicion, TraceAssembled, TraceJudged

_EARLIER = """SELECT * FROM judgements FINAL
WHERE trace_id IN ({ids}) AND rubric_digest = {{rubric:String}} AND judge_digest = {{judge:String}}
    AND outcome = 'scored' AND run_id != {{run:String}}
ORDER BY trace_id, revision, cached_from = '' DESC, run_id = 'live' DESC, started_at
LIMIT 1 BY trace_id, revision, head"""


@dataclass(frozen=True, slots=True)
class Cache:
    """What ClickHouse has of earlier judgements by this rubric and judge."""

    clickhouse: ClickHouse
    rubric_digest: str
    judge_digest: str
    run_id: str
    clock: Clock

    async def hits(self, traces: Sequence[TraceAssembled]) -> dict[str, Made]:
        """By trace, the result of those that were judged alike before. Raises QueryFailed, Retryable."""
        rows = await asyncio.to_thread(self._rows, traces) if traces else []
        by_trace = {(row["trace_id"], row["revision"], row["head"]): row for row in rows}
        found = {trace.trace_id: by_trace.get((trace.trace_id, trace.revision, trace.head)) for trace in traces}
        return {trace_id: made_of(self._taken(row)) for trace_id, row in found.items() if row}

    def _rows(self, traces: Sequence[TraceAssembled]) -> list[dict[str, Any]]:
        ids = ", ".join(f"'{trace.trace_id}'" for trace in traces)
        parameters = {"rubric": self.rubric_digest, "judge": self.judge_digest, "run": self.run_id}
        return self.clickhouse.rows(_EARLIER.format(ids=ids), parameters)

    def _taken(self, row: Mapping[str, Any]) -> TraceJudged:
        return TraceJudged(
            **{name: row[name] for name in ("trace_id", "project", "revision", "head", "outcome", "overall_milli")},
            **{name: row[name] for name in ("rubric_id", "rubric_version", "rubric_digest", "judge", "judge_digest")},
            grades=grades_in(row),
            model=row["model"] or None,
            run_id=self.run_id,
            prompt_tokens=0,
            completion_tokens=0,
            evidence_ref=row["evidence_ref"] or None,
            started_at_us=self.clock(),
            duration_us=0,
            cost_nano_usd=0,
            calls=0,
            left_out_characters=row["left_out_characters"],
            left_out_events=row["left_out_events"],
            suspicions=tuple(Suspicion(rule=rule, seq=seq) for rule, seq in map(_values, row["suspicions"])),
            jurors=tuple(row["jurors"]),
            cached_from=row["cached_from"] or row["run_id"],
        )


def grades_in(row: Mapping[str, Any]) -> tuple[Grade, ...]:
    """The grades of a row of `judgements`."""
    names = ("criterion", "grade", "weight", "rationale", "cited_seqs", "quotes", "votes", "spread")
    columns = [row[f"grades.{name}"] for name in names]
    return tuple(
        Grade(
            criterion=criterion,
            grade=grade,
            weight=weight,
            rationale=rationale,
            cited_seqs=tuple(cited),
            quotes=tuple(Quote(seq=seq, text=text) for seq, text in map(_values, quotes)),
            votes=tuple(votes),
            spread=spread,
        )
        for criterion, grade, weight, rationale, cited, quotes, votes, spread in zip(*columns, strict=True)
    )


def _values(pair: Any) -> tuple[Any, ...]:
    """A named tuple of ClickHouse, which its client gives as a dict."""
    return tuple(pair.values()) if isinstance(pair, dict) else tuple(pair)
