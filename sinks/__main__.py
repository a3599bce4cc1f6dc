"""The sink service: `python -m sinks` reads what finished services say and keeps it in ClickHouse."""

import asyncio

from aiokafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.clickhouse import ClickHouse
from pipeline.consumer import consume, stop_on_signals
from pipeline.deadletter import DeadLetters
from pipeline.kafka import admin, make_consumer, make_producer, start
from pipeline.s3store import open_store
from pipeline.settings import ClickHouseSettings, KafkaSettings, LogSettings, ObjectStoreSettings, load
from pipeline.telemetry import configure_logs
from schemas.topics import AUDIT_LOG, REJECTS, RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_LOG, TRACE_VALIDATED
from sinks.worker import Sink

GROUP = "sinks"
TOPICS = tuple(
    topic.name for topic in (TRACE_LOG, TRACE_ASSEMBLED, TRACE_VALIDATED, TRACE_JUDGED, RESCORES, REJECTS, AUDIT_LOG)
)


async def run() -> None:
    """Insert until told to stop."""
    kafka = load(KafkaSettings)
    clickhouse, store = ClickHouse(load(ClickHouseSettings)), open_store(load(ObjectStoreSettings))

    async def committed(partitions: list[TopicPartition]) -> dict[TopicPartition, OffsetAndMetadata]:
        async with admin(kafka) as client:
            offsets: dict[TopicPartition, OffsetAndMetadata] = await client.list_consumer_group_offsets(
                GROUP, partitions=partitions
            )
        return offsets

    stop, producer = stop_on_signals(), make_producer(kafka)
    try:
        await start(producer)
        sink = Sink(clickhouse, store, DeadLetters(producer, GROUP, GROUP), committed)
        await consume(make_consumer(kafka, group=GROUP), TOPICS, sink, stop)
    finally:
        await producer.stop()


def main() -> None:
    """Entry point of the process."""
    configure_logs("sinks", load(LogSettings).log_level)
    asyncio.run(run())


if __name__ == "__main__":
    main()
