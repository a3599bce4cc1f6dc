"""The judge that asks a model: all criteria at once, one by one, or several traces in one request.

The whole exchange is stored as evidence before the judgement is given.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from judge import prompt
from judge.asking import Asking, Progress
from judge.batches import LINGER_S, Batches
from judge.client import JudgeModel
from judge.evidence import keep
from judge.exhibit import Exhibit
from judge.injection import Screened, screen
from judge.judges import HEURISTIC_SOURCES, code_digest
from judge.judging import Case, Judgement, every, spent
from judge.prompt import Asked, Mode, Question
from judge.rubric import Rubric
from judge.unfinished import Unfinished
from judge.verdict import Answer
from pipeline.canonical import digest_of
from pipeline.objectstore import ObjectStore

SOURCES = (
    *HEURISTIC_SOURCES,
    "condense.py", "dialects.py", "encoding.py", "exhibit.py", "injection.py", "injection_forms.py",
    "injection_rules.py", "injection_rules.yaml", "prompt.py", "verdict.py",
)  # fmt: skip
"""Files that decide what a model is shown and which of its replies count; caps come from the features."""
TELLING = frozenset({"provider_failed", "provider_refused", "timeout"})
"""Reasons whose details are the provider's words or ours; those of others may quote the trace, and stay in the
evidence."""


Told = tuple[Answer, Asked]


@dataclass(frozen=True, slots=True)
class _Entry:
    screened: Screened
    progress: Progress


@dataclass(frozen=True, slots=True)
class Manner:
    """How traces are put to a model. At most `event_bytes` of events in a request, `batch` traces in one of several."""

    mode: Mode = "all"
    batch: int = 1
    event_bytes: int = prompt.BUDGET_BYTES

    def identity(self) -> dict[str, Any]:
        """What of it determines the answers."""
        mode = {"mode": self.mode} if self.mode != "all" else {}
        batch = {"batch": self.batch} if self.mode == "batch" else {}
        return {"budget": self.event_bytes, "prompt": prompt.VERSION, **mode, **batch}


class ModelJudge:
    """Asks a judge model about each trace."""

    kind = "openai"

    def __init__(
        self, rubric: Rubric, model: JudgeModel, asking: Asking, manner: Manner, evidence: ObjectStore
    ) -> None:
        self.rubric = rubric
        self.model: str | None = model.settled.model
        self._model, self._asking, self._manner, self._evidence = model, asking, manner, evidence
        self._unfinished = Unfinished(Progress)
        self._batches = Batches[_Entry, Told | None](manner.batch, manner.event_bytes, self._together, LINGER_S)
        self.digest = digest_of(
            {
                "code": code_digest(SOURCES),
                "kind": self.kind,
                "model": model.settled.identity(),
                "rubric": rubric.digest(),
                **manner.identity(),
            }
        )

    async def judge(self, case: Case, /) -> Judgement:
        screened = await asyncio.to_thread(screen, case.document)
        if screened.withheld:
            seqs = sorted({one.seq for one in screened.suspicions})
            return Judgement(
                reason="injection_suspected", detail=f"not shown: events {seqs}", suspicions=screened.suspicions
            )
        progress = self._unfinished.of(case.key)
        told = await self._told(case, screened, progress)
        judgement = _judgement(told, progress, screened)
        evidence = {
            "exchanges": progress.evidence,
            "faults": [answer.detail for answer, _ in told if answer.reason],
            "left_out": {"characters": judgement.left_out_characters, "events": judgement.left_out_events},
        }
        judgement = replace(judgement, evidence_ref=await keep(self._evidence, case.trace_id, evidence))
        self._unfinished.done(case.key)
        return judgement

    async def close(self) -> None:
        await self._batches.close()
        await self._model.close()

    async def _told(self, case: Case, screened: Screened, progress: Progress) -> list[Told]:
        """The answers about a trace: from a batch, where it gets a usable one there, else of its own."""
        if self._manner.mode == "batch" and not screened.suspicions:
            if progress.told is None:
                size = await asyncio.to_thread(lambda: Exhibit.of(screened).size)
                progress.told = await self._batches.result(_Entry(screened, progress), size, case.project)
            if progress.told and progress.told[0].reason in {None, "injection_suspected"}:
                return [progress.told]
        mode: Mode = "criterion" if self._manner.mode == "criterion" else "all"
        questions = await self._questions([screened], mode)
        answers = await every([self._asking.answer(question, progress) for question in questions])
        return list(zip(answers, [question.asked[0] for question in questions], strict=True))

    async def _together(self, entries: Sequence[_Entry]) -> list[Told | None]:
        """What a batch gets: nothing for a single trace, which is asked about alone, where a reply can be mended."""
        if len(entries) == 1:
            return [None]
        [question] = await self._questions([entry.screened for entry in entries], "batch")
        answers = await self._asking.answers(question, [entry.progress for entry in entries])
        return list(zip(answers, question.asked, strict=True))

    async def _questions(self, screened: Sequence[Screened], mode: Mode) -> tuple[Question, ...]:
        # Off the event loop, as a big trace takes a while.
        return await asyncio.to_thread(prompt.questions, self.rubric, screened, mode, self._manner.event_bytes)


def _judgement(told: Sequence[Told], progress: Progress, screened: Screened) -> Judgement:
    """All the answers about one trace as one: the grades of all, or the first reason why there are none."""
    answers = [answer for answer, _ in told]
    fault = next((answer for answer in answers if answer.reason), None)
    seen = {*screened.suspicions, *(one for answer in answers for one in answer.suspicions)}
    return replace(
        spent(progress.spent),
        grades=() if fault else tuple(grade for answer in answers for grade in answer.grades),
        reason=fault.reason if fault else None,
        detail=(fault.detail if fault.reason in TELLING else str(fault.reason)) if fault else "",
        calls=progress.calls,
        left_out_characters=max(asked.characters_left_out for _, asked in told),
        left_out_events=max(asked.events_left_out for _, asked in told),
        suspicions=tuple(sorted(seen, key=lambda one: (one.seq, one.rule))),
    )
