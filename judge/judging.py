"""What every judge is: takes a case, returns a judgement. A judgement says what it cost and where its evidence lies."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from judge.features import Features
from judge.rubric import Rubric
from pipeline.errors import Retryable
from schemas.records import Grade, Suspicion

LIVE = "live"
"""The run id of scores that are given as traces come in."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Case:
    """A finished trace with at least one event, as a judge gets it. `key` names the revision: `<trace_id>@<head>`."""

    trace_id: str
    head: str
    project: str
    document: Mapping[str, Any]
    features: Features

    @property
    def key(self) -> str:
        return f"{self.trace_id}@{self.head}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says about one trace, before caps: grades, or the reason why there are none.

    `cost_nano` is None where a call had no known price; `calls` are the requests that were sent for it.
    """

    grades: tuple[Grade, ...] = ()
    reason: str | None = None
    detail: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano: int | None = 0
    calls: int = 0
    evidence_ref: str | None = None
    left_out_characters: int = 0
    left_out_events: int = 0
    jurors: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()


class Judge(Protocol):
    """Grades traces by one rubric. `kind`, `model` and `digest` stand in every score."""

    kind: str
    model: str | None
    digest: str
    rubric: Rubric

    async def judge(self, case: Case, /) -> Judgement:
        """The judgement of a trace. Raises Retryable when the judge cannot work now, BudgetReached when it may not."""

    async def close(self) -> None:
        """Give connections back; the judge is not asked again."""


async def every(works: Iterable[Awaitable[Result]]) -> list[Result]:
    """The results of all of them, done at once. All come to an end before a failure is raised, so that nothing that was
    paid for is lost; what must stop the process goes before what may be tried again."""
    results = await asyncio.gather(*works, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:
        raise min(failures, key=lambda failure: isinstance(failure, Retryable))
    return [result for result in results if not isinstance(result, BaseException)]


def spent(judgements: Iterable[Judgement]) -> Judgement:
    """What several judgements took together, without what they say. The least shown of them counts as left out."""
    all_of = list(judgements)
    costs = [judgement.cost_nano for judgement in all_of]
    known = [cost for cost in costs if cost is not None]
    seen = (one for judgement in all_of for one in judgement.suspicions)
    return Judgement(
        prompt_tokens=sum(judgement.prompt_tokens for judgement in all_of),
        completion_tokens=sum(judgement.completion_tokens for judgement in all_of),
        cost_nano=sum(known) if len(known) == len(costs) else None,
        calls=sum(judgement.calls for judgement in all_of),
        left_out_characters=max((judgement.left_out_characters for judgement in all_of), default=0),
        left_out_events=max((judgement.left_out_events for judgement in all_of), default=0),
        suspicions=tuple(sorted({*seen}, key=lambda one: (one.seq, one.rule))),
    )
