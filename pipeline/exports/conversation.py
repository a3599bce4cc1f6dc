"""A session as a conversation: the user gives the task, the assistant thinks and acts, the user's turn brings outputs.

Turns alternate strictly, since many chat templates take nothing else: what follows in one role is one message. Actions
are fenced blocks (`bash`, `diff`), so that no template needs to know of tools. A last turn of the user has no answer to
learn from and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from clients.atif import USER
from pipeline.exports.view import NotExportable, Row, View

MESSAGES: Any = [{"role": "string", "content": "string"}]
_PARTS = ("plan", "hypothesis", "observation", "decision", "next_step", "text")
_ACTS = {"cmd_run": ("bash", "command"), "test_run": ("bash", "command"), "file_edit": ("diff", "diff_unified")}


def task_message(trace: Row) -> dict[str, str]:
    """The task as the user's first message."""
    title, described = str(trace["task_title"]), str(trace["task_description"])
    commit = f" at {trace['start_commit']}" if trace["start_commit"] else ""
    body = described if title in described else "\n\n".join(filter(None, (title, described)))
    return {"role": "user", "content": f"{body}\n\nRepository: {trace['repo_origin']}{commit}"}


def messages(view: View) -> list[dict[str, str]]:
    """The whole session, from the user's task to the last turn of the assistant. Raises NotExportable where it has
    none."""
    told = [task_message(view.trace)]
    for event in view.events:
        for role, text in _said(event):
            if told[-1]["role"] == role:
                told[-1]["content"] += f"\n\n{text}"
            else:
                told.append({"role": role, "content": text})
    if told[-1]["role"] == "user":
        told.pop()
    if not told:
        raise NotExportable("nothing was done")
    return told


def _said(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if event["type"] == "rationale_note":
        observed = str(event.get("observation") or "")
        if observed.startswith(USER):
            yield "user", observed.removeprefix(USER)
            event = {**event, "observation": ""}
        if texts := [str(event[part]) for part in _PARTS if event.get(part)]:
            yield "assistant", "\n\n".join(texts)
    elif event["type"] == "commit":
        yield "assistant", _commit(event)
    else:
        language, name = _ACTS[event["type"]]
        yield "assistant", fenced(language, str(event.get(name) or event.get("framework") or ""))
        if (answer := answered(event)) is not None:
            yield "user", answer


def _commit(event: dict[str, Any]) -> str:
    diff = event.get("diff_unified")
    return f"Commit: {event['message']}" + (f"\n\n{fenced('diff', diff)}" if diff else "")


def answered(event: Mapping[str, Any]) -> str | None:
    """What a command or test run answered: counts of tests, output, exit status; None where nothing is known."""
    parts = []
    if event["type"] == "test_run":
        counts = [f"{event[name]} {name}" for name in ("passed", "failed", "skipped", "errors") if event.get(name)]
        parts += [", ".join(counts)] if counts else []
    if event.get("output"):
        parts.append(fenced("", str(event["output"])))
    if event.get("exit_code") is not None:
        parts.append(f"exit status {event['exit_code']}")
    return "\n".join(parts) or None


def fenced(language: str, text: str) -> str:
    """A code block with a fence longer than any in the text, so that its end is its end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"
