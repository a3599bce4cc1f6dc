"""Where there is no room for a tree, it is said why, and nothing is said of the change."""

from __future__ import annotations

from typing import Any, cast

import pytest

from sandbox.checkout import unpack
from sandbox.environment import Environment, ExecResult
from sandbox.failures import NoVerdict
from sandbox.spec import MIB, Limits


class Full:
    """An environment in which every command ends with these words."""

    def __init__(self, words: bytes) -> None:
        self._words = words

    async def run(self, *_: Any, **__: Any) -> ExecResult:
        return ExecResult(1, self._words, False, False, 1)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"error: unable to write file a.py: No space left on device", "sandbox_exhausted"),
        (b"sh: 0: Cannot fork", "sandbox_exhausted"),
        (b"fatal: cannot create directory: File name too long", "path_too_long"),
    ],
)
async def test_a_tree_that_cannot_be_unpacked_gives_no_verdict(words: bytes, reason: str) -> None:
    with pytest.raises(NoVerdict) as ended:
        await unpack(cast(Environment, Full(words)), "0" * 40, Limits(run_timeout_s=1, memory_bytes=MIB, pids=1))
    assert (ended.value.outcome.verdict, ended.value.outcome.reason) == ("unverifiable", reason)
