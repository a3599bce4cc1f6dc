"""Work that nobody waits for starts when nothing live runs, and in the end although something does."""

from __future__ import annotations

from itertools import count

import pytest

from sandbox.environment import Environment
from sandbox.yielding import PATIENCE_S, Yielding


class Started(Exception):
    """Instead of an environment."""


class Engine:
    """Has so many live containers at each look."""

    def __init__(self, *live: int) -> None:
        self._live = list(live)
        self.looks = 0

    async def live(self) -> int:
        self.looks += 1
        return self._live.pop(0) if len(self._live) > 1 else self._live[0]

    async def start(self, lifetime_s: float, image: str) -> Environment:
        raise Started(lifetime_s, image)


@pytest.mark.parametrize(("live", "looks"), [([0], 1), ([2, 1, 0], 3), ([1], int(PATIENCE_S))])
async def test_it_waits_for_live_work_but_not_for_ever(live: list[int], looks: int) -> None:
    engine = Engine(*live)
    seconds = (second * 1_000_000 for second in count())
    with pytest.raises(Started, match=r"^\(60, 'python'\)$"):
        await Yielding(engine, seconds.__next__, look_s=0).start(60, "python")
    assert engine.looks == looks
