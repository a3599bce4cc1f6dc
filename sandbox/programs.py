"""The program under test, each time in a container of its own, which has one tree and nothing else.

Not the repository, in whose history a later fix may lie; not what the program is expected to answer; nothing that an
earlier call has left, nor a process of one. What goes in is a command and its input, what comes out its answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sandbox.checkout import unpack
from sandbox.environment import INPUT, Environment, Environments, ExecResult
from sandbox.failures import KILLED, NoVerdict, Outcome, tail, timeout, unverifiable
from sandbox.runners.runner import Runner
from sandbox.spec import HOME, WORK, Limits

_PACK = ("tar", "-c", "-C", WORK, ".")
_FILL = f'mkdir {WORK} {HOME} && head -c "$1" | tar -x -C {WORK}'
# the environment's input has no end, the program's has one
_CALL = 'head -c "$1" | { shift; exec timeout -s KILL "$@"; }'
_CALL_WITH_FILE = f'cat {INPUT}/stdin | {{ shift; exec timeout -s KILL "$@"; }}'
_PIPE_BYTES = 32 * 1024  # what a pipe takes although nobody reads it: more would wait for a program that reads nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came to. `stdout` is None where there was more than the limit, `exit_status` where there is none."""

    stdout: bytes | None
    stderr: bytes
    exit_status: int | None
    duration_us: int


async def packed_tree(environment: Environment, tree: str, limits: Limits) -> bytes:
    """A tar file of a prepared tree's files. Raises NoVerdict where there is no room for it."""
    await unpack(environment, tree, limits)
    room = limits.scratch_bytes
    done = await environment.run(
        _PACK, deadline_s=limits.prepare_timeout_s, output_bytes=limits.output_bytes, report_bytes=room
    )
    if done.exit_code != 0 or done.report is None:
        raise NoVerdict(unverifiable("sandbox_exhausted", tail(done.output) or f"the tree has more than {room} bytes"))
    return done.report


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program in its container: files that one call leaves are there for the next. `name` is for a reason."""

    environment: Environment
    runner: Runner
    limits: Limits
    changed: bool
    name: str

    async def call(self, argv: Sequence[str], stdin: bytes) -> Answer:
        """Run a command of the program at the tree's root.

        Raises NoVerdict where one with the change does not come to its end; before, that is what the bug may be.
        """
        limits, fits = self.limits, len(stdin) <= _PIPE_BYTES
        if not fits:
            await self.environment.write_files({"stdin": stdin})
        script = _CALL if fits else _CALL_WITH_FILE
        done = await self.environment.run(
            ["sh", "-c", script, "call", str(len(stdin)), f"{limits.run_timeout_s:g}", *argv],
            deadline_s=limits.run_timeout_s + limits.prepare_timeout_s,
            output_bytes=limits.output_bytes,
            folder=WORK,
            environment=self.runner.environment,
            stdin=stdin if fits else None,
            report_bytes=limits.report_bytes,
        )
        if self.changed and (outcome := await self._unfinished(done)):
            raise NoVerdict(outcome)
        return Answer(done.report, done.output, None if done.timed_out else done.exit_code, done.duration_us)

    async def _unfinished(self, done: ExecResult) -> Outcome | None:
        limit_s = self.limits.run_timeout_s
        if done.timed_out or (done.exit_code == KILLED and done.duration_us >= limit_s * 1e6):
            return timeout(self.name, limit_s)
        if done.exit_code in {KILLED, None} and await self.environment.out_of_memory():
            return unverifiable("out_of_memory", self.name)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Starts programs of one tree, packed; `image` is the name of the image that has what they need.

    `changed`: whether the tree has the change that is examined.
    """

    environments: Environments
    image: str
    runner: Runner
    limits: Limits
    tree: bytes
    changed: bool

    @asynccontextmanager
    async def started(self, name: str) -> AsyncIterator[Program]:
        """A program in a new container, gone at the end of the block. Raises NoVerdict, and as `start` does."""
        environment = await self.environments.start(self.limits.lifetime_s, self.image)
        try:
            done = await environment.run(
                ["sh", "-c", _FILL, "fill", str(len(self.tree))],
                deadline_s=self.limits.prepare_timeout_s,
                output_bytes=self.limits.output_bytes,
                stdin=self.tree,
            )
            if done.exit_code != 0:
                raise NoVerdict(unverifiable("sandbox_exhausted", tail(done.output)))
            yield Program(
                environment=environment, runner=self.runner, limits=self.limits, changed=self.changed, name=name
            )
        finally:
            await environment.close()
