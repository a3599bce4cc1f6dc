"""Lets live traces go first: work that nobody waits for starts when no live container runs on the engine.

The engine is what live and later validations share, whichever process they are of; so it is the engine that is asked.
Nothing is taken from a validation that has begun, because its deadlines are those of a wall clock.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from pipeline.clock import Clock
from sandbox.environment import Environment, Environments

PATIENCE_S = 60.0
LOOK_S = 0.5


class Shared(Environments, Protocol):
    """Environments of an engine that others use as well."""

    async def live(self) -> int:
        """How many environments of live validations there are, of all processes. Raises as `start` does."""


class Yielding:
    """Environments that wait for live ones, each at most PATIENCE_S, so that the work goes on under any load."""

    def __init__(self, shared: Shared, clock: Clock, look_s: float = LOOK_S) -> None:
        self._shared, self._clock, self._look_s = shared, clock, look_s

    async def start(self, lifetime_s: float, image: str) -> Environment:
        """See Environments."""
        latest_us = self._clock() + round(PATIENCE_S * 1_000_000)
        while True:
            if not await self._shared.live() or self._clock() >= latest_us:
                return await self._shared.start(lifetime_s, image)
            await asyncio.sleep(self._look_s)
