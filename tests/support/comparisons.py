"""Comparisons of two runs, made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.agreement import Unit
from pipeline.comparison import (
    Comparison,
    Example,
    Move,
    Overlap,
    Side,
    measured_criterion,
    measured_overall,
)
from pipeline.ranks import Scores

GRADES: Mapping[Unit, int] = {(5, 4): 8, (4, 4): 6, (3, 0): 3, (2, 3): 4, (1, 1): 5, (5, None): 1}
SCORES: Scores = {(4200, 3900): 3, (3000, 3100): 9, (2500, 1200): 2, (900, 2100): 1}


def side(run_id: str, **changes: Any) -> Side:
    """One run."""
    fields: dict[str, Any] = {
        "run_id": run_id,
        "traces": 27,
        "scored": 26,
        "unscored": {"invalid_json": 1},
        "rubrics": (f"bug-fix-process 1.0 sha256:{'ab' * 32}",),
        "judges": ("openai some-model",),
        "prompt_tokens": 1_000_000,
        "completion_tokens": 20_000,
        "calls": 30,
        "duration_us": 42_000_000,
        "cost_nano_usd": 162_000_000,
        "cost_unknown": 0,
        "cached": 3,
    }
    return Side(**fields | changes)


def comparison(words: str = "The note names the function.", **changes: Any) -> Comparison:
    """A comparison in which every text that comes from outside is `words`."""
    fields: dict[str, Any] = {
        "a": side("live"),
        "b": side(
            "run-2",
            cost_nano_usd=None,
            cost_unknown=27,
            rubrics=(f"{words} 1.1 sha256:{'cd' * 32}",),
            unscored={words: 1},
        ),
        "project": "",
        "overlap": Overlap(
            compared=27, other_revision=1, only_a=2, only_b=0, ids_only_a=("trace-1", "trace-2"), ids_only_b=()
        ),
        "overall": measured_overall(SCORES),
        "criteria": tuple(measured_criterion(name, GRADES, 1, 50) for name in ("causal_linking", words)),
        "outcomes": {("scored", "scored"): 15, ("scored", words): 1},
        "moves": (Move(trace_id=words, task=words, overall_a=4200, overall_b=900, rank_a=1.5, rank_b=14.0),),
        "examples": (
            Example(
                criterion="causal_linking",
                trace_id="trace-7",
                revision=1,
                task=words,
                grade_a=3,
                grade_b=0,
                rationale_a=words,
                rationale_b=words,
                cited_a=(1, 4),
                cited_b=(),
            ),
        ),
    }
    return Comparison(**fields | changes)
