"""A step that handles records one by one, several at once, and commits each partition's finished prefix.

Here, and nowhere else, an error becomes an action: Invalid is dead-lettered before the offset moves, Erased is passed
over, Retryable is tried again with growing pauses, anything else stops the process.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.consumer import Commits
from pipeline.deadletter import DeadLetters
from pipeline.errors import Erased, Invalid, Retryable
from pipeline.letters import meant_for
from pipeline.telemetry import logger
from schemas.codec import UndecodableRecord, decode
from schemas.records import Record

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
# Finished records wait behind an unfinished one of their partition; after a restart all of them are done again.
MOST_HELD = 1_000
MOST_BYTES = 64 * 1024 * 1024  # of records in work or waiting for their turn, since a step may take many ahead
Handler = Callable[[Record], Awaitable[None]]
log = logger(__name__)


async def settle(handle: Handler, record: ConsumerRecord, dead_letters: DeadLetters) -> None:
    """Handle one record for good: returns when it is done or dead-lettered, raises what must stop the process.

    A record that was redriven for another group is done at once.
    """
    if not meant_for(record.headers, dead_letters.group):
        return None
    pause = FIRST_PAUSE_S
    while True:
        try:
            with suppress(Erased):
                await handle(decode(record.value))
        except (Invalid, UndecodableRecord) as error:
            return await dead_letters.refuse(record, error)
        except Retryable as error:
            log.warning("will try again", topic=record.topic, offset=record.offset, pause_s=pause, reason=str(error))
            dead_letters.cap.tried += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        else:
            return dead_letters.cap.taken()


class EachPlaced(ABC):
    """At most `parallel` records in work; order of completion is free, order of commit is the log's."""

    def __init__(self, dead_letters: DeadLetters, parallel: int) -> None:
        self._dead_letters, self._parallel = dead_letters, parallel
        self._bytes = 0
        self._work: dict[TopicPartition, deque[tuple[int, asyncio.Task[None]]]] = {}

    @abstractmethod
    def handler_of(self, record: ConsumerRecord) -> Handler:
        """What handles the record that stands there in the log."""

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._work.setdefault(partition, deque())

    async def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            await self._drop(self._work.pop(partition, deque()))

    def room(self) -> int:
        if self._bytes >= MOST_BYTES:
            return 0
        active = sum(not task.done() for work in self._work.values() for _, task in work)
        return min(self._parallel - active, MOST_HELD - sum(map(len, self._work.values())))

    async def submit(self, record: ConsumerRecord) -> None:
        task = asyncio.create_task(self._settle(record, len(record.value or b"")))
        self._work[TopicPartition(record.topic, record.partition)].append((record.offset, task))

    async def _settle(self, record: ConsumerRecord, size: int) -> None:
        self._bytes += size
        try:
            await settle(self.handler_of(record), record, self._dead_letters)
        finally:
            self._bytes -= size

    async def poll(self) -> Commits:
        done: dict[TopicPartition, tuple[int, str]] = {}
        for partition, work in self._work.items():
            for _, task in work:
                if task.done():
                    task.result()
            while work and work[0][1].done():
                done[partition] = (work.popleft()[0] + 1, "")
        return done

    async def close(self) -> None:
        await self.revoked(list(self._work))

    async def _drop(self, work: deque[tuple[int, asyncio.Task[None]]]) -> None:
        tasks = [task for _, task in work]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Each(EachPlaced):
    """The same handler for every record, wherever it stands."""

    def __init__(self, handle: Handler, dead_letters: DeadLetters, parallel: int) -> None:
        super().__init__(dead_letters, parallel)
        self._handle = handle

    def handler_of(self, _record: ConsumerRecord) -> Handler:
        return self._handle
