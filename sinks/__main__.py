"""The sink service: `python -m sinks` keeps what finished services say in ClickHouse, archives topics, removes from
the object store what was erased or is too old, and looks for what got lost.

Its parts are consumer groups of their own; when one of them fails the process ends, and starts again with all of them.
"""

import asyncio

from aiokafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.collector import spare_the_collector
from pipeline.consumer import consume, stop_on_signals, together
from pipeline.deadletter import DeadLetters
from pipeline.each import Each
from pipeline.kafka import admin, make_consumer, make_producer, start
from pipeline.replay import Log
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, KafkaSettings, LogSettings, ObjectStoreSettings, SinksSettings, load
from pipeline.telemetry import configure_logs
from sinks import archiver, eraser
from sinks.archiver import Archiver
from sinks.auditing import Auditing
from sinks.eraser import Eraser
from sinks.sweep import keep_sweeping
from sinks.worker import GROUP, TOPICS, Committed, Sink

ERASED_AT_ONCE = 4


def committed_by(kafka: KafkaSettings) -> Committed:
    """Asks the broker for the group's place."""

    async def committed(partitions: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        async with admin(kafka) as client:
            offsets: dict[TopicPartition, OffsetAndMetadata] = await client.list_consumer_group_offsets(
                GROUP, partitions=partitions
            )
        return offsets

    return committed


async def run() -> None:
    """Insert, archive, erase and sweep until told to stop."""
    rows, sinks = load(ClickHouseSettings), load(SinksSettings)
    kafka, store = load(KafkaSettings), open_store(load(ObjectStoreSettings))
    stop, producer = stop_on_signals(), make_producer(kafka)
    try:
        await start(producer)
        sink = Sink(ClickHouse(rows), store, DeadLetters(producer, GROUP, GROUP), committed_by(kafka))
        erasing = Each(Eraser(store).handle, DeadLetters(producer, eraser.GROUP, eraser.GROUP), ERASED_AT_ONCE)
        archiving = Archiver(store, sinks.archive_segment_s)
        auditing = Auditing(Log(store, kafka), ClickHouse(rows), producer, rows.retention_days, lambda: sink.leads)
        await together(
            consume(make_consumer(kafka, group=GROUP), TOPICS, sink, stop),
            consume(make_consumer(kafka, group=eraser.GROUP), eraser.TOPICS, erasing, stop),
            consume(make_consumer(kafka, group=archiver.GROUP), archiver.TOPICS, archiving, stop),
            auditing.run(sinks.audit_interval_s, stop),
            keep_sweeping(store, rows.retention_days, now_us, stop),
        )
    finally:
        await producer.stop()


def main() -> None:
    """Entry point of the process."""
    configure_logs("sinks", load(LogSettings).log_level)
    spare_the_collector()
    asyncio.run(run())


if __name__ == "__main__":
    main()
