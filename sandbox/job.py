"""What one validation is asked to find out. Values only.

A job comes from the trace and is not trusted; its task is the operator's and is. Nothing of a trace reaches a Task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.patching import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a program must answer: started with `argv` at the tree's root and fed `stdin`, output and exit status."""

    name: str
    argv: tuple[str, ...]
    stdin: bytes = b""
    stdout: bytes = b""
    exit_status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the operator knows about a task beforehand; everything may be left out.

    `fail_to_pass` and `pass_to_pass` are test ids that must go from failing to passing and stay passing: without them
    they are computed from the runs. `test_patch` is a diff of tests that count as the start commit's own. `runner` is a
    key of RUNNERS, `selection` what it is told to run: files or test ids, everything where empty.

    With `cases` or `black_box_tests` (files by name, for pytest) only they can show that something is fixed: the
    program is called from outside of its container, and tests beside its code can only show that it lost something.
    """

    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    test_patch: bytes = b""
    runner: str | None = None
    selection: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    black_box_tests: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def black_box(self) -> bool:
        """Whether the program is examined from outside."""
        return bool(self.cases or self.black_box_tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A change to validate.

    `workspace` has the repository's files by name (checkout.MIRROR, checkout.BUNDLE), `commit` is where the patches
    begin, in order. `image` names an image that has what the tests need; the runner's own where None.
    """

    workspace: Mapping[str, bytes]
    commit: str
    patches: tuple[Patch, ...]
    task: Task = field(default_factory=Task)
    image: str | None = None
