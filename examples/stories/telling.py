"""How a session is told, and how the telling becomes events.

A story says what was replaced by what; the diffs, the hashes of the files and the links between events are worked out
here from the files that it starts from, so that they are exact. `because` names the steps that led to a step.
"""

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clients.recorded import Session
from examples.workspaces import build_workspace, start_files
from schemas.api import CreateTrace, RecordedConsent


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that happened `at` seconds after the session began."""

    at: float
    name: str = ""
    because: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Note(Step):
    """What the developer thought."""

    plan: str | None = None
    hypothesis: str | None = None
    observation: str | None = None
    decision: str | None = None
    next_step: str | None = None


@dataclass(frozen=True, kw_only=True)
class Command(Step):
    """A shell command in the root of the repository, and what it printed."""

    run: str
    output: str
    took: float = 0.1
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class Edit(Step):
    """Texts of one file, each found exactly once, and what they were replaced by."""

    path: str
    changes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Check(Step):
    """A run of the whole test suite: ids of the tests that passed, and message by id of those that failed."""

    passed: tuple[str, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    took: float = 0.4


@dataclass(frozen=True, kw_only=True)
class Commit(Step):
    """All edits so far, committed."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """A told session. `chunks` are the steps in the portions in which the client sent them."""

    name: str
    participant: str
    consent: RecordedConsent
    title: str
    description: str
    repo_origin: str
    chunks: tuple[tuple[Step, ...], ...]

    @property
    def duration_s(self) -> float:
        """Seconds from the first step to the last."""
        return self.chunks[-1][-1].at

    def session(self, started_at_s: float) -> Session:
        """The session as a client has it in hand that began at `started_at_s` (seconds since the epoch)."""
        files = start_files(self.name)
        messages = [step.message for chunk in self.chunks for step in chunk if isinstance(step, Commit)]
        fixed = _changed(files, self._files_at_end(files)) if messages else None
        workspace = build_workspace(files, fixed, "".join(messages))
        events = _Events(files, started_at_s, workspace.start_commit, workspace.fix_commit)
        trace = CreateTrace(
            participant_id=self.participant,
            consent=self.consent,
            task_id=f"example-{self.name}",
            task_title=self.title,
            task_description=self.description,
            repo_origin=self.repo_origin,
            start_commit=workspace.start_commit,
            environment={"os": "linux", "python_version": "3.11", "editor": "vscode"},
        )
        chunks = tuple([events.of(step) for step in chunk] for chunk in self.chunks)
        return Session(trace, chunks, workspace.bundle)

    def _files_at_end(self, files: Mapping[str, str]) -> Mapping[str, str]:
        for chunk in self.chunks:
            for step in chunk:
                files = after(files, step)
        return files


def after(files: Mapping[str, str], step: Step) -> Mapping[str, str]:
    """The files once `step` is done."""
    if not isinstance(step, Edit):
        return files
    content = files[step.path]
    for old, new in step.changes:
        if content.count(old) != 1:
            raise ValueError(f"{step.path} has {content.count(old)} times: {old}")
        content = content.replace(old, new)
    return {**files, step.path: content}


def unified_diff(path: str, before: str, now: str) -> str:
    """The diff of one file, as `git apply` takes it."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), now.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(lines)


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    return {path: content for path, content in now.items() if before[path] != content}


class _Events:
    """Turns steps, in order, into events; `files` is the state of the repository before the next step."""

    def __init__(self, files: Mapping[str, str], started_at_s: float, start: str, fix: str | None) -> None:
        self.files, self.at_start, self.started_at_s = files, files, started_at_s
        self.commits = {"sha": fix, "parents": [start]}
        self.ids: dict[str, str] = {}
        self.seq = 0

    def of(self, step: Step) -> dict[str, Any]:
        """The next event."""
        event: dict[str, Any] = {"id": f"evt-{self.seq + 1:03d}", "seq": self.seq}
        event["ts_client_s"] = self.started_at_s + step.at
        event |= self._content(step)
        if step.because:
            event["caused_by"] = [self.ids[name] for name in step.because]
        if step.name:
            self.ids[step.name] = event["id"]
        self.files = after(self.files, step)
        self.seq += 1
        return event

    def _content(self, step: Step) -> dict[str, Any]:
        match step:
            case Note():
                parts = ("plan", "hypothesis", "observation", "decision", "next_step")
                said = {part: getattr(step, part) for part in parts if getattr(step, part)}
                return {"type": "rationale_note", **said}
            case Command():
                result = {"exit_code": step.exit_code, "duration_s": step.took, "output": step.output}
                return {"type": "cmd_run", "command": step.run, **result}
            case Edit():
                return self._edit(step)
            case Check():
                return _test_run(step)
            case Commit():
                changed = _changed(self.at_start, self.files)
                diff = "".join(unified_diff(path, self.at_start[path], changed[path]) for path in sorted(changed))
                return {"type": "commit", **self.commits, "message": step.message, "diff_unified": diff}
        raise TypeError(f"no event for a {type(step).__name__}")

    def _edit(self, step: Edit) -> dict[str, Any]:
        now = after(self.files, step)[step.path]
        return {
            "type": "file_edit",
            "file_path": step.path,
            "diff_unified": unified_diff(step.path, self.files[step.path], now),
            "buffer_hash_after": "sha256:" + hashlib.sha256(now.encode()).hexdigest(),
            "author": "human_typed",
        }


def _test_run(step: Check) -> dict[str, Any]:
    passed = [{"id": test, "status": "passed"} for test in step.passed]
    failed = [{"id": test, "status": "failed", "message": message} for test, message in step.failed.items()]
    counts = [f"{len(tests)} {word}" for tests, word in ((failed, "failed"), (passed, "passed")) if tests]
    lines = [f"FAILED {test} - {message}" for test, message in step.failed.items()]
    return {
        "type": "test_run",
        "framework": "pytest",
        "command": "python -m pytest -q --tb=no",
        "exit_code": 1 if failed else 0,
        "passed": len(passed),
        "failed": len(failed),
        "duration_s": step.took,
        "results": passed + failed,
        "output": "\n".join([*lines, f"{', '.join(counts)} in {step.took:.2f}s\n"]),
    }
