"""Servers that call themselves OpenAI-compatible: what each refuses is found out once, and judged with what is left."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.objectstore import FolderStore
from tests.support.model_judge import GOOD, case, judging, of_endpoint
from tests.support.openai_server import OpenAIServer, Scripted

pytestmark = pytest.mark.integration


def refusing(**refused: str) -> Any:
    """A rule: 400 with the server's words for a request that has the member, or the type of response format."""

    def rule(body: dict[str, Any]) -> Scripted | None:
        there = {**body, body.get("response_format", {}).get("type", ""): True}
        said = next((words for member, words in refused.items() if member in there), None)
        return Scripted(status=400, error=said) if said else None

    return rule


VLLM = refusing(json_schema="response_format.type must be one of text, json_object")
OLLAMA = refusing(
    max_completion_tokens="unknown field max_completion_tokens", response_format="structured output is not supported"
)
LLAMA_CPP = refusing(
    json_schema="failed to convert JSON schema to grammar", max_completion_tokens="max_completion_tokens?"
)
REASONING = refusing(temperature="'temperature' does not support 0 with this model", seed="unknown parameter: seed")


@pytest.mark.parametrize(
    ("rule", "refusals", "format_type", "tokens_name", "sampling"),
    [
        (VLLM, 1, "json_object", "max_completion_tokens", {"temperature": 1, "seed": 1}),
        (OLLAMA, 3, None, "max_tokens", {"temperature": 1, "seed": 1}),
        (LLAMA_CPP, 2, "json_object", "max_tokens", {"temperature": 1, "seed": 1}),
        (REASONING, 2, "json_schema", "max_completion_tokens", {}),
    ],
)
async def test_what_a_server_refuses_is_left_out_from_then_on(
    endpoint: OpenAIServer,
    store: FolderStore,
    rule: Any,
    refusals: int,
    format_type: str | None,
    tokens_name: str,
    sampling: dict[str, int],
) -> None:
    endpoint.rule, endpoint.script = rule, [GOOD]
    async with judging(of_endpoint(endpoint, sample=1), store) as judge:
        assert [(await judge.judge(case(number))).reason for number in range(3)] == [None] * 3
    assert len(endpoint.asked) == refusals + 3, "asked again only while the dialect was being found"
    body = endpoint.asked[-1][2]
    assert body.get("response_format", {}).get("type") == format_type
    assert body[tokens_name] == 4000
    assert {name: body[name] for name in ("temperature", "seed") if name in body} == sampling
    assert ("valid by this JSON Schema" in body["messages"][0]["content"]) == (format_type != "json_schema")


async def test_a_refusal_that_is_about_something_else_changes_nothing(
    endpoint: OpenAIServer, store: FolderStore
) -> None:
    endpoint.script = [
        Scripted(status=400, error="context length exceeded"),
        Scripted(status=400, error="the trace says: response_format"),
        Scripted(status=400, error="context length exceeded"),
        GOOD,
    ]
    async with judging(of_endpoint(endpoint), store) as judge:
        assert (await judge.judge(case(1))).reason == "provider_refused"
        # The words may come from the trace: another dialect is tried, and forgotten as it is refused as well.
        assert (await judge.judge(case(2))).reason == "provider_refused"
        assert (await judge.judge(case(3))).reason is None
    assert endpoint.asked[-1][2]["response_format"]["type"] == "json_schema"


async def test_a_format_that_is_set_is_not_given_up(endpoint: OpenAIServer, store: FolderStore) -> None:
    endpoint.rule, endpoint.script = VLLM, [GOOD]
    async with judging(of_endpoint(endpoint, answer_format="json_schema"), store) as strict:
        assert (await strict.judge(case())).reason == "provider_refused"
    async with judging(of_endpoint(endpoint, answer_format="text"), store) as plain:
        assert (await plain.judge(case())).reason is None
    assert "response_format" not in endpoint.asked[-1][2]


@pytest.mark.parametrize(
    "around",
    [
        "<think>The braces { in this code... {}</think>\n%s",
        "Here is my answer:\n```json\n%s\n```\nI hope it helps.",
        "  %s  ",
    ],
)
async def test_an_object_with_words_around_it_is_read_and_kept_as_it_came(
    endpoint: OpenAIServer, store: FolderStore, around: str
) -> None:
    assert GOOD.content is not None
    endpoint.script = [Scripted(around % GOOD.content)]
    async with judging(of_endpoint(endpoint), store) as judge:
        judgement = await judge.judge(case())
    assert (judgement.reason, judgement.calls) == (None, 1)
    assert judgement.evidence_ref is not None
    [exchange] = json.loads(await store.get(judgement.evidence_ref))["exchanges"]
    assert exchange["reply"]["content"].startswith(around.partition("%s")[0])
