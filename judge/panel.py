"""Several judges of one trace: the median of their votes for each criterion. Every vote stays in the score.

A juror that comes to no score abstains, and more than half must not. Of an even number of votes the lower middle one is
taken: doubt raises no grade, and the median is always a grade that somebody gave, whose reasons and citations it keeps.
"""

from collections.abc import Mapping
from dataclasses import replace

from judge.evidence import keep
from judge.judging import Case, Judge, Judgement, every, spent
from judge.rubric import Criterion, Rubric
from judge.unfinished import Unfinished
from pipeline.canonical import digest_of
from pipeline.objectstore import ObjectStore
from schemas.records import Grade

NO_QUORUM = "no_quorum"


class Panel:
    """Asks all jurors at once; `jurors` by name. They are digested in their order, by name and own digest."""

    kind = "panel"

    def __init__(self, rubric: Rubric, jurors: Mapping[str, Judge], evidence: ObjectStore) -> None:
        self.rubric, self._jurors, self._evidence = rubric, dict(jurors), evidence
        models = dict.fromkeys(juror.model for juror in jurors.values() if juror.model)
        self.model: str | None = ",".join(models) or None
        self.digest = digest_of({"kind": self.kind, "jurors": [[name, juror.digest] for name, juror in jurors.items()]})
        self._heard = Unfinished[dict[str, Judgement]](dict)

    async def judge(self, case: Case, /) -> Judgement:
        heard = self._heard.of(case.key)
        await every([self._hear(name, case, heard) for name in self._jurors])
        in_order = {name: heard[name] for name in self._jurors}
        judgement = replace(verdict(self.rubric, in_order), evidence_ref=await self._keep(case, in_order))
        self._heard.done(case.key)
        return judgement

    async def close(self) -> None:
        for juror in self._jurors.values():
            await juror.close()

    async def _hear(self, name: str, case: Case, heard: dict[str, Judgement]) -> None:
        # Whoever has spoken is not asked, and paid, again when the case comes back after an outage.
        if name not in heard:
            heard[name] = await self._jurors[name].judge(case)

    async def _keep(self, case: Case, heard: Mapping[str, Judgement]) -> str:
        """What the jurors said, and where the exchange of each lies."""
        said = [
            {
                "detail": judgement.detail,
                "evidence_ref": judgement.evidence_ref,
                "grades": {grade.criterion: grade.grade for grade in judgement.grades},
                "judge_digest": self._jurors[name].digest,
                "juror": name,
                "reason": judgement.reason,
            }
            for name, judgement in heard.items()
        ]
        return await keep(self._evidence, case.trace_id, {"jurors": said})


def quorum(jurors: int) -> int:
    """How many must not abstain: more than half."""
    return jurors // 2 + 1


def median(votes: list[int]) -> int:
    """The middle one of at least one; of an even number the lower of both."""
    return sorted(votes)[(len(votes) - 1) // 2]


def verdict(rubric: Rubric, heard: Mapping[str, Judgement]) -> Judgement:
    """The panel's judgement, from the jurors' by name; unscored where too few of them came to a score."""
    taken = replace(spent(heard.values()), jurors=tuple(heard))
    reasons = {name: judgement.reason for name, judgement in heard.items() if judgement.reason is not None}
    if len(heard) - len(reasons) < quorum(len(heard)):
        told = ", ".join(f"{name} ({reason})" for name, reason in reasons.items())
        return replace(taken, reason=NO_QUORUM, detail=f"{NO_QUORUM}: abstained: {told}")
    return replace(taken, grades=tuple(_combined(criterion, heard) for criterion in rubric.criteria))


def _combined(criterion: Criterion, heard: Mapping[str, Judgement]) -> Grade:
    """The panel's grade of one criterion; without a number where no juror has one."""
    said = {name: _said(criterion, judgement) for name, judgement in heard.items()}
    votes = tuple(grade.grade for grade in said.values())
    given = [vote for vote in votes if vote is not None]
    middle = median(given) if given else None
    name, speaker = next((name, grade) for name, grade in said.items() if grade.grade == middle)
    told = f"Votes {', '.join('-' if vote is None else str(vote) for vote in votes)}. {name}: {speaker.rationale}"
    return replace(speaker, rationale=told, votes=votes, spread=max(given) - min(given) if given else None)


def _said(criterion: Criterion, judgement: Judgement) -> Grade:
    abstained = Grade(criterion=criterion.id, weight=criterion.weight_per_mille, rationale="abstained", cited_seqs=())
    return next((grade for grade in judgement.grades if grade.criterion == criterion.id), abstained)
