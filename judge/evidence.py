"""What is kept of the exchanges with a model, and where. Pure, but for the writing.

A batch shows several traces in one request. Each trace's evidence has its own part of it and only digests of the
others', so that erasing a trace takes its words out of the store for good.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from judge.client import Exchange
from judge.prompt import Asked, Question
from pipeline.canonical import digest, digest_of, dumps
from pipeline.objectstore import ObjectStore, derived_key


async def keep(store: ObjectStore, trace_id: str, evidence: Mapping[str, Any]) -> str:
    """Store it under its digest, below the trace's folder; the key."""
    data = dumps(dict(evidence))
    ref = derived_key("evidence", trace_id, digest(data))
    await store.put(ref, data)
    return ref


def whole(exchange: Exchange) -> dict[str, Any]:
    """An exchange about one trace, as it was."""
    return {"reply": asdict(exchange.reply), "request": exchange.request, "took_us": exchange.took_us}


def part(exchange: Exchange, question: Question, asked: Asked) -> dict[str, Any]:
    """What one trace has of an exchange about several."""
    messages = [dict(message) for message in exchange.request["messages"]]
    shown = json.loads(messages[-1]["content"])
    shown["evidence"] = _only(shown["evidence"], asked.label)
    messages[-1]["content"] = dumps(shown).decode()
    reply = asdict(exchange.reply) | {"content": _reply_part(exchange.answer.content, asked.label)}
    return {
        "batch": {
            "label": asked.label,
            "reply_digest": digest_of(asdict(exchange.reply)),
            "request_digest": digest_of(exchange.request),
            "traces": len(question.asked),
        },
        "reply": reply,
        "request": exchange.request | {"messages": messages},
        "took_us": exchange.took_us,
    }


def _reply_part(content: str, label: str) -> str:
    try:
        answer = json.loads(content)
        return dumps(answer | {"traces": _only(answer["traces"], label)}).decode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return f"not in the form that was asked for; of all traces together: {digest(content.encode())}"


def _only(traces: Mapping[str, Any], label: str) -> dict[str, Any]:
    return {name: told if name == label else digest_of(told) for name, told in traces.items()}
