"""The real `openai` client against a scripted endpoint: every answer becomes grades, a reason, or a pause."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from judge.client import JudgeModel
from judge.features import features
from judge.judging import Case, Judgement
from judge.model import ModelJudge
from pipeline.errors import Refused, Retryable
from pipeline.objectstore import FolderStore
from tests.support.judging import RUBRIC, careful_session
from tests.support.openai_server import OpenAIServer, Scripted, answer, openai_server
from tests.support.ports import free_port

pytestmark = pytest.mark.integration

IDS = [criterion.id for criterion in RUBRIC.criteria]
GOOD = Scripted(answer(IDS))
TIMEOUT_S = 1.0


@pytest.fixture
def endpoint() -> Iterator[OpenAIServer]:
    with openai_server() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
async def judge(endpoint: OpenAIServer, store: FolderStore) -> AsyncIterator[ModelJudge]:
    model = JudgeModel("gpt-4o-mini", "key-of-the-tests", endpoint.base_url, TIMEOUT_S)
    yield ModelJudge(RUBRIC, model, store, 100_000)
    await model.close()


async def judged(judge: ModelJudge) -> Judgement:
    doc = careful_session()
    return await judge.judge(Case(doc["trace_id"], "sha256:head", "default", doc, features(doc)))


async def test_a_valid_reply_is_graded_and_the_exchange_is_kept(
    endpoint: OpenAIServer, judge: ModelJudge, store: FolderStore
) -> None:
    endpoint.script = [GOOD]
    judgement = await judged(judge)
    assert [(grade.criterion, grade.grade) for grade in judgement.grades] == [(name, 4) for name in IDS]
    assert (judgement.reason, judgement.prompt_tokens, judgement.completion_tokens) == (None, 1200, 340)
    [(_, headers, body)] = endpoint.asked
    assert headers["authorization"] == "Bearer key-of-the-tests"
    assert (body["model"], body["temperature"], body["response_format"]["type"]) == ("gpt-4o-mini", 0, "json_schema")
    assert judgement.evidence_ref is not None
    evidence = json.loads(await store.get(judgement.evidence_ref))
    assert evidence["request"] == body
    asked = json.loads(body["messages"][1]["content"])
    assert json.loads(evidence["reply"]["content"])["question_id"] == asked["question"]["id"]
    assert "key-of-the-tests" not in json.dumps(evidence)


@pytest.mark.parametrize(
    ("scripted", "reason", "tokens"),
    [
        (Scripted("I would rather talk."), "invalid_json", 1200),
        (Scripted(answer(IDS[1:])), "missing_criterion", 1200),
        (Scripted(answer(IDS, grade=7)), "bad_grade", 1200),
        (Scripted(answer(IDS, seqs=(0, 99))), "bad_citation", 1200),
        (Scripted(refusal="I cannot help with that."), "refusal", 1200),
        (Scripted(answer(IDS)[:50], finish_reason="length"), "truncated", 1200),
        (Scripted(status=400), "provider_refused", 0),
        (Scripted(status=422), "provider_refused", 0),
    ],
)
async def test_a_reply_off_the_protocol_is_unscored_and_paid_for(
    endpoint: OpenAIServer, judge: ModelJudge, scripted: Scripted, reason: str, tokens: int
) -> None:
    endpoint.script = [scripted]
    judgement = await judged(judge)
    assert (judgement.reason, judgement.grades, judgement.prompt_tokens) == (reason, (), tokens)
    assert (judgement.evidence_ref is not None) == (tokens > 0)


@pytest.mark.parametrize(
    "scripted", [Scripted(status=500), Scripted(status=503), Scripted(status=429), Scripted(status=408)]
)
async def test_an_outage_is_retryable_and_asked_once(
    endpoint: OpenAIServer, judge: ModelJudge, scripted: Scripted
) -> None:
    endpoint.script = [scripted]
    with pytest.raises(Retryable, match=str(scripted.status)):
        await judged(judge)
    assert len(endpoint.asked) == 1


async def test_retry_after_is_waited_for(endpoint: OpenAIServer, judge: ModelJudge) -> None:
    endpoint.script = [Scripted(status=429, headers={"retry-after": "1"}), GOOD]
    with pytest.raises(Retryable):
        await judged(judge)
    assert (await judged(judge)).reason is None
    [(first, *_), (second, *_)] = endpoint.asked
    assert second - first >= 1


async def test_a_slow_endpoint_runs_into_the_deadline(endpoint: OpenAIServer, judge: ModelJudge) -> None:
    endpoint.script = [Scripted(answer(IDS), delay_s=TIMEOUT_S + 0.5)]
    with pytest.raises(Retryable, match="does not answer"):
        await judged(judge)


async def test_an_absent_endpoint_is_retryable(store: FolderStore) -> None:
    model = JudgeModel("any", None, f"http://127.0.0.1:{free_port()}/v1", TIMEOUT_S)
    with pytest.raises(Retryable, match="does not answer"):
        await judged(ModelJudge(RUBRIC, model, store, 100_000))
    await model.close()


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_refused_credentials_and_an_unknown_model_stop_the_process(
    endpoint: OpenAIServer, judge: ModelJudge, status: int
) -> None:
    endpoint.script = [Scripted(status=status)]
    with pytest.raises(Refused, match="OPENAI_API_KEY"):
        await judged(judge)
