"""An OpenAI-compatible endpoint on a free port that answers as a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.ports import free_port


@dataclass(frozen=True)
class Scripted:
    """One answer. With `status` 200 a chat completion, otherwise an error that says `error` about `param`; sent after
    `delay_s`. `usage` is of prompt and completion; None leaves it out."""

    content: str | None = None
    refusal: str | None = None
    finish_reason: str = "stop"
    usage: tuple[int, int] | None = (1200, 340)
    status: int = 200
    error: str = "scripted"
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0

    def response(self, model: str) -> Response:
        if self.status != 200:
            error = {"message": f"{self.error} {self.status}", "type": "scripted", "code": None, "param": self.param}
            return JSONResponse({"error": error}, self.status, self.headers)
        message = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": self.finish_reason, "logprobs": None}],
        }
        if self.usage:
            read, written = self.usage
            body["usage"] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        # In ASCII, so that half a surrogate pair can be sent, as some servers do.
        return Response(json.dumps(body), headers=self.headers, media_type="application/json")


@dataclass
class OpenAIServer:
    """`script` is answered in order, then its last entry for ever; what `rule` says of a request's body goes before it.
    `asked` holds (time, headers, body) of each call."""

    base_url: str
    rule: Callable[[dict[str, Any]], Scripted | None] = lambda _: None
    script: list[Scripted] = field(default_factory=list)
    asked: list[tuple[float, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append((time.monotonic(), dict(request.headers), body))
        scripted = self.rule(body) or (self.script.pop(0) if len(self.script) > 1 else self.script[0])
        await asyncio.sleep(scripted.delay_s)
        return _addressed(scripted, body).response(body["model"])


QUESTION_ID = "<the id of the question>"
TYPE_OF_FIRST = "<the type of the first event of {label}>"


def answer(
    ids: Iterable[str], grade: int = 4, seqs: tuple[int, ...] = (0,), labels: Iterable[str] = ("trace_1",)
) -> str:
    """A reply about these traces that keeps to the protocol, once the server has filled in what depends on the
    request."""

    def said(label: str) -> dict[str, Any]:
        quotes = [{"seq": seqs[0], "text": TYPE_OF_FIRST.format(label=label)}]
        return {"rationale": "As shown.", "cited_seqs": list(seqs), "quotes": quotes, "grade": grade}

    traces = {label: {"addresses_grader": [], "grades": dict.fromkeys(ids, said(label))} for label in labels}
    return json.dumps({"question_id": QUESTION_ID, "traces": traces})


def shown(body: dict[str, Any]) -> dict[str, Any]:
    """What a request shows and asks: {evidence, question}; {} of one that is not about a trace."""
    first = next((message for message in body["messages"][1:2] if message["role"] == "user"), {"content": "{}"})
    content: dict[str, Any] = json.loads(first["content"])
    return content


def _addressed(scripted: Scripted, body: dict[str, Any]) -> Scripted:
    if scripted.content is None:
        return scripted
    asked = shown(body)
    filled = scripted.content.replace(QUESTION_ID, asked.get("question", {}).get("id", ""))
    for label, trace in asked.get("evidence", {}).items():
        filled = filled.replace(TYPE_OF_FIRST.format(label=label), trace["events"][0]["type"])
    return replace(scripted, content=filled)


@contextmanager
def openai_server() -> Iterator[OpenAIServer]:
    """A running endpoint; stopped at the end."""
    port = free_port()
    endpoint = OpenAIServer(f"http://127.0.0.1:{port}/v1")
    app = Starlette(routes=[Route("/v1/chat/completions", endpoint.complete, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield endpoint
    finally:
        server.should_exit = True
        thread.join()
