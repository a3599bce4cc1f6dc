"""The judge that asks a model. The whole exchange is stored as evidence before the judgement is given."""

from dataclasses import asdict, replace

from judge import prompt
from judge.budget import Budget, Price
from judge.client import JudgeModel
from judge.judges import code_digest
from judge.judging import Case, Judgement
from judge.rubric import Rubric
from judge.verdict import Reply, Unscored, grades_of
from pipeline.canonical import digest, digest_of, dumps
from pipeline.objectstore import ObjectStore, derived_key


class ModelJudge:
    """Asks a judge model about each trace. `event_bytes` of the trace are shown at most."""

    kind = "openai"

    def __init__(
        self,
        rubric: Rubric,
        model: JudgeModel,
        evidence: ObjectStore,
        event_bytes: int,
        *,
        price: Price | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.rubric = rubric
        self.model: str | None = model.model
        self._model, self._evidence, self._event_bytes = model, evidence, event_bytes
        self._price, self._budget = price, budget or Budget()
        self.digest = digest_of(
            {
                "budget": event_bytes,
                "code": code_digest(),
                "kind": self.kind,
                "model": model.identity(),
                "prompt": prompt.VERSION,
                "rubric": rubric.digest(),
            }
        )

    async def judge(self, case: Case, /) -> Judgement:
        question = prompt.question(self.rubric, case.document, self._event_bytes)
        shown = Judgement(
            left_out_characters=question.characters_left_out, left_out_events=question.events_left_out, calls=1
        )
        self._budget.check()
        try:
            reply = await self._model.ask(question)
        except Unscored as refused:
            return replace(shown, reason=refused.reason, detail=str(refused), cost_nano=self._cost(Reply("")))
        cost = self._cost(reply)
        self._budget.spend(cost or 0)
        spent = replace(
            shown,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            cost_nano=cost,
            evidence_ref=await self._keep(case.trace_id, question, reply),
        )
        try:
            return replace(spent, grades=grades_of(reply, self.rubric, question.seqs))
        except Unscored as useless:
            return replace(spent, reason=useless.reason, detail=str(useless))

    async def close(self) -> None:
        await self._model.close()

    def _cost(self, reply: Reply) -> int | None:
        return self._price.cost_nano(reply.prompt_tokens, reply.completion_tokens) if self._price else None

    async def _keep(self, trace_id: str, question: prompt.Question, reply: Reply) -> str:
        left_out = {"characters": question.characters_left_out, "events": question.events_left_out}
        exchange = {"left_out": left_out, "reply": asdict(reply), "request": self._model.request(question)}
        data = dumps(exchange)
        ref = derived_key("evidence", trace_id, digest(data))
        await self._evidence.put(ref, data)
        return ref
