"""The reply of a judge model: grades when it keeps to the protocol, else the reason why it cannot be used. Pure.

Nothing is repaired or guessed: a grade that cannot be traced to words of events that were shown is worth nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from judge.injection import MARK as WITHHELD
from judge.prompt import LONGEST_QUOTE, Asked, Question
from judge.rubric import GRADES, Criterion
from judge.scoring import evidence_missing
from pipeline.canonical import dumps
from schemas.records import Grade, Quote, Suspicion

Reason = Literal[
    "bad_citation",
    "bad_grade",
    "bad_quote",
    "injection_suspected",
    "invalid_json",
    "missing_criterion",
    "missing_evidence",
    "missing_rationale",
    "missing_trace",
    "no_events",
    "no_quorum",
    "provider_failed",
    "provider_refused",
    "refusal",
    "timeout",
    "truncated",
    "wrong_question",
]
REPAIRABLE = frozenset(
    {
        "bad_citation", "bad_grade", "bad_quote", "invalid_json", "missing_criterion", "missing_evidence",
        "missing_rationale", "missing_trace",
    }
)  # fmt: skip
"""Faults of form that the model may mend when told. Not a wrong question id: who obeys a trace gets no second try."""
SHORTEST_QUOTE = 4
"""Characters; anything shorter occurs everywhere, unless it is all that a field of the event says."""
SEEN_BY_MODEL = "seen-by-model"
"""The rule of a suspicion that the judge model itself reported."""
OURS = re.compile(rf"{re.escape(WITHHELD)}|\[\.\.\. \d+ (?:characters|results) left out\b")
"""Words of ours, not of the event."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge model answered, and what it cost in tokens."""

    content: str
    refusal: str = ""
    finish_reason: str = "stop"
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Unscored(Exception):
    """The trace gets no score. `reason` says why; it is not a fault of the trace's author."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply says about the trace at `index`: grades of the criteria asked about, in their order, or a reason."""

    index: int
    grades: tuple[Grade, ...] = ()
    reason: Reason | None = None
    detail: str = ""
    suspicions: tuple[Suspicion, ...] = ()

    @property
    def repairable(self) -> bool:
        """Whether it is worth asking again, once, saying what was wrong."""
        return self.reason in REPAIRABLE


def answers_of(reply: Reply, question: Question) -> tuple[Answer, ...]:
    """One answer for each trace of the question, in its order; a fault in one does not touch the others."""
    try:
        traces = _traces(reply, question)
    except Unscored as fault:
        return tuple(Answer(one.index, reason=fault.reason, detail=str(fault)) for one in question.asked)
    return tuple(_answer(traces, one) for one in question.asked)


def _traces(reply: Reply, question: Question) -> dict[str, Any]:
    if reply.refusal or reply.finish_reason == "content_filter":
        raise Unscored("refusal", reply.refusal)
    if reply.finish_reason == "length":
        raise Unscored("truncated", f"after {reply.completion_tokens} tokens")
    answer = _object(reply.content)
    if answer.get("question_id") != question.id:
        raise Unscored("wrong_question", f"question_id is {answer.get('question_id')!r:.60}, not {question.id!r}")
    traces = answer.get("traces")
    if not isinstance(traces, dict):
        raise Unscored("missing_trace", "the reply has no object `traces`")
    return traces


def _object(content: str) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unscored("invalid_json", str(error)) from None
    if not isinstance(answer, dict):
        raise Unscored("invalid_json", "the reply is not an object")
    return answer


def _answer(traces: Mapping[str, Any], asked: Asked) -> Answer:
    given = traces.get(asked.label)
    try:
        if not isinstance(given, dict) or not isinstance(given.get("grades"), dict):
            raise Unscored("missing_trace", asked.label)
        if seen := _suspicions(given.get("addresses_grader"), asked):
            fault = f"the judge model says that events {[one.seq for one in seen]} address it"
            return Answer(asked.index, reason="injection_suspected", detail=fault, suspicions=seen)
        return Answer(asked.index, tuple(_grade(criterion, given["grades"], asked) for criterion in asked.criteria))
    except Unscored as fault:
        return Answer(asked.index, reason=fault.reason, detail=str(fault))


def _suspicions(seqs: object, asked: Asked) -> tuple[Suspicion, ...]:
    """What the model saw; a list that is none, or numbers of no event, are no testimony."""
    known = sorted({seq for seq in seqs if _is_seq(seq, asked)}) if isinstance(seqs, list) else []
    return tuple(Suspicion(rule=SEEN_BY_MODEL, seq=seq) for seq in known)


def _grade(criterion: Criterion, answer: Mapping[str, Any], asked: Asked) -> Grade:
    given = answer.get(criterion.id)
    if not isinstance(given, dict):
        raise Unscored("missing_criterion", criterion.id)
    grade, rationale, cited = given.get("grade"), given.get("rationale"), given.get("cited_seqs")
    if not isinstance(grade, int) or isinstance(grade, bool) or grade not in GRADES:
        raise Unscored("bad_grade", f"{criterion.id}: {grade!r:.100}")
    if not isinstance(rationale, str) or not rationale.strip():
        raise Unscored("missing_rationale", criterion.id)
    if not isinstance(cited, list) or not cited or not all(_is_seq(seq, asked) for seq in cited):
        raise Unscored("bad_citation", f"{criterion.id}: {cited!r:.200}")
    made = Grade(
        criterion=criterion.id,
        grade=grade,
        weight=criterion.weight_per_mille,
        rationale=rationale,
        cited_seqs=tuple(sorted(set(cited))),
        quotes=_quotes(criterion.id, given.get("quotes"), cited, asked),
    )
    if lack := evidence_missing(made, criterion, {seq: whole["type"] for seq, (whole, _) in asked.events.items()}):
        raise Unscored("missing_evidence", lack)
    return made


def _quotes(criterion: str, given: object, cited: list[int], asked: Asked) -> tuple[Quote, ...]:
    if not isinstance(given, list) or not given:
        raise Unscored("bad_quote", f"{criterion}: no quotes")
    made: list[Quote] = []
    for one in given:
        seq, text = (one.get("seq"), one.get("text")) if isinstance(one, dict) else (None, None)
        if not (_is_seq(seq, asked) and seq in cited and isinstance(text, str) and _says(asked.events[seq], text)):
            raise Unscored("bad_quote", f"{criterion}: {one!r:.300}")
        made.append(Quote(seq=seq, text=text.strip()))
    return tuple(dict.fromkeys(made))


def _says(event: tuple[Mapping[str, Any], Mapping[str, Any]], quote: str) -> bool:
    """Whether the words occur in the event, whole or as shown; runs of white space count as one space, nothing else."""
    words = " ".join(quote.split())
    if len(words) > LONGEST_QUOTE or not words or OURS.search(words):
        return False
    written = [text for form in event for text in (*form.values(), dumps(form).decode()) if isinstance(text, str)]
    texts = [" ".join(text.split()) for text in written]
    return any(words == text or (len(words) >= SHORTEST_QUOTE and words in text) for text in texts)


def _is_seq(seq: object, asked: Asked) -> bool:
    return isinstance(seq, int) and not isinstance(seq, bool) and seq in asked.events
