"""How a refusal changes the way of asking, and which object counts in a reply with words around it."""

from __future__ import annotations

import pytest

from judge.dialects import FORMATS, Dialect, Format, object_in

MESSAGES = ({"role": "system", "content": "Grade."}, {"role": "user", "content": "{}"})
SCHEMA = {"type": "object"}


@pytest.mark.parametrize("answer_format", FORMATS)
def test_the_schema_stands_where_the_format_does_not_demand_it(answer_format: Format) -> None:
    request = Dialect(answer_format).request(MESSAGES, SCHEMA, 7, {"temperature": 0})
    in_words = '{"type":"object"}' in request["messages"][0]["content"]
    assert in_words == (answer_format != "json_schema")
    assert request["messages"][1] == MESSAGES[1], "the question has the last word"
    assert (request["max_completion_tokens"], request["temperature"]) == (7, 0)


def test_refusals_lead_to_laxer_dialects_and_to_an_end() -> None:
    dialect: Dialect | None = Dialect()
    seen: list[Dialect] = []
    while dialect and len(seen) < 20:
        seen.append(dialect)
        dialect = dialect.after(
            "response_format, temperature, seed and max_completion_tokens are unknown", pinned=False
        )
    assert len(seen) == len(set(seen)) == 6
    assert seen[-1] == Dialect("text", "max_tokens", temperature=False, seed=False)


@pytest.mark.parametrize(
    "words", ["", "context length exceeded", "max_tokens is too large", "the seedling", "content policy"]
)
def test_other_refusals_are_about_the_question(words: str) -> None:
    assert Dialect().after(words, pinned=False) is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('<think>{"b": 2}</think>{"a": 1}', '{"a": 1}'),
        ('\n<thinking>hm</thinking>\n {"a": {"b": {}}} ', '{"a": {"b": {}}}'),
        ('Sure: {"a": "}"} Done {here}.', '{"a": "}"}'),
    ],
)
def test_the_one_object_is_found(content: str, found: str) -> None:
    assert object_in(content).strip() == found


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no object {at all}",
        'One: {"a": 1} and two: {"a": 2}',
        'Broken: {"traces": {"trace_1": {"grade": 5}}',
        '<think>perhaps {"a": 1} or {"a": 2}',
        "x" + '{"a":' * 100_000,
    ],
)
def test_where_it_is_not_certain_which_object_is_meant_none_is(content: str) -> None:
    assert object_in(content) == content
