"""The reply of a judge model: grades when it keeps to the protocol, else the reason why it cannot be used. Pure.

Nothing is repaired or guessed: a grade that cannot be traced to events of this trace is worth nothing.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from judge.rubric import GRADES, Criterion, Rubric
from schemas.records import Grade

Reason = Literal[
    "bad_citation",
    "bad_grade",
    "invalid_json",
    "missing_criterion",
    "missing_rationale",
    "no_events",
    "provider_refused",
    "refusal",
    "truncated",
]


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
        self.reason = reason


def grades_of(reply: Reply, rubric: Rubric, seqs: Collection[int]) -> tuple[Grade, ...]:
    """One grade for each criterion, in the rubric's order. Raises Unscored."""
    if reply.refusal or reply.finish_reason == "content_filter":
        raise Unscored("refusal", reply.refusal)
    if reply.finish_reason == "length":
        raise Unscored("truncated", f"after {reply.completion_tokens} tokens")
    answer = _object(reply.content)
    return tuple(_grade(criterion, answer, seqs) for criterion in rubric.criteria)


def _object(content: str) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unscored("invalid_json", str(error)) from None
    if not isinstance(answer, dict):
        raise Unscored("invalid_json", "the reply is not an object")
    return answer


def _grade(criterion: Criterion, answer: dict[str, Any], seqs: Collection[int]) -> Grade:
    given = answer.get(criterion.id)
    if not isinstance(given, dict):
        raise Unscored("missing_criterion", criterion.id)
    grade, rationale, cited = given.get("grade"), given.get("rationale"), given.get("cited_seqs")
    if not isinstance(grade, int) or isinstance(grade, bool) or grade not in GRADES:
        raise Unscored("bad_grade", f"{criterion.id}: {grade!r:.100}")
    if not isinstance(rationale, str) or not rationale.strip():
        raise Unscored("missing_rationale", criterion.id)
    if not isinstance(cited, list) or not cited or not all(_is_seq(seq, seqs) for seq in cited):
        raise Unscored("bad_citation", f"{criterion.id}: {cited!r:.200}")
    return Grade(
        criterion=criterion.id,
        grade=grade,
        weight=criterion.weight_per_mille,
        rationale=rationale,
        cited_seqs=tuple(sorted(set(cited))),
    )


def _is_seq(seq: object, seqs: Collection[int]) -> bool:
    return isinstance(seq, int) and not isinstance(seq, bool) and seq in seqs
