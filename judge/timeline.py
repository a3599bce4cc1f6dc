"""The actions of a trace in order: what each looked at, checked, changed or repeated. Pure.

The files' state advances with every change; a command is a repeat when it ran before in the same state. A change that
is itself a repeat does not advance the state, so repeating anything can only add repeats.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from judge.commands import Doing, doing, is_scratch, is_test_path
from judge.shell import Simple, simple_commands


@dataclass(frozen=True, slots=True)
class Act:
    """One action. `what` spells it; `checks` are its tests and trial runs; `repeats` says that it added nothing.

    `simples` are the simple commands that ran, none for an edit.
    """

    seq: int
    what: str
    doing: Doing
    simples: tuple[Simple, ...] = ()
    repeats: bool = False

    @property
    def checks(self) -> tuple[str, ...]:
        return self.doing.checks

    @property
    def edits_source(self) -> bool:
        """Whether it changed what is tested, for the first time in this state."""
        return self.doing.edits_source and not self.repeats


def actions(events: Iterable[Mapping[str, Any]]) -> tuple[Act, ...]:
    """The actions of a trace: its edits, commands and test runs, in order."""
    found: list[Act] = []
    done: set[tuple[str, int]] = set()
    state = 0
    for event in events:
        act = _act(event)
        if act is None:
            continue
        repeats = (act.what, state) in done and event["type"] != "file_edit"
        if act.doing.changes and not repeats:
            state += 1
        done.add((act.what, state))
        found.append(replace(act, repeats=True) if repeats else act)
    return tuple(found)


def last_before(seq: int, seqs: Sequence[int]) -> int:
    """The last of the seqs (in order) before one; -1 where there is none."""
    place = bisect_left(seqs, seq)
    return seqs[place - 1] if place else -1


def _act(event: Mapping[str, Any]) -> Act | None:
    if event["type"] == "file_edit":
        return Act(event["seq"], event["file_path"], _edit(event["file_path"], event["diff_unified"]))
    if event["type"] == "cmd_run":
        simples = simple_commands(event["command"])
        return Act(event["seq"], " ".join(event["command"].split()), doing(simples), simples)
    if event["type"] == "test_run":
        return _test_run(event)
    return None


def _edit(path: str, diff: str) -> Doing:
    source = not is_test_path(path)
    removed = (path,) if "\n+++ /dev/null" in diff else ()
    scratch = (path,) if is_scratch(path) and not removed else ()
    return Doing(edits_source=source, edits_other=not source, scratch=scratch, removes=removed)


def _test_run(event: Mapping[str, Any]) -> Act:
    command = event.get("command") or ""
    simples = simple_commands(command)
    what = doing(simples)
    if not what.checks:
        # A client that tells no command, or one we cannot read, still says that tests ran.
        name = " ".join(command.split()) or event["framework"]
        what = replace(what, checks=(name,), whole_suite=not command)
    return Act(event["seq"], " ".join(command.split()) or event["framework"], what, simples)
