"""A panel of real clients: samples differ by seed, models by name; one that fails abstains, an outage pauses all."""

from __future__ import annotations

import json

import pytest

from judge.named import named
from pipeline.errors import Retryable
from pipeline.objectstore import FolderStore
from tests.support.model_judge import GOOD, IDS, case, judging, of_endpoint
from tests.support.openai_server import OpenAIServer, Scripted, answer

pytestmark = pytest.mark.integration


async def test_samples_of_one_model_have_seeds_and_a_temperature(endpoint: OpenAIServer, store: FolderStore) -> None:
    grades = {1: 5, 2: 1, 3: 2}
    endpoint.rule = lambda body: Scripted(answer(IDS, grade=grades[body["seed"]]))
    async with judging(named("panel:3xsmall", of_endpoint(endpoint)), store) as panel:
        judgement = await panel.judge(case())
    assert {(body["seed"], body["temperature"], body["model"]) for *_, body in endpoint.asked} == {
        (1, 1, "small"),
        (2, 1, "small"),
        (3, 1, "small"),
    }
    assert {(grade.grade, grade.votes, grade.spread) for grade in judgement.grades} == {(2, (5, 1, 2), 4)}
    assert judgement.jurors == ("openai:small#1", "openai:small#2", "openai:small#3")
    assert (judgement.calls, judgement.prompt_tokens, judgement.cost_nano) == (3, 3600, None)
    assert judgement.evidence_ref is not None
    for juror in json.loads(await store.get(judgement.evidence_ref))["jurors"]:
        assert await store.exists(juror["evidence_ref"])


async def test_a_model_that_keeps_to_no_protocol_abstains(endpoint: OpenAIServer, store: FolderStore) -> None:
    endpoint.rule = lambda body: Scripted("no") if body["model"] == "b" else GOOD
    async with judging(named("panel:a,b,heuristic", of_endpoint(endpoint)), store) as panel:
        judgement = await panel.judge(case())
    assert judgement.reason is None
    assert {grade.votes for grade in judgement.grades} == {(4, None, 5)}
    assert {grade.grade for grade in judgement.grades} == {4}


async def test_without_quorum_there_is_no_score(endpoint: OpenAIServer, store: FolderStore) -> None:
    endpoint.rule = lambda body: GOOD if body["model"] == "a" else Scripted("no")
    async with judging(named("panel:a,b", of_endpoint(endpoint)), store) as panel:
        judgement = await panel.judge(case())
    assert (judgement.reason, judgement.grades, judgement.calls) == ("no_quorum", (), 3)


async def test_an_outage_of_one_juror_pauses_the_panel_and_nobody_is_paid_twice(
    endpoint: OpenAIServer, store: FolderStore
) -> None:
    ill = [Scripted(status=503)]
    endpoint.rule = lambda body: ill.pop() if body["model"] == "b" and ill else GOOD
    async with judging(named("panel:a,b", of_endpoint(endpoint)), store) as panel:
        with pytest.raises(Retryable):
            await panel.judge(case())
        judgement = await panel.judge(case())
    assert judgement.reason is None
    assert sorted(body["model"] for *_, body in endpoint.asked) == ["a", "b", "b"]
