"""A judge that says, or raises, what a test tells it to."""

from __future__ import annotations

from judge.judging import Case, Judgement
from pipeline.canonical import digest
from schemas.records import Grade
from tests.support.judging import RUBRIC


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
