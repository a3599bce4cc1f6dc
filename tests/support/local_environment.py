"""An environment that is a folder of this machine: for what the sandbox does with git, not for code under test."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.environment import REPOSITORY, ExecResult
from sandbox.transfer import Capped
from tests.support.sandbox import git

_ROOTED = re.compile(rf"(?<!\w){REPOSITORY}(?=[/\s]|\Z)")


class LocalEnvironment:
    """Runs the sandbox's own commands, with `folder` where the container has REPOSITORY."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "in").mkdir(parents=True)

    async def write_files(self, files: Mapping[str, bytes]) -> None:
        """See Environment."""
        for name, content in files.items():
            (self.folder / "in" / name).write_bytes(content)

    async def run(
        self,
        command: Sequence[str],
        *,
        trusted: bool = False,
        deadline_s: float,
        output_bytes: int,
        folder: str = "/",
        environment: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        report_bytes: int = 0,
    ) -> ExecResult:
        """See Environment. Only what is trusted is run."""
        assert trusted, "no code under test runs on this machine"
        started, output = time.monotonic_ns(), Capped(output_bytes)
        here = [_ROOTED.sub(str(self.folder), part) for part in command]
        process = await asyncio.create_subprocess_exec(
            *here, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output.add((await asyncio.wait_for(process.communicate(), deadline_s))[0])
        duration_us = (time.monotonic_ns() - started) // 1000
        return ExecResult(process.returncode, output.joined(), output.truncated, False, duration_us)

    async def out_of_memory(self) -> bool:
        """See Environment."""
        return False

    def describe(self) -> dict[str, str]:
        """See Environment."""
        return {}

    async def close(self) -> None:
        """See Environment."""

    def git(self, *arguments: str) -> bytes:
        """What a git command says of the repository that was prepared."""
        return git(self.folder / "repo.git", *arguments)
