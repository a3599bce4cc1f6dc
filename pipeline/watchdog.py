"""Ends a consumer that has stopped without a word, with a status of its own, so that it is started again.

Standing still is not idleness, and not patience with others. It is one of these, seen at LOOKS looks in a row: the log
holds more than was taken, there is room for it, and nothing is taken; or one turn of the work never ends; or the event
loop itself is blocked. While the broker does not answer nobody is to blame. A step without room is at work, or tries
again because a server is away: that has deadlines of its own. Looks are counted instead of seconds, since a process
that was frozen has not looked.
"""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from pipeline.clock import now_us
from pipeline.errors import Explained
from pipeline.lag import Lag, alarms, lags
from pipeline.settings import KafkaSettings
from pipeline.telemetry import logger

EXIT_STALLED = 75
LOOKS = 6
UNKNOWN = sys.maxsize
"""Position of a partition that the consumer does not know, or no longer has."""
Ends = Mapping[TopicPartition, int]
log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Course:
    """How far a consumer is: turns of its work, what it has taken and committed, whether it would take more now."""

    turns: int
    done: object
    takes_more: bool
    positions: Mapping[TopicPartition, int]

    def is_behind(self, ends: Ends) -> bool:
        """Whether the log holds records that it should take now."""
        return self.takes_more and any(ends.get(place, 0) > position for place, position in self.positions.items())


class Standing:
    """Counts the looks in a row at which something was due and nothing had changed."""

    def __init__(self) -> None:
        self._sign: object = None
        self._looks = 0

    def look(self, sign: object, due: bool) -> bool:
        """Whether it has been long enough."""
        self._looks = self._looks + 1 if due and sign == self._sign else 0
        self._sign = sign
        return self._looks >= LOOKS


class Verdict:
    """What all looks at one consumer come to."""

    def __init__(self) -> None:
        self._taking, self._turning = Standing(), Standing()

    def look(self, course: Course, ends: Ends | None) -> str | None:
        """Why it has to end, or None. `ends`: next offset of each partition; None where the broker does not answer."""
        idle = self._taking.look(course.done, ends is not None and course.is_behind(ends))
        hung = self._turning.look(course.turns, ends is not None)
        if hung:
            return "one turn of the work does not end"
        return "the log holds more, and nothing is taken" if idle else None


async def watch(kafka: KafkaSettings, course: Callable[[], Awaitable[Course]]) -> None:
    """Look at a consumer until cancelled; ends the process when it stands still."""
    pause_s, verdict, heart = kafka.stall_s / LOOKS, Verdict(), _Heart(kafka.stall_s / LOOKS)
    beating = asyncio.create_task(heart.beat())
    try:
        while True:
            await asyncio.sleep(pause_s)
            now = await course()
            found = await _lags(kafka, now.positions, pause_s)
            for alarm in alarms(found or (), now_us() // 1000):
                log.warning("retention overtakes the reader", what=alarm)
            if why := verdict.look(now, None if found is None else {lag.place: lag.end for lag in found}):
                end(why, **_places(now))
    finally:
        beating.cancel()
        heart.stopped.set()


def _places(course: Course) -> dict[str, str]:
    return {"positions": ", ".join(f"{tp.topic}/{tp.partition}/{at}" for tp, at in sorted(course.positions.items()))}


async def _lags(
    kafka: KafkaSettings, positions: Mapping[TopicPartition, int], patience_s: float
) -> Sequence[Lag] | None:
    # Through connections of their own: that of the consumer may be what is broken.
    known = {place: position for place, position in positions.items() if position != UNKNOWN}
    try:
        async with asyncio.timeout(patience_s):
            return await lags(kafka, known)
    except (KafkaError, OSError, TimeoutError, Explained) as error:
        log.info("the broker does not say how far the log is", reason=repr(error))
        return None


class _Heart:
    """Beats in the event loop, and is listened to by a thread, which alone sees a loop that is blocked."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s, self._beats = pause_s, 0
        self.stopped = threading.Event()
        threading.Thread(target=self._listen, name="watchdog", daemon=True).start()

    async def beat(self) -> None:
        while True:
            self._beats += 1
            await asyncio.sleep(self._pause_s / 2)

    def _listen(self) -> None:
        standing = Standing()
        while not self.stopped.wait(self._pause_s):
            if standing.look(self._beats, due=True):
                end("the event loop is blocked")


def end(why: str, **facts: object) -> NoReturn:
    """End the process at once; what is not committed will be read again."""
    log.critical("stalled, stopping", reason=why, **facts)
    logging.shutdown()
    os._exit(EXIT_STALLED)
