"""The one consumer loop: poll, submit, commit what the step reports done.

A step may be slow: while it has no room the partitions are paused and the group membership kept. Records are handed
over in order within a partition, at least once; a step's effects must be idempotent.
"""

import asyncio
import signal
from collections.abc import Iterable, Mapping
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.telemetry import logger

POLL_MS = 100
Commits = Mapping[TopicPartition, tuple[int, str]]
"""Partition -> (next offset, metadata), as the broker keeps them."""
log = logger(__name__)


class Step(Protocol):
    """What is done with the records of a consumer."""

    async def assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions start at their committed offsets. Nothing of an earlier assignment may be assumed."""

    async def revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget everything about these partitions: somebody else reads them now."""

    def room(self) -> int:
        """How many more records the step can hold; at 0 the loop only polls."""

    async def submit(self, record: ConsumerRecord) -> None:
        """Take a record. It may be one that was seen before."""

    async def poll(self) -> Commits:
        """Go on with the work; report what is done for good. An exception stops the process."""

    async def close(self) -> None:
        """Stop; unfinished work is dropped and will be read again."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, step: Step) -> None:
        self._step = step

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._step.revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._step.assigned(assigned)


async def _commit(consumer: AIOKafkaConsumer, commits: Commits) -> None:
    try:
        await consumer.commit(dict(commits))
    except (CommitFailedError, IllegalStateError) as error:
        # A rebalance came between: the new owner reads these records again, and effects are idempotent.
        log.info("commit refused after a rebalance", error=str(error))


def _throttle(consumer: AIOKafkaConsumer, room: int) -> None:
    assigned = consumer.assignment()
    if room > 0:
        consumer.resume(*(consumer.paused() & assigned))
    else:
        consumer.pause(*assigned)


async def consume(consumer: AIOKafkaConsumer, topics: Iterable[str], step: Step, stop: asyncio.Event) -> None:
    """Run the step over the topics until `stop` is set. The consumer is started here and closed at the end."""
    consumer.subscribe(list(topics), listener=_Listener(step))
    await consumer.start()
    try:
        while not stop.is_set():
            _throttle(consumer, room := step.room())
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=max(room, 1))
            for records in batches.values():
                for record in records:
                    await step.submit(record)
            if commits := await step.poll():
                await _commit(consumer, commits)
    finally:
        await step.close()
        await consumer.stop()


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set; to be called inside the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
