"""The formats that traces are exported in: one table, pure functions from views to lines and documents.

The conversational shapes are those of Hugging Face TRL's dataset formats: `messages`; `prompt` and `completion`;
`prompt`, `chosen` and `rejected`. ATIF is Harbor's Agent Trajectory Interchange Format 1.7, as
`pr-telemetry import` reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from clients.atif import trajectory_of
from pipeline.exports import swebench
from pipeline.exports.conversation import MESSAGES, fenced, messages, task_message
from pipeline.exports.patches import patch_of
from pipeline.exports.sessiontrace import turns
from pipeline.exports.swebench import swe_bench
from pipeline.exports.testruns import ctrf_reports, junit_reports
from pipeline.exports.view import ABOUT, Document, Line, NotExportable, Row, Units, View
from schemas.api import CreateTrace

SIDES = ("chosen", "rejected")
PAIRED = ("trace_id", "revision", "level", "overall")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How traces become records.

    `export` takes one view; of `pairs` two of one task, one that is fixed, then one that is not; of `tasks` a fixed one
    of the task, alone or with any other. It raises NotExportable for what the format cannot say. `columns` gives the
    columns and types of each part that is written as lines (a type: a name of Arrow's, a list of one type, or a
    mapping); a format without writes documents.
    """

    means: str
    export: Callable[..., Iterator[Line | Document]]
    columns: dict[str, dict[str, Any]]
    units: Units = "traces"
    tests: bool = False
    """Whether it asks for the tests of the sandbox."""
    rows: dict[str, str] = field(default_factory=dict)
    """Parts whose documents are themselves lines of a data set, and how their names end."""


def atif(view: View) -> Iterator[Document]:
    """The whole trace as one trajectory; imported again it is the same trace."""
    yield Document("trajectories", f"{view.id}.json", _json(trajectory_of(created(view.trace), view.events, view.id)))


def chat(view: View) -> Iterator[Line]:
    """The whole session as one conversation."""
    yield Line("data", {"messages": messages(view), **view.about()})


def session_trace(view: View) -> Iterator[Document]:
    """The session as Hugging Face's viewer of agent traces takes it: a head, then a line a message or tool's answer."""
    head = {"type": "session", "harness": "pr-telemetry", "id": view.id, "name": view.trace["task_title"]}
    told = [head | view.about(), *({"type": "message", "message": message} for message in turns(view))]
    yield Document("sessions", f"{view.id}.jsonl", b"".join(map(_json, told)))


def prompt_completion(view: View) -> Iterator[Line]:
    """The task, and the patch that was made of it."""
    yield Line("data", {"prompt": [task_message(view.trace)], "completion": _patched(view), **view.about()})


def preference(fixed: View, broken: View) -> Iterator[Line]:
    """Of one task at one commit a patch that fixes it, preferred to one that does not."""
    if (fixed.verdict, broken.verdict) != ("fixed", "not_fixed"):
        raise NotExportable("its verdict changed since")
    if (chosen := _patched(fixed)) == (rejected := _patched(broken)):
        raise NotExportable("both patches are the same")
    about = {
        f"{side}_{name}": value
        for side, view in zip(SIDES, (fixed, broken), strict=True)
        for name, value in view.about().items()
        if name in PAIRED
    }
    told = {"repo": fixed.trace["repo_origin"], "task_id": fixed.trace["task_id"]}
    yield Line("data", {"prompt": [task_message(fixed.trace)], "chosen": chosen, "rejected": rejected, **told, **about})


def _patched(view: View) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": fenced("diff", patch_of(view.events))}]


def created(trace: Row) -> CreateTrace:
    """What the client said when it created the trace."""
    return CreateTrace(
        participant_id=trace["participant_id"],
        consent=trace["consent"],
        task_id=trace["task_id"],
        task_title=trace["task_title"],
        task_description=trace["task_description"] or None,
        repo_origin=trace["repo_origin"],
        start_commit=trace["start_commit"] or None,
        environment=dict(trace["environment"]),
        project=trace["project"],
    )


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


FORMATS: dict[str, Format] = {
    "atif": Format(means="ATIF 1.7, one trajectory a file", export=atif, columns={}),
    "chat": Format(
        means="conversations, TRL's messages", export=chat, columns={"data": {"messages": MESSAGES, **ABOUT}}
    ),
    "prompt-completion": Format(
        means="tasks and the patches made of them, TRL's prompt-completion",
        export=prompt_completion,
        columns={"data": {"prompt": MESSAGES, "completion": MESSAGES, **ABOUT}},
    ),
    "session-trace": Format(
        means="sessions in Hugging Face's Session Trace Simple Format, one a file",
        export=session_trace,
        columns={},
        rows={"sessions": ".jsonl"},
    ),
    "swe-bench": Format(
        means="SWE-bench instances and predictions",
        export=swe_bench,
        columns=swebench.COLUMNS,
        units="tasks",
        tests=True,
    ),
    "ctrf": Format(means="reports of test runs in CTRF 1.0, one a file", export=ctrf_reports, columns={}, tests=True),
    "junit": Format(
        means="reports of test runs in JUnit XML, one a file", export=junit_reports, columns={}, tests=True
    ),
    "preference": Format(
        means="pairs of patches of one task, one that fixes it and one that does not, TRL's preference",
        export=preference,
        units="pairs",
        columns={
            "data": {
                **dict.fromkeys(("prompt", "chosen", "rejected"), MESSAGES),
                "repo": "string",
                "task_id": "string",
                **{f"{side}_{name}": ABOUT[name] for side in SIDES for name in PAIRED},
            }
        },
    ),
}
