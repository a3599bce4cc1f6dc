"""A session as turns of Hugging Face's Session Trace Simple Format: what was thought, called, and answered.

Unlike a conversation for training, calls of tools and their answers have fields of their own here, linked by the id
of the event, and every turn has its time in milliseconds.
"""

from __future__ import annotations

from typing import Any

import orjson

from clients.atif import step_of
from pipeline.exports.conversation import answered, task_message
from pipeline.exports.view import NotExportable, View

_ROLES = {"agent": "assistant", "user": "user", "system": "system"}


def turns(view: View) -> list[dict[str, Any]]:
    """The messages after the head: the task, then every event. Raises NotExportable where nothing was done."""
    model = view.trace["environment"].get("model")
    told: list[dict[str, Any]] = [task_message(view.trace)]
    for event in view.events:
        turn = _turn(event)
        if turn["role"] == "assistant":
            turn |= {"model": model} if model else {}
            if _thought(told[-1]) and not turn["content"]:
                turn["content"] = told.pop()["content"]  # a thought and the call that it led to are one turn
        told.append(turn)
        if "toolCalls" in turn and (answer := answered(event)) is not None:
            told.append({"role": "tool", "toolCallId": event["id"], "content": answer, "timestamp": turn["timestamp"]})
    if len(told) == 1:
        raise NotExportable("nothing was done")
    return told


def _turn(event: dict[str, Any]) -> dict[str, Any]:
    step = step_of(event)
    turn = {"role": _ROLES[step["source"]], "content": step["message"], "timestamp": event["ts_client_us"] // 1000}
    calls = [
        {"id": call["tool_call_id"], "function": {"name": call["function_name"], "arguments": _json(call["arguments"])}}
        for call in step.get("tool_calls", ())
    ]
    return turn | ({"toolCalls": calls} if calls else {})


def _thought(turn: dict[str, Any]) -> bool:
    return turn["role"] == "assistant" and "toolCalls" not in turn


def _json(arguments: dict[str, Any]) -> str:
    return orjson.dumps(arguments).decode()
