"""Who is next: a few turns at once, given to projects one after the other.

A project that has sent a thousand traces waits for its own traces, and another one's single trace only for the turns
that are taken. Within a project the order is that of asking.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """At most `at_once` turns are taken at any time."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, project: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the block."""
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(project, deque()).append(asked)
        self._give()
        try:
            await asked
            yield
        finally:
            if asked.done() and not asked.cancelled():
                self._free += 1
            asked.cancel()
            self._give()

    def _give(self) -> None:
        while self._free and self._waiting:
            project, asked = self._waiting.popitem(last=False)
            given = asked.popleft()
            if not given.cancelled():
                given.set_result(None)
                self._free -= 1
            if asked:
                # others first; one that only gave up its place has had no turn
                self._waiting[project] = asked
                self._waiting.move_to_end(project, last=not given.cancelled())
