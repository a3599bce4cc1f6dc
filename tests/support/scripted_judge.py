"""A judge that says, or raises, what a test tells it to."""

from __future__ import annotations

from judge.judging import Case, Judgement
from pipeline.canonical import digest
from schemas.records import Grade, TraceJudged
from tests.support.judging import RUBRIC
from tests.support.traces import START_US, trace_id


def gave(number: int, rationale: str = "as shown", seqs: tuple[int, ...] = (0,)) -> Judgement:
    """A judgement with this grade in every criterion, of 100 prompt tokens and 1,000 nano-dollars."""
    grades = tuple(
        Grade(
            criterion=criterion.id,
            grade=number,
            weight=criterion.weight_per_mille,
            rationale=rationale,
            cited_seqs=seqs,
        )
        for criterion in RUBRIC.criteria
    )
    return Judgement(grades, prompt_tokens=100, cost_nano=1000, calls=1, evidence_ref="evidence/of-the-juror")


def judged() -> TraceJudged:
    """A live score of a trace, without grades."""
    return TraceJudged(
        trace_id=trace_id(1),
        project="default",
        revision=1,
        head=digest(b"head"),
        outcome="scored",
        grades=(),
        rubric_id=RUBRIC.id,
        rubric_version=RUBRIC.version,
        rubric_digest=RUBRIC.digest(),
        judge="scripted",
        judge_digest=digest(b"scripted"),
        run_id="live",
        prompt_tokens=0,
        completion_tokens=0,
        started_at_us=START_US,
        duration_us=1,
    )


class ScriptedJudge:
    """`answers` in order, then its last one for ever."""

    kind = "scripted"
    model: str | None = "scripted"
    rubric = RUBRIC
    digest = digest(b"scripted")

    def __init__(self, *answers: Judgement | Exception) -> None:
        self.answers, self.asked = list(answers), 0

    async def judge(self, _case: Case, /) -> Judgement:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass
