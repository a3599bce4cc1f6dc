"""What is known of a run beside `control`: how far its process is, and what analysts see of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from typing import Any

from pipeline.agreement import Units, alpha, compared
from pipeline.clickhouse import ClickHouse, QueryFailed
from pipeline.errors import Explained, Retryable
from pipeline.objectstore import ObjectMissing
from pipeline.runs import checkpoint_ref
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, ObjectStoreSettings, load

_SCORES = """SELECT count() AS results, countIf(outcome = 'scored') AS scored, round(avg(overall), 3) AS mean_overall,
    countIf(current) AS current FROM v1_judgements WHERE run_id = {run:String}"""
_VOTES = """SELECT vote, count() AS times FROM
    (SELECT arrayJoin(mapValues(votes)) AS vote FROM v1_judgements WHERE run_id = {run:String})
    WHERE length(vote) > 1 GROUP BY vote"""


def work_of(run_id: str) -> dict[str, Any]:
    """What the last checkpoint says; nothing where there is none, or no object store."""
    try:
        content = json.loads(asyncio.run(open_store(load(ObjectStoreSettings)).get(checkpoint_ref(run_id))))
    except (ObjectMissing, Retryable, Explained):
        return {}
    tally = content["tally"]
    cost = None if tally["unpriced"] else tally["cost_nano_usd"] / 1e9
    counts = ("unscored", "cached", "gone", "unreadable", "calls", "prompt_tokens", "completion_tokens")
    return {
        "dealt_with": content["position"],
        "scored": tally["scored"],
        **{name: tally[name] for name in counts},
        "cost_usd": cost,
    }


def scores_of(run_id: str) -> dict[str, Any]:
    """What the views have of it, read as the analyst; nothing where ClickHouse is away."""
    with closing(ClickHouse(load(ClickHouseSettings), analyst=True)) as clickhouse:
        try:
            (row,) = clickhouse.rows(_SCORES, {"run": run_id})
            votes = {tuple(each["vote"]): each["times"] for each in clickhouse.rows(_VOTES, {"run": run_id})}
        except (QueryFailed, Retryable):
            return {}
    mean = row["mean_overall"] if row["scored"] else None
    return {**row, "mean_overall": mean, **({"agreement": _agreement(votes)} if votes else {})}


def _agreement(votes: Units) -> dict[str, Any]:
    """Of the jurors, over all criteria: Krippendorff's alpha (ordinal), None where it is not defined; grades with two
    votes or more."""
    measured = alpha(votes)
    return {"alpha": None if measured is None else round(measured, 3), "grades": compared(votes)}
