"""The one consumer loop: poll, submit, commit what the step reports done.

A step may be slow: while it has no room nothing is taken from the consumer, which keeps its group membership by itself.
Records are handed over in order within a partition, at least once; a step's effects must be idempotent. The methods of
a step never run at the same time, although aiokafka announces a rebalance from a task of its own.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.kafka import settings_of, start
from pipeline.telemetry import logger
from pipeline.watchdog import UNKNOWN, Course, watch

POLL_MS = 100
NO_ROOM_PAUSE_S = 0.01
# After this long a commit that waits for a broker, or a slow step, no longer holds up the end of the process.
STOP_GRACE_S = 5.0
POSITION_S = 1.0
Commits = Mapping[TopicPartition, tuple[int, str]]
"""Partition -> (next offset, metadata), as the broker keeps them."""
log = logger(__name__)


class Step(Protocol):
    """What is done with the records of a consumer. An exception of any method stops the process."""

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions start at their committed offsets. Nothing of an earlier assignment may be assumed."""

    async def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget everything about these partitions: somebody else reads them now."""

    def room(self) -> int:
        """How many more records the step can hold; at 0 the loop only polls."""

    async def submit(self, record: ConsumerRecord) -> None:
        """Take a record. It may be one that was seen before."""

    async def poll(self) -> Commits:
        """Go on with the work; report what is done for good."""

    async def close(self) -> None:
        """Stop; unfinished work is dropped and will be read again."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells the step about its partitions. aiokafka would only log what it raises, so the loop looks at `failure`."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.turn = asyncio.Lock()
        self.failure: Exception | None = None

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._tell(self._step.revoked, revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._tell(self._step.assigned, assigned)

    async def _tell(
        self, method: Callable[[Iterable[TopicPartition]], Awaitable[None]], partitions: Iterable[TopicPartition]
    ) -> None:
        try:
            async with self.turn:
                await method(partitions)
        except Exception as error:
            self.failure = error


async def _commit(consumer: AIOKafkaConsumer, commits: Commits) -> None:
    try:
        await consumer.commit(dict(commits))
    except (CommitFailedError, IllegalStateError) as error:
        # A rebalance came between: the new owner reads these records again, and effects are idempotent.
        log.info("commit refused after a rebalance", error=str(error))


async def _fetched(consumer: AIOKafkaConsumer, room: int) -> list[ConsumerRecord]:
    # Pausing the partitions instead would throw away what is prefetched (aiokafka 0.14, FetchResult.check_assignment)
    # and fetch it again for every record that a slow step takes.
    if room <= 0:
        await asyncio.sleep(NO_ROOM_PAUSE_S)
        return []
    batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=room)
    return [record for records in batches.values() for record in records]


class _Loop:
    """The loop over one consumer, and how far it is."""

    def __init__(self, consumer: AIOKafkaConsumer, step: Step, listener: _Listener) -> None:
        self._consumer, self._step, self._listener = consumer, step, listener
        self._turns = self._taken = self._commits = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set, or the step fails."""
        while not stop.is_set():
            records = await _fetched(self._consumer, self._step.room())
            async with self._listener.turn:
                if self._listener.failure:
                    raise self._listener.failure
                await self._turn(records)
            self._turns += 1

    async def _turn(self, records: list[ConsumerRecord]) -> None:
        for record in records:
            await self._step.submit(record)
            self._taken += 1
        if commits := await self._step.poll():
            await _commit(self._consumer, commits)
            self._commits += 1

    async def course(self) -> Course:
        """How far it is now."""
        positions = {place: await self._position(place) for place in self._consumer.assignment()}
        done = self._taken, self._commits
        return Course(self._turns, done, takes_more=self._step.room() > 0, positions=positions)

    async def _position(self, place: TopicPartition) -> int:
        try:
            async with asyncio.timeout(POSITION_S):
                position: int = await self._consumer.position(place)
                return position
        except (TimeoutError, IllegalStateError):  # not known yet, or not ours any more
            return UNKNOWN


async def until_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event, grace_s: float) -> None:
    """Do the work; once `stop` is set it has `grace_s` seconds left."""
    running, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((running,), timeout=grace_s)
        if running.done():
            running.result()
    finally:
        stopping.cancel()
        running.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)


async def _leave(consumer: AIOKafkaConsumer) -> None:
    # While its broker is away stop() raises CancelledError (aiokafka 0.14, Fetcher.close) or waits: neither is ours.
    leaving = asyncio.create_task(consumer.stop())
    await asyncio.wait((leaving,), timeout=STOP_GRACE_S)


async def consume(consumer: AIOKafkaConsumer, topics: Iterable[str], step: Step, stop: asyncio.Event) -> None:
    """Run the step over the topics until `stop` is set. The consumer is started here and closed at the end.

    Raises Unreachable when no broker answers at the start, else whatever the step raises. Where it stands still
    although the log goes on, `watchdog` ends the process.
    """
    listener, kafka = _Listener(step), settings_of(consumer)
    consumer.subscribe(list(topics), listener=listener)
    loop = _Loop(consumer, step, listener)
    watching = asyncio.create_task(watch(kafka, loop.course)) if kafka else None
    try:
        await until_stopped(start(consumer), stop, 0)
        await until_stopped(loop.run(stop), stop, STOP_GRACE_S)
    finally:
        if watching:
            watching.cancel()
        await step.close()
        await _leave(consumer)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of them at once; the failure of one ends the others and is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; to be called inside the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
