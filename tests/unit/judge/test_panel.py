"""How a panel comes to one grade from several, and what it does when jurors fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from judge.features import features
from judge.judging import Case, Judgement
from judge.panel import Panel, median, quorum, verdict
from pipeline.errors import Refused, Retryable
from pipeline.objectstore import FolderStore
from schemas.records import Grade
from tests.support.judging import RUBRIC, careful_session
from tests.support.scripted_judge import ScriptedJudge, gave

DOC = careful_session()
CASE = Case(DOC["trace_id"], "sha256:head", "default", DOC, features(DOC))
UNSCORED = Judgement(reason="invalid_json", detail="invalid_json: no", prompt_tokens=5, cost_nano=7, calls=2)


@pytest.mark.parametrize(
    ("votes", "middle"), [([3], 3), ([1, 4], 1), ([4, 1], 1), ([0, 5, 5], 5), ([1, 2, 3, 4], 2), ([5, 5, 0, 0, 3], 3)]
)
def test_the_median_is_a_vote_and_of_two_the_lower(votes: list[int], middle: int) -> None:
    assert median(votes) == middle


@pytest.mark.parametrize(("jurors", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_a_quorum_is_more_than_half(jurors: int, needed: int) -> None:
    assert quorum(jurors) == needed


def test_votes_spread_and_the_words_of_who_gave_the_median_are_kept() -> None:
    heard = {"a": gave(5, "great"), "b": gave(2, "poor", seqs=(1,)), "c": gave(3, "fair", seqs=(2, 3)), "d": UNSCORED}
    panel = verdict(RUBRIC, heard)
    assert [grade.criterion for grade in panel.grades] == [criterion.id for criterion in RUBRIC.criteria]
    [grade] = set(replaced(panel.grades))
    assert (grade.grade, grade.votes, grade.spread, grade.cited_seqs) == (3, (5, 2, 3, None), 3, (2, 3))
    assert grade.rationale == "Votes 5, 2, 3, -. c: fair"
    assert (panel.reason, panel.jurors) == (None, ("a", "b", "c", "d"))
    assert (panel.prompt_tokens, panel.cost_nano, panel.calls) == (305, 3007, 5)


def replaced(grades: Sequence[Grade]) -> list[Grade]:
    """The grades as if all were of one criterion."""
    first = grades[0]
    return [
        Grade(
            criterion=first.criterion,
            weight=first.weight,
            grade=g.grade,
            rationale=g.rationale,
            cited_seqs=g.cited_seqs,
            votes=g.votes,
            spread=g.spread,
        )
        for g in grades
    ]


def test_where_half_abstains_there_is_no_score_but_a_bill() -> None:
    panel = verdict(RUBRIC, {"a": gave(5), "b": UNSCORED})
    assert (panel.reason, panel.grades, panel.calls, panel.jurors) == ("no_quorum", (), 3, ("a", "b"))
    assert "b (invalid_json)" in panel.detail


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    free_of_price = Judgement(gave(3).grades, cost_nano=None)
    assert verdict(RUBRIC, {"a": gave(3), "b": free_of_price}).cost_nano is None


def test_a_criterion_that_nobody_graded_has_no_grade() -> None:
    grades = gave(4).grades
    partly = Judgement((*grades[:-1], Grade(criterion=grades[-1].criterion, weight=1, rationale="no", cited_seqs=())))
    last = verdict(RUBRIC, {"a": partly, "b": partly}).grades[-1]
    assert (last.grade, last.votes, last.spread) == (None, (None, None), None)


async def test_jurors_that_have_spoken_are_not_asked_again_after_an_outage(tmp_path: Path) -> None:
    ready, ill = ScriptedJudge(gave(4)), ScriptedJudge(Retryable("503"), Retryable("503"), gave(2))
    panel = Panel(RUBRIC, {"ready": ready, "ill": ill}, FolderStore(tmp_path))
    for _ in range(2):
        with pytest.raises(Retryable):
            await panel.judge(CASE)
    assert (await panel.judge(CASE)).grades[0].votes == (4, 2)
    assert (ready.asked, ill.asked) == (1, 3)
    ill.answers.append(gave(2))
    await panel.judge(CASE)
    assert ready.asked == 2, "a judgement that was given is not kept"


async def test_what_must_stop_the_process_is_not_hidden_by_an_outage(tmp_path: Path) -> None:
    panel = Panel(
        RUBRIC,
        {"ill": ScriptedJudge(Retryable("503")), "refused": ScriptedJudge(Refused("key"))},
        FolderStore(tmp_path),
    )
    with pytest.raises(Refused):
        await panel.judge(CASE)


async def test_the_evidence_names_each_jurors_own(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    judged = await Panel(RUBRIC, {"a": ScriptedJudge(gave(4)), "b": ScriptedJudge(gave(2))}, store).judge(CASE)
    assert judged.evidence_ref is not None
    said = json.loads(await store.get(judged.evidence_ref))["jurors"]
    assert [(juror["juror"], juror["evidence_ref"], set(juror["grades"].values())) for juror in said] == [
        ("a", "evidence/of-the-juror", {4}),
        ("b", "evidence/of-the-juror", {2}),
    ]
