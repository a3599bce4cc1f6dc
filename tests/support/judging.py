"""Documents of made-up sessions, step by step, and their grades by the heuristic judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import zstandard

from clients.recorded import Session
from judge import heuristics
from judge.features import features
from judge.rubric import Rubric, load
from judge.scoring import capped
from pipeline.canonical import digest, dumps
from schemas.events import EVENT_ADAPTER
from schemas.records import Grade, TraceAssembled
from tests.support.traces import SECOND_US, START_US, trace_id

RUBRICS = {
    name: load((files("judge") / "rubrics" / f"{name}.yaml").read_text())
    for name in ("rubric-1.0", "agent-trajectory-1.0", "novice-debugging-1.0")
}
RUBRIC = RUBRICS["rubric-1.0"]
Step = dict[str, Any]


def note(text: str = "", **fields: Any) -> Step:
    """A rationale note: free text, or named parts."""
    return {"type": "rationale_note", **({"text": text} if text else {}), **fields}


def cmd(command: str, **fields: Any) -> Step:
    """A command that was run, with its directory and exit code."""
    return {"type": "cmd_run", "command": command, "cwd": "/work", "exit_code": 0, "output": "", **fields}


def check(command: str = "pytest -q", *, failed: int = 1, **fields: Any) -> Step:
    """A test run with ten tests."""
    outcome = {"passed": 10 - failed, "failed": failed, "exit_code": int(failed > 0)}
    return {"type": "test_run", "framework": "pytest", "command": command, **outcome, **fields}


def edit(path: str = "src/pager.py", old: str = "return n", new: str = "return n + 1", **fields: Any) -> Step:
    """An edit of one line."""
    diff = f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n"
    return {"type": "file_edit", "file_path": path, "diff_unified": diff, **fields}


def commit(message: str = "Count the last page too", **fields: Any) -> Step:
    """A commit without diff."""
    return {"type": "commit", "message": message, **fields}


def document(*steps: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    """The document of a session; steps get seq, id (`e<seq>` unless given) and time in order."""
    events = [
        {"id": f"e{seq}", **step, "seq": seq, "ts_client_us": START_US + seq * SECOND_US}
        for seq, step in enumerate(steps)
    ]
    return {
        "artifacts": {},
        "chunks": [],
        "environment": {"os": "linux"},
        "events": events,
        "repo": {"origin": "https://example.org/pager.git", "start_commit": "abcdef1"},
        "revision": 1,
        "session": {"consent": "research", "participant_id": "participant-1"},
        "task": {"id": "task-1", "title": "The last page is missing"},
        "trace_id": trace_id(1),
        "trace_version": "1.0",
        **other,
    }


def recorded(session: Session) -> dict[str, Any]:
    """The document that a recorded session becomes."""
    trace = session.trace
    return document(
        *(EVENT_ADAPTER.validate_json(dumps(dict(event))).stored() for event in session.events),
        environment=dict(trace.environment),
        repo={"origin": trace.repo_origin, **({"start_commit": trace.start_commit} if trace.start_commit else {})},
        task={"id": trace.task_id, "title": trace.task_title, "description": trace.task_description or ""},
    )


def careful_session() -> dict[str, Any]:
    """A session that earns the highest grade in everything."""
    return document(
        note(plan="Reproduce it, then look at how pages are counted."),
        check(caused_by=["e0"]),
        cmd("cat src/pager.py", caused_by=["e1"]),
        note(
            observation="Eleven rows should be three pages of five, and are two.",
            hypothesis="`count` forgets the last page: it rounds down in pager.py.",
            caused_by=["e2"],
        ),
        edit(caused_by=["e3"]),
        check(failed=0, caused_by=["e4"]),
        note(observation="The last page is counted now.", decision="Keep the change.", caused_by=["e5"]),
        commit(caused_by=["e6"]),
    )


def types(doc: Mapping[str, Any]) -> dict[int, str]:
    """The type of each event by its seq."""
    return {event["seq"]: event["type"] for event in doc["events"]}


def graded(doc: Mapping[str, Any], rubric: Rubric = RUBRIC) -> dict[str, Grade]:
    """The heuristic judge's grades by criterion, caps applied."""
    found = features(doc)
    return {grade.criterion: grade for grade in capped(heuristics.grade(rubric, found, types(doc)), rubric, found)}


def numbers(doc: Mapping[str, Any], rubric: Rubric = RUBRIC) -> dict[str, int | None]:
    """The bare grades by criterion."""
    return {name: grade.grade for name, grade in graded(doc, rubric).items()}


def graded_everywhere(doc: Mapping[str, Any]) -> dict[tuple[str, str], Grade]:
    """The grades by every built-in rubric, by (rubric, criterion)."""
    return {
        (name, criterion): grade for name, rubric in RUBRICS.items() for criterion, grade in graded(doc, rubric).items()
    }


def numbers_everywhere(doc: Mapping[str, Any]) -> dict[tuple[str, str], int | None]:
    """The bare grades by every built-in rubric."""
    return {name: grade.grade for name, grade in graded_everywhere(doc).items()}


def without(doc: Mapping[str, Any], event_type: str) -> dict[str, Any]:
    """The session as if the events of one type had never been recorded."""
    kept: Iterable[Step] = (event for event in doc["events"] if event["type"] != event_type)
    return {**doc, "events": [{**event, "seq": seq} for seq, event in enumerate(kept)]}


def assembled(doc: Mapping[str, Any], number: int = 1) -> TraceAssembled:
    """The finished trace that carries the document."""
    data = dumps({**doc, "trace_id": trace_id(number)})
    count = len(doc["events"])
    return TraceAssembled(
        trace_id=trace_id(number),
        project="default",
        revision=1,
        outcome="completed",
        participant_id="participant-1",
        consent="research",
        task_id="task-1",
        task_title="The last page is missing",
        repo_origin="https://example.org/pager.git",
        created_at_us=START_US,
        closed_at_us=START_US + count * SECOND_US,
        first_offset=0,
        last_offset=2,
        chunk_count=1,
        event_count=count,
        intact=True,
        complete=True,
        last_link=digest(b"link"),
        head=digest(b"head"),
        findings=(),
        metrics=b"{}",
        redactions={},
        document=zstandard.compress(data),
        document_digest=digest(data),
        document_size=len(data),
    )
