"""Asks the process that fetches, and says what its answer means for a verdict."""

from __future__ import annotations

from pathlib import Path

from sandbox.child import run_module
from sandbox.failures import NoVerdict, infra_failure, tail, unverifiable
from sandbox.fetch import FETCHED, NO_COMMIT, REFUSED, TOO_LARGE

GRACE_S = 30.0  # the process has a deadline of its own for each of its commands
_REASONS = {REFUSED: "no_workspace", NO_COMMIT: "no_start_commit", TOO_LARGE: "bad_workspace"}


class FetchByProcess:
    """Starts `python -m sandbox.fetch` for each commit that is wanted; see workspace.Fetch."""

    def __init__(self, timeout_s: float) -> None:
        self._deadline_s = timeout_s + GRACE_S

    async def __call__(self, origin: str, commit: str) -> Path:
        """The folder of the fetched objects. Raises NoVerdict."""
        status, output, said = await run_module("sandbox.fetch", "--", origin, commit, deadline_s=self._deadline_s)
        if status == FETCHED:
            return Path(output.decode().strip())
        if status in _REASONS:
            raise NoVerdict(unverifiable(_REASONS[status], tail(said)))
        raise NoVerdict(infra_failure("fetch_failed", tail(said)))
