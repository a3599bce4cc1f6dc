"""`python -m pipeline.cli.topics`: create the topics that are missing."""

import asyncio
import sys
import time

from aiokafka.errors import KafkaError

from pipeline.errors import Explained
from pipeline.kafka import ensure_topics
from pipeline.settings import ClickHouseSettings, KafkaSettings, load

PATIENCE_S = 60


async def _create(kafka: KafkaSettings, retention_days: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await ensure_topics(kafka, retention_days)
        except KafkaError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.3)


def main() -> int:
    """0 done; 1 the broker did not answer or refused, in one line."""
    kafka = load(KafkaSettings)
    try:
        asyncio.run(_create(kafka, load(ClickHouseSettings).retention_days))
    except (KafkaError, Explained) as error:
        sys.stderr.write(f"topics: the broker at {kafka.kafka_bootstrap} did not create them: {error!r}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
