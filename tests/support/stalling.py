"""A consumer with a fault of its own: `python -m tests.support.stalling FAULT TOPIC`. It says each record it takes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from pipeline.consumer import Commits, consume, stop_on_signals
from pipeline.deadletter import DeadLetters
from pipeline.each import Each
from pipeline.kafka import make_consumer, make_producer, start
from pipeline.settings import KafkaSettings, load
from pipeline.telemetry import configure_logs
from schemas.records import Record

LONG_S = 1_000


class HungStep(Each):
    """Its turn does not end once it has work."""

    async def poll(self) -> Commits:
        done = await super().poll()
        if done:
            await asyncio.sleep(LONG_S)
        return done


async def _run(fault: str, topic: str) -> None:
    kafka, stop = load(KafkaSettings), stop_on_signals()
    producer, consumer = make_producer(kafka), make_consumer(kafka, group=f"{topic}-group")
    await start(producer)

    async def handle(record: Record) -> None:
        sys.stderr.write("took one\n")
        sys.stderr.flush()
        if fault == "deaf":
            _go_deaf(consumer)
        if fault == "blocked":
            time.sleep(LONG_S)  # noqa: ASYNC251  # the fault
        if fault == "slow":
            await asyncio.sleep(12)

    kind = HungStep if fault == "hung" else Each
    step = kind(handle, DeadLetters(producer, "group", "stage"), 1)
    await consume(consumer, [topic], step, stop)
    await producer.stop()


def _go_deaf(consumer: AIOKafkaConsumer) -> None:
    async def nothing(**_: Any) -> Mapping[TopicPartition, list[Any]]:
        await asyncio.sleep(0.1)
        return {}

    consumer.getmany = nothing


if __name__ == "__main__":
    configure_logs("stalling")
    asyncio.run(_run(*sys.argv[1:]))
