"""What a run would take: tokens, money and time, from a sample of its traces. No model is called.

Tokens are estimated from the prompts that would be sent, rather too many than too few (judge/prompt.py); the length of
an answer is assumed (docs/judging.md). How long a model takes is asked of its earlier judgements.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from judge.configured import JudgeConfig
from judge.injection import Screened, screen
from judge.prompt import questions
from judge.rescore.places import Found
from judge.rescore.scoring import Grading, score_all, trace_in
from judge.rubric import Rubric
from pipeline.canonical import dumps
from pipeline.clickhouse import ClickHouse
from pipeline.document import open_document
from pipeline.errors import Erased, Invalid
from pipeline.objectstore import ObjectStore
from pipeline.segments import Entry
from pipeline.settings import ObjectStoreSettings

ANSWER_TOKENS_PER_CRITERION = 55
SAMPLE = 50
_DURATION = """SELECT quantileExact(0.5)(duration_us) AS duration_us, count() AS times FROM judgements
WHERE judge = {judge:String} AND model = {model:String} AND prompt_tokens > 0"""


def sampled(found: Found, seed: int) -> list[int]:
    """The places of the plan that are looked at: the same for the same seed."""
    return sorted(random.Random(seed).sample(range(len(found.plan)), min(SAMPLE, len(found.plan))))


@dataclass(frozen=True, slots=True)
class Estimate:
    """For all traces that have to be judged; None where nobody knows."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    seconds: float | None


class Estimator:
    """What traces cost with a judge of this config, `parallel` at once."""

    def __init__(
        self, config: JudgeConfig, rubric: Rubric, objects: ObjectStoreSettings, store: ObjectStore, parallel: int
    ) -> None:
        self._config, self._rubric, self._parallel = config, rubric, parallel
        self._objects, self._store = objects, store

    async def of(self, entries: Sequence[Entry], traces: int, clickhouse: ClickHouse) -> Estimate:
        """For so many traces like these. Raises QueryFailed, Retryable."""
        values = [entry.value for entry in entries if entry.value is not None and not entry.erased]
        models = _models(self._config)
        seconds = self._model_s(traces, clickhouse) if models else await self._heuristic_s(values, traces)
        mean = await self._prompt_tokens(models, values)
        asked = [math.ceil(traces * mean[config]) for config in models]
        answered = traces * ANSWER_TOKENS_PER_CRITERION * len(self._rubric.criteria)
        return Estimate(sum(asked), answered * len(models), _cost_usd(models, asked, answered), seconds)

    async def _prompt_tokens(
        self, models: Sequence[JudgeConfig], values: Sequence[bytes]
    ) -> Mapping[JudgeConfig, float]:
        """The mean of a trace by model; one that may not be shown takes none."""
        shown = [screened async for screened in self._screened(values)] if models else []
        tokens = {config: sum(map(self._tokens(config), _together(shown, config.traces_at_once))) for config in models}
        return {config: total / max(1, len(values)) for config, total in tokens.items()}

    async def _screened(self, values: Sequence[bytes]) -> AsyncIterator[Screened]:
        for value in values:
            try:
                document = await open_document(trace_in(value), self._store)
            except (Erased, Invalid):
                continue
            if document["events"]:
                yield screen(document)

    def _tokens(self, config: JudgeConfig) -> Callable[[Sequence[Screened]], int]:
        def of(traces: Sequence[Screened]) -> int:
            asked = questions(self._rubric, traces, config.mode, config.event_bytes)
            return sum(question.estimated_tokens for question in asked)

        return of

    async def _heuristic_s(self, values: Sequence[bytes], traces: int) -> float | None:
        if not values:
            return None
        grading = Grading(dumps(self._rubric.content()), self._objects, "estimate")
        await asyncio.to_thread(score_all, grading, values[:1])  # what is done once is no part of the rate
        began_s = time.perf_counter()
        await asyncio.to_thread(score_all, grading, values)
        return (time.perf_counter() - began_s) * traces / len(values) / self._parallel

    def _model_s(self, traces: int, clickhouse: ClickHouse) -> float | None:
        asked = {"judge": self._config.kind, "model": self._config.model or ""}
        (row,) = clickhouse.rows(_DURATION, asked)
        return row["duration_us"] / 1e6 * traces / self._parallel if row["times"] else None


def _together(traces: Sequence[Screened], most: int) -> Iterator[Sequence[Screened]]:
    for first in range(0, len(traces), most):
        yield traces[first : first + most]


def _models(config: JudgeConfig) -> list[JudgeConfig]:
    """Whom a trace is shown to, for money."""
    return [one for one in config.members or (config,) if one.kind == "openai"]


def _cost_usd(models: Sequence[JudgeConfig], asked: Sequence[int], answered: int) -> float | None:
    prices = [config.price for config in models]
    costs = [price.cost_nano(tokens, answered) for price, tokens in zip(prices, asked, strict=True) if price]
    return sum(costs) / 1e9 if len(costs) == len(models) else None


def told(estimate: Estimate) -> dict[str, Any]:
    """As people and scripts read it."""
    cost, seconds = estimate.cost_usd, estimate.seconds
    return {
        "prompt_tokens": estimate.prompt_tokens,
        "completion_tokens": estimate.completion_tokens,
        "cost_usd": None if cost is None else round(cost, 4),
        "seconds": None if seconds is None else round(seconds, 3),
    }
