"""Dependencies of the code under test: the image that has them, and what a run tells of those that are missing."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from weakref import WeakValueDictionary

from sandbox.checkout import RAW_BYTES, trusted
from sandbox.child import run_module
from sandbox.environment import REPOSITORY, Environment
from sandbox.failures import Outcome, tail, unverifiable
from sandbox.locks import LOCK_BYTES
from sandbox.spec import Limits

BUILD_DEADLINE_S = 900
FAILURE_KEPT_S = 600.0  # long enough for a burst of traces, short enough for an index that was away
FAILURES_KEPT = 1_000
NAMED = 5
_EXCUSED = frozenset({"not_fixed", "no_tests", "no_failing_test", "collection_failed", "runner_failed"})
Builder = Callable[[str, str, bytes], Awaitable[str | None]]
"""Makes the image for (base image, name of the lock file, its content); None, or why it cannot be made."""

# at the start of a line, as a traceback has it, by itself or as pytest shows it
_MISSING = re.compile(rb"^(?:E +)?ModuleNotFoundError: No module named '([A-Za-z0-9_.]{1,200})'", re.MULTILINE)
_READ = f'git --git-dir={REPOSITORY}/repo.git cat-file blob "$1:$2"'
_LIST = f'git --git-dir={REPOSITORY}/repo.git ls-tree -r -t -z --name-only "$1"'


async def read_lock(environment: Environment, tree: str, name: str, limits: Limits) -> bytes | None:
    """The content of a lock file at the root of a prepared tree; None above LOCK_BYTES."""
    done = await trusted(environment, ["sh", "-c", _READ, "lock", tree, name], limits, LOCK_BYTES)
    return done.output if done.exit_code == 0 and not done.truncated else None


async def build_by_process(base: str, lock: str, content: bytes) -> str | None:
    """The Builder that starts `python -m sandbox.images build`."""
    with tempfile.TemporaryDirectory(prefix="prt-lock-") as folder:
        path = Path(folder, lock)
        await asyncio.to_thread(path.write_bytes, content)
        arguments = ("build", "--base", base, "--lock", str(path))
        status, _, said = await run_module("sandbox.images", *arguments, deadline_s=BUILD_DEADLINE_S)
    return None if status == 0 else tail(said)


class Patient:
    """A Builder that asks another one, for the same file one at a time, and after a failure not again for a while.

    A failure costs pip, the network and minutes, and traces of one repository come one after the other. `clock` gives
    seconds.
    """

    def __init__(self, build: Builder, clock: Callable[[], float] = time.monotonic) -> None:
        self._build, self._clock = build, clock
        self._failed: OrderedDict[tuple[str, str, str], tuple[float, str]] = OrderedDict()
        self._under_way: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, base: str, lock: str, content: bytes) -> str | None:
        """See Builder."""
        key = (base, lock, hashlib.sha256(content).hexdigest())
        alone = self._under_way.setdefault(key, asyncio.Lock())
        async with alone:
            until_s, problem = self._failed.get(key, (0.0, ""))
            if problem and self._clock() < until_s:
                return problem
            self._failed.pop(key, None)
            if problem_now := await self._build(base, lock, content):
                self._failed[key] = (self._clock() + FAILURE_KEPT_S, problem_now)
                while len(self._failed) > FAILURES_KEPT:
                    self._failed.popitem(last=False)
            return problem_now


def missing_modules(output: bytes) -> frozenset[str]:
    """Top-level names that a run could not import."""
    return frozenset(name.decode().partition(".")[0] for name in _MISSING.findall(output))


async def not_in_tree(environment: Environment, tree: str, names: Collection[str], limits: Limits) -> tuple[str, ...]:
    """Those names that are no module anywhere in a prepared tree, and so can only be dependencies."""
    done = await trusted(environment, ["sh", "-c", _LIST, "list", tree], limits, RAW_BYTES)
    if not names or done.exit_code != 0 or done.truncated:
        return ()
    last_parts = {path.rpartition(b"/")[2].decode(errors="replace") for path in done.output.split(b"\0")}
    return tuple(sorted(name for name in names if not {name, f"{name}.py", f"{name}.pyi"} & last_parts))


def excused(outcome: Outcome, missing: Collection[str], dependencies: str | None) -> Outcome:
    """The outcome where dependencies were missing before the change: a fix that could not be seen is not a missing fix.

    `dependencies` says what became of the lock file.
    """
    if not missing or (outcome.reason or outcome.verdict) not in _EXCUSED:
        return outcome
    names = ", ".join(sorted(missing)[:NAMED])
    return unverifiable("missing_dependency", f"{names} ({dependencies or 'there is no lock file'})")
