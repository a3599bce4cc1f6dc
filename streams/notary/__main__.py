"""Runs the notary: `python -m streams.notary`. Settings: NotarySettings and the shared groups.

Any number of them may run at once. SIGTERM ends it with exit status 0.
"""

import asyncio

from pipeline.clock import now_us
from pipeline.consumer import consume, stop_on_signals, together, until_stopped
from pipeline.deadletter import DeadLetters
from pipeline.kafka import make_consumer, make_producer, start
from pipeline.keys import notary_signer
from pipeline.s3store import open_store
from pipeline.settings import KafkaSettings, LogSettings, NotarySettings, ObjectStoreSettings, load
from pipeline.telemetry import configure_logs
from schemas.codec import encode
from schemas.records import CheckpointSigned, LeafAppended
from schemas.topics import INTEGRITY_LOG, RESCORES, TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_VALIDATED
from streams.notary.appending import Appender, Appending
from streams.notary.following import Cadence, Follower
from streams.notary.shelf import Shelf

GROUP = "notary"
SOURCES = tuple(topic.name for topic in (TRACE_ASSEMBLED, TRACE_VALIDATED, TRACE_JUDGED, RESCORES))
PARALLEL = 16


async def run(settings: NotarySettings, kafka: KafkaSettings, objects: ObjectStoreSettings) -> None:
    """Append leaves and sign checkpoints until told to stop. The first part that fails ends both."""
    signer, store = notary_signer(settings), open_store(objects)
    stop, producer = stop_on_signals(), make_producer(kafka)

    async def emit(record: LeafAppended | CheckpointSigned) -> None:
        await producer.send_and_wait(INTEGRITY_LOG.name, encode(record))

    try:
        await start(producer)
        cadence = Cadence(settings.checkpoint_leaves, settings.checkpoint_interval_s)
        follower = Follower(Shelf(store, signer), signer, emit, cadence, now_us)
        step = Appending(Appender(store, emit, now_us), DeadLetters(producer, GROUP, GROUP), PARALLEL)
        await together(
            consume(make_consumer(kafka, group=GROUP), SOURCES, step, stop),
            until_stopped(follower.run(make_consumer(kafka)), stop, 0),
        )
    finally:
        await producer.stop()


def main() -> None:
    """Read the settings, then run."""
    configure_logs("notary", load(LogSettings).log_level)
    asyncio.run(run(load(NotarySettings), load(KafkaSettings), load(ObjectStoreSettings)))


if __name__ == "__main__":
    main()
