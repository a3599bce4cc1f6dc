"""How servers that call themselves OpenAI-compatible differ, and how each is asked. Pure.

Some refuse `response_format: json_schema`, or any response format; some know only `max_tokens`; reasoning models refuse
a temperature. A refusal that names one of these leads to the next dialect. A server that takes a dialect and still
writes prose around the object is read too, as long as there is one object only.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from pipeline.canonical import dumps

Format = Literal["json_schema", "json_object", "text"]
"""How the form of the answer is demanded, strictest first. In the last two the schema stands in the request's words."""
FORMATS: tuple[Format, ...] = get_args(Format)
IN_WORDS = "Answer with one JSON object and nothing else. It must be valid by this JSON Schema:\n"
_ABOUT_FORMAT = ("response_format", "json_schema", "json_object", "schema", "grammar", "guided", "structured output")
_OBJECT = re.compile(r'\{\s*["}]')
_THOUGHTS = re.compile(r"\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What may stand in a request to one server and model."""

    answer_format: Format = "json_schema"
    tokens_name: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    temperature: bool = True
    seed: bool = True

    def request(
        self,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any],
        most_tokens: int,
        sampling: Mapping[str, int],
    ) -> dict[str, Any]:
        """The members of the request's body, all but the model."""
        left_out = {name for name in ("temperature", "seed") if not getattr(self, name)}
        return {
            "messages": [dict(message) for message in messages],
            self.tokens_name: most_tokens,
            **{name: value for name, value in sampling.items() if name not in left_out},
        } | self._form(messages, schema)

    def _form(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.answer_format == "json_schema":
            named = {"name": "grades", "strict": True, "schema": schema}
            return {"response_format": {"type": "json_schema", "json_schema": named}}
        # In the first message, which is ours: the last word stays with the question.
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{IN_WORDS}{dumps(schema).decode()}"}
        told = {"messages": [first, *(dict(message) for message in messages[1:])]}
        return told | ({"response_format": {"type": "json_object"}} if self.answer_format == "json_object" else {})

    def after(self, refusal: str, pinned: bool) -> "Dialect | None":
        """The dialect to try after a refused request, by the server's words; None where they are about something else.

        With `pinned` the format of the answer is not given up.
        """
        said = refusal.lower()
        if self.tokens_name in said and self.tokens_name == "max_completion_tokens":
            return replace(self, tokens_name="max_tokens")
        if "temperature" in said and self.temperature:
            return replace(self, temperature=False)
        if re.search(r"\bseed\b", said) and self.seed:
            return replace(self, seed=False)
        laxer = FORMATS[FORMATS.index(self.answer_format) + 1 :]
        if laxer and not pinned and any(word in said for word in _ABOUT_FORMAT):
            return replace(self, answer_format=laxer[0])
        return None


def object_in(content: str) -> str:
    """The one JSON object in a reply that has words around it; the reply itself where there is none, or several."""
    spoken = _THOUGHTS.sub("", content, count=1) if content.lstrip().startswith("<think") else content
    if spoken.lstrip().startswith("{"):
        return spoken
    found = list(_objects(spoken))
    return found[0] if len(found) == 1 else content


def _objects(text: str) -> Iterator[str]:
    """The outermost JSON objects, in order, up to the first that is broken: what is inside of that one counts not."""
    start = _OBJECT.search(text)
    while start:
        try:
            _, end = json.JSONDecoder().raw_decode(text, start.start())
        except (ValueError, RecursionError):
            return
        yield text[start.start() : end]
        start = _OBJECT.search(text, end)
