"""The judge that asks a model. The whole exchange is stored as evidence before the judgement is given."""

from dataclasses import asdict, replace

from judge import prompt
from judge.budget import Budget, Price
from judge.client import JudgeModel
from judge.injection import screen
from judge.judges import code_digest
from judge.judging import Case, Judgement
from judge.rubric import Rubric
from judge.verdict import Reply, Unscored, answers_of
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
        screened = screen(case.document)
        if screened.withheld:
            seqs = sorted({one.seq for one in screened.suspicions})
            return Judgement(
                reason="injection_suspected", detail=f"not shown: events {seqs}", suspicions=screened.suspicions
            )
        [question] = prompt.questions(self.rubric, [screened], "all", self._event_bytes)
        [asked] = question.asked
        shown = Judgement(
            left_out_characters=asked.characters_left_out,
            left_out_events=asked.events_left_out,
            calls=1,
            suspicions=screened.suspicions,
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
        [answer] = answers_of(reply, question)
        suspicions = (*screened.suspicions, *answer.suspicions)
        return replace(spent, grades=answer.grades, reason=answer.reason, detail=answer.detail, suspicions=suspicions)

    async def close(self) -> None:
        await self._model.close()

    def _cost(self, reply: Reply) -> int | None:
        return self._price.cost_nano(reply.prompt_tokens, reply.completion_tokens) if self._price else None

    async def _keep(self, trace_id: str, question: prompt.Question, reply: Reply) -> str:
        [asked] = question.asked
        left_out = {"characters": asked.characters_left_out, "events": asked.events_left_out}
        exchange = {"left_out": left_out, "reply": asdict(reply), "request": self._model.request(question)}
        data = dumps(exchange)
        ref = derived_key("evidence", trace_id, digest(data))
        await self._evidence.put(ref, data)
        return ref
