"""The judges behind one protocol, and what identifies each.

A judge's digest covers everything that determines its answers, this package's own source included, so that scores of
different judges are never taken for the same and an unchanged judge is recognised.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any, Protocol

from judge import heuristics, prompt
from judge.client import JudgeModel
from judge.features import Features
from judge.rubric import Rubric
from judge.verdict import Reply, Unscored, grades_of
from pipeline.canonical import digest, digest_of, dumps
from pipeline.objectstore import ObjectStore, derived_key
from schemas.records import Grade

HEURISTIC_SOURCES = (
    "commands", "dangers", "diffs", "features", "heuristics", "hygiene", "links", "phrases", "scoring",
    "shell", "timeline",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says about one trace, before caps: grades, or the reason why there are none."""

    grades: tuple[Grade, ...] = ()
    reason: str | None = None
    detail: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    evidence_ref: str | None = None


class Judge(Protocol):
    """Grades traces by one rubric. `kind`, `model` and `digest` stand in every score."""

    kind: str
    model: str | None
    digest: str
    rubric: Rubric

    async def judge(self, document: Mapping[str, Any], features: Features, /) -> Judgement:
        """The judgement of a trace with at least one event. Raises Retryable when the judge cannot work now."""


class HeuristicJudge:
    """Grades from features alone: free, offline, the same every time. Raises NoHeuristic where it grades too little."""

    kind = "heuristic"
    model: str | None = None

    def __init__(self, rubric: Rubric) -> None:
        heuristics.check_rubric(rubric)
        self.rubric = rubric
        self.digest = digest_of({"code": _code_digest(), "kind": self.kind, "rubric": rubric.digest()})

    async def judge(self, document: Mapping[str, Any], features: Features, /) -> Judgement:
        type_by_seq = {event["seq"]: event["type"] for event in document["events"]}
        return Judgement(heuristics.grade(self.rubric, features, type_by_seq))


class ModelJudge:
    """Asks a judge model about the trace; the whole exchange is stored as evidence. `budget` in bytes of events."""

    kind = "openai"

    def __init__(self, rubric: Rubric, model: JudgeModel, evidence: ObjectStore, budget: int) -> None:
        self.rubric = rubric
        self.model: str | None = model.model
        self._model, self._evidence, self._budget = model, evidence, budget
        self.digest = digest_of(
            {
                "budget": budget,
                "code": _code_digest(),
                "kind": self.kind,
                "model": model.model,
                "prompt": prompt.VERSION,
                "rubric": rubric.digest(),
            }
        )

    async def judge(self, document: Mapping[str, Any], _features: Features, /) -> Judgement:
        question = prompt.question(self.rubric, document, self._budget)
        try:
            reply = await self._model.ask(question)
        except Unscored as refused:
            return Judgement(reason=refused.reason, detail=str(refused))
        spent = Judgement(
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            evidence_ref=await self._keep(document["trace_id"], question, reply),
        )
        try:
            return replace(spent, grades=grades_of(reply, self.rubric, question.seqs))
        except Unscored as useless:
            return replace(spent, reason=useless.reason, detail=str(useless))

    async def _keep(self, trace_id: str, question: prompt.Question, reply: Reply) -> str:
        left_out = {"characters": question.characters_left_out, "events": question.events_left_out}
        exchange = {"left_out": left_out, "reply": asdict(reply), "request": self._model.request(question)}
        data = dumps(exchange)
        ref = derived_key("evidence", trace_id, digest(data))
        await self._evidence.put(ref, data)
        return ref


def _code_digest() -> str:
    """The digest of the code that features and heuristic grades come from, so that no version can be forgotten."""
    folder = files("judge")
    return digest_of({name: digest((folder / f"{name}.py").read_bytes()) for name in HEURISTIC_SOURCES})
