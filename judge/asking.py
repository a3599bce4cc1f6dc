"""From a question to an answer: asks, has a faulty reply mended once, pays, and remembers what it has so far.

Only what a case still lacks is asked for when it comes back after an outage.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from judge import prompt
from judge.budget import Budget, Price
from judge.client import Exchange, Failed, JudgeModel, NotTaken, Unanswered
from judge.evidence import part, whole
from judge.judging import Judgement
from judge.verdict import Answer, Unscored, answers_of

MOST_DEADLINES = 3
MOST_FAILURES = 10
"""More than deadlines: a server that fails now and then must not cost a trace its score."""


@dataclass(slots=True)
class Progress:
    """What there is of one case until it is judged. `spent` and `evidence` are of each exchange, in order; `told` is
    what a batch gave it."""

    told: tuple[Answer, prompt.Asked] | None = None
    calls: int = 0
    unanswered: dict[tuple[str, str], int] = field(default_factory=dict)
    exchanges: dict[tuple[str, int], Exchange] = field(default_factory=dict)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    spent: list[Judgement] = field(default_factory=list)


class Asking:
    """Asks one model, within a budget. Without `price` costs are unknown, and a budget does not hold them back.

    `most_deadlines`: how often a question may pass its deadline while the endpoint answers others; MOST_FAILURES is how
    often the server may fail over it.
    """

    def __init__(
        self, model: JudgeModel, price: Price | None, budget: Budget, most_deadlines: int = MOST_DEADLINES
    ) -> None:
        self._model, self._price, self._budget, self._most_deadlines = model, price, budget, most_deadlines

    async def answer(self, question: prompt.Question, progress: Progress) -> Answer:
        """The answer to a question about one trace: grades, or the last reason why there are none. Raises Retryable,
        BudgetReached and Refused."""
        try:
            first = await self._exchanged(question, 0, progress)
            [answer] = answers_of(first.answer, question)
            if answer.repairable:
                again = prompt.repair(question, first.answer.content, {answer.index: answer.detail})
                [answer] = answers_of((await self._exchanged(again, 1, progress)).answer, again)
            return answer
        except Unscored as fault:
            return Answer(question.asked[0].index, reason=fault.reason, detail=str(fault))

    async def answers(self, question: prompt.Question, progresses: Sequence[Progress]) -> list[Answer]:
        """The answers to a question about several traces, in its order; not mended: whoever has none is asked about
        alone. Raises as `answer` does."""
        self._budget.check()
        for progress in progresses:
            progress.calls += 1
        started_s = time.monotonic()
        try:
            exchange = await self._model.ask(question)
        except Unanswered as error:
            if not await self._model.alive(started_s):
                raise
            return [Answer(asked.index, reason=error.reason, detail=str(error)) for asked in question.asked]
        except NotTaken as refused:
            return [Answer(asked.index, reason=refused.reason, detail=str(refused)) for asked in question.asked]
        self._share(exchange, question, progresses)
        return list(answers_of(exchange.answer, question))

    async def _exchanged(self, question: prompt.Question, turn: int, progress: Progress) -> Exchange:
        """The exchange of this turn: the one that there is, or a new one."""
        if earlier := progress.exchanges.get((question.id, turn)):
            return earlier
        self._budget.check()
        progress.calls += 1
        started_s = time.monotonic()
        try:
            exchange = await self._model.ask(question)
        except Unanswered as error:
            await self._count(error, question, progress, started_s)
            raise
        except NotTaken as refused:
            progress.evidence.append({"refused": str(refused), "request": refused.request})
            raise
        progress.exchanges[(question.id, turn)] = exchange
        progress.evidence.append(whole(exchange))
        reply = exchange.reply
        self._pay(exchange, question)
        progress.spent.append(self._spent(exchange, reply.prompt_tokens, reply.completion_tokens))
        return exchange

    async def _count(self, error: Unanswered, question: prompt.Question, progress: Progress, started_s: float) -> None:
        """Only where the endpoint answers others is the question to blame. Raises Unscored."""
        if await self._model.alive(started_s):
            key = question.id, error.reason
            count = progress.unanswered[key] = progress.unanswered.get(key, 0) + 1
            if count >= (MOST_FAILURES if isinstance(error, Failed) else self._most_deadlines):
                raise Unscored(error.reason, f"{count} times, while others were answered: {error}") from error

    def _share(self, exchange: Exchange, question: prompt.Question, progresses: Sequence[Progress]) -> None:
        """Give each trace its part: of the prompt by what is shown of it, of the answer an equal one."""
        self._pay(exchange, question)
        sizes = [sum(len(str(shown)) for _, shown in asked.events.values()) for asked in question.asked]
        read = divided(exchange.reply.prompt_tokens, sizes)
        written = divided(exchange.reply.completion_tokens, [1] * len(sizes))
        for asked, progress, prompt_tokens, completion_tokens in zip(
            question.asked, progresses, read, written, strict=True
        ):
            progress.evidence.append(part(exchange, question, asked))
            progress.spent.append(self._spent(exchange, prompt_tokens, completion_tokens))

    def _pay(self, exchange: Exchange, question: prompt.Question) -> None:
        """A call whose tokens nobody counted is paid for as if it had used all it may."""
        if self._price is None:
            return
        reply = exchange.reply
        used = reply.prompt_tokens, reply.completion_tokens
        most = question.estimated_tokens, self._model.settled.most_tokens * len(question.asked)
        self._budget.spend(self._price.cost_nano(*(used if exchange.metered else most)))

    def _spent(self, exchange: Exchange, prompt_tokens: int, completion_tokens: int) -> Judgement:
        known = self._price if exchange.metered else None
        cost = known.cost_nano(prompt_tokens, completion_tokens) if known else None
        return Judgement(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost_nano=cost)


def divided(whole_number: int, sizes: Sequence[int]) -> list[int]:
    """The number in parts as large as the sizes demand; the parts sum to it."""
    total, seen, parts = sum(sizes), 0, []
    for size in sizes:
        parts.append(whole_number * (seen + size) // total - whole_number * seen // total)
        seen += size
    return parts
