"""Views of traces for exporters, and a source of them that can lose some on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from pipeline.exports.running import READ_BYTES
from pipeline.exports.view import View

START_US = 1_760_000_000_000_000


def trace_id(number: int) -> str:
    """The id of a made-up trace."""
    return f"trace-{number:032x}"


def patch(path: str = "calc.py", new: str = "return a + b") -> str:
    """A diff of one line."""
    return f"--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@\n def add(a, b):\n-    return a - b\n+    {new}\n"


EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "test_run", "framework": "pytest", "command": "pytest -q", "exit_code": 1, "failed": 1, "passed": 0}
    | {"skipped": 0, "errors": 0, "results": [{"id": "t.py::t", "status": "failed", "message": "assert -1 == 5"}]},
    {"type": "rationale_note", "hypothesis": "the sign is wrong", "next_step": "turn it"},
    {"type": "file_edit", "file_path": "calc.py", "diff_unified": patch()},
    {
        "type": "cmd_run",
        "command": "python -c 'import calc'",
        "exit_code": 0,
        "output": "ok ``` jane.doe@mail.example.org\n",
    },
    {"type": "commit", "message": "add() adds"},
)


def view(
    number: int = 1, *, events: Collection[dict[str, Any]] = EVENTS, verdict: str = "fixed", **changes: Any
) -> View:
    """The view of a made-up trace; `changes` are other columns of v1_traces."""
    numbered = [{"id": f"e{seq}", "seq": seq, "ts_client_us": START_US + seq, **e} for seq, e in enumerate(events)]
    trace = {
        "trace_id": trace_id(number),
        "revision": 1,
        "project": "acme",
        "participant_id": "jane",
        "consent": "training",
        "task_id": "BUG-42",
        "task_title": "add() subtracts",
        "task_description": "add(2, 3) returns -1.",
        "repo_origin": f"https://git.example.org/acme/calc-{number % 7}.git",
        "start_commit": "4f2d8c1e9b7a6053d1c2e3f4a5b6c7d8e9f0a1b2",
        "environment": {"os": "linux"},
        "event_count": len(numbered),
        "document_size": READ_BYTES // 6,
        "redactions": {"assignment": 2},
    }
    validation = {"verdict": verdict, "level": "verified" if verdict == "fixed" else ""} if verdict else None
    judgement = {
        "overall": 4.5,
        "rubric": "rubric",
        "rubric_version": "1.0",
        "rubric_digest": "sha256:aa",
        "judge": "heuristic",
        "model": "",
        "judge_digest": "sha256:bb",
    }
    return View(trace=trace | changes, events=numbered, validation=validation, judgement=judgement)


class Stored:
    """What is stored, and what happens to it: `erased` is not found any more; `meanwhile` is called at every read."""

    def __init__(self, views: Collection[View]) -> None:
        self._views = {view.id: view for view in views}
        self.erased: set[str] = set()
        self.meanwhile: Callable[[str], None] = lambda _: None

    def views(self, ids: Collection[str], /) -> dict[str, View]:
        """Those without their events."""
        return {
            name: replace(self._views[name], events=())
            for name in ids
            if name in self._views and name not in self.erased
        }

    def standing(self, ids: Collection[str], /) -> dict[str, tuple[int, str]]:
        """Revision and verdict of each."""
        return {name: (one.trace["revision"], one.verdict) for name, one in self.views(ids).items()}

    def whole(self, views: Collection[View], tests: bool, /) -> dict[str, View]:
        """The same with their events."""
        for view in views:
            self.meanwhile(view.id)
        return {view.id: self._views[view.id] for view in views}
