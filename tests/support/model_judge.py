"""Judges that ask a scripted endpoint through the real `openai` client, and cases for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from judge.budget import Budget
from judge.configured import JudgeConfig, judge_of
from judge.features import features
from judge.judging import Case, Judge
from pipeline.objectstore import ObjectStore
from tests.support.judging import RUBRIC, careful_session
from tests.support.openai_server import OpenAIServer, Scripted, answer
from tests.support.traces import trace_id

IDS = [criterion.id for criterion in RUBRIC.criteria]
GOOD = Scripted(answer(IDS))
KEY = "key-of-the-tests"
MODEL = "gpt-4o-mini"


def of_endpoint(endpoint: OpenAIServer, **fields: Any) -> JudgeConfig:
    """A model there, with a deadline of a second."""
    return JudgeConfig(kind="openai", **{"model": MODEL, "base_url": endpoint.base_url, "timeout_s": 1, **fields})


@asynccontextmanager
async def judging(config: JudgeConfig, store: ObjectStore, budget: Budget | None = None) -> AsyncIterator[Judge]:
    """The judge of this config, closed at the end."""
    judge = judge_of(config, RUBRIC, store, api_key=KEY, budget=budget)
    try:
        yield judge
    finally:
        await judge.close()


def case(number: int = 1, doc: Mapping[str, Any] | None = None, project: str = "default") -> Case:
    """A case of a careful session, or of another document."""
    read = doc or careful_session()
    return Case(trace_id(number), "sha256:head", project, {**read, "trace_id": trace_id(number)}, features(read))
