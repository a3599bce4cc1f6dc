"""The port to a place where untrusted code runs: what the rest of the sandbox may ask for and may not assume.

The errors tell whose fault a failure is: a command's own failure is an ExecResult, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

REPOSITORY = "/workspace"  # the preparing user's folder; code under test can read it and change nothing in it
INPUT = f"{REPOSITORY}/in"


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command ended. `exit_code` is None where the whole environment ended under it: killed at the deadline
    (`timed_out`), or brought down by the command itself.

    `output` is stdout and stderr together, at most the cap asked for: its first and last halves where `truncated`.
    Where a report was asked for, `report` is stdout alone, None where it had more than the cap, and `output` the rest.
    """

    exit_code: int | None
    output: bytes
    truncated: bool
    timed_out: bool
    duration_us: int
    report: bytes | None = None


class EngineAbsent(Exception):
    """Nothing answers where the environments are made."""


class EngineLost(Exception):
    """The machinery failed while it was in use: try again in a new environment."""


class ImageMissing(Exception):
    """The engine answers but does not have the image."""


class RuntimeMissing(Exception):
    """The engine answers but does not offer the container runtime that was asked for."""


class Environment(Protocol):
    """One isolated place, gone for good after `close`, and within its lifetime also without it.

    All methods raise EngineLost when the machinery fails. After a result without an exit code nothing works but
    `out_of_memory` and `close`.
    """

    async def write_files(self, files: Mapping[str, bytes]) -> None:
        """Write files of the preparing user into INPUT, by name."""

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
        """Run a command in `folder` to its end or its deadline; a report of at most `report_bytes` where above 0.

        The command must know how much to read of `stdin`, which has no end.
        `trusted` commands run as the user that owns the prepared files, others as one that can only read them.
        """

    async def out_of_memory(self) -> bool:
        """Whether the memory limit has killed a process since the start."""

    def describe(self) -> dict[str, str]:
        """What decides the result beside the code: image digest, runtime, engine, limits."""

    async def close(self) -> None:
        """End every process and drop every file; never raises, and does nothing the second time."""


class Environments(Protocol):
    """Makes environments."""

    async def start(self, lifetime_s: float, image: str) -> Environment:
        """A new environment that ends by itself after `lifetime_s`. `image` is a key of the settings' or a name.

        Raises EngineAbsent, EngineLost, ImageMissing, RuntimeMissing.
        """
