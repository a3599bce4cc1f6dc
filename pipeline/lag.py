"""How far a consumer is behind, and whether the log's retention is about to overtake it.

Times are milliseconds since the epoch.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from pipeline.kafka import admin
from pipeline.logreader import read, reader
from pipeline.settings import KafkaSettings

NEAR_SHARE = 0.8
"""Of the retention: records that are unread and so old are about to go."""


@dataclass(frozen=True, slots=True)
class Lag:
    """A partition that the log holds from `first` to `end`, and the next offset of its reader.

    `oldest_ms`: when the oldest unread record was written; None where nothing is unread. `retention_ms`: -1 for ever.
    """

    place: TopicPartition
    first: int
    position: int
    end: int
    oldest_ms: int | None
    retention_ms: int

    @property
    def unread(self) -> int:
        """Records that the log holds and the reader has not read."""
        return self.end - max(self.position, self.first)

    def alarm(self, now_ms: int) -> str | None:
        """What is wrong, in words; None where all is well."""
        where = f"{self.place.topic}/{self.place.partition}"
        if self.first > self.position:
            return f"{self.first - self.position} records of {where} were dropped by retention before they were read"
        if self.oldest_ms is None or self.retention_ms < 0:
            return None
        age_ms = now_ms - self.oldest_ms
        if age_ms < NEAR_SHARE * self.retention_ms:
            return None
        return f"{where} has unread records {age_ms // 1000} s old, and is kept for {self.retention_ms // 1000} s"


def alarms(lags: Iterable[Lag], now_ms: int) -> list[str]:
    """All that is wrong."""
    return [alarm for lag in lags if (alarm := lag.alarm(now_ms))]


async def lags(kafka: KafkaSettings, positions: Mapping[TopicPartition, int]) -> list[Lag]:
    """The lag at each of these next offsets. Raises KafkaError, Unreachable, Refused."""
    if not positions:
        return []
    places = list(positions)
    async with reader(kafka, *places) as consumer:
        firsts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    kept_ms = await _retentions(kafka, {place.topic for place in places})
    found = []
    for place, position in sorted(positions.items()):
        oldest_ms = await _written(kafka, place, max(position, firsts[place]), ends[place])
        found.append(Lag(place, firsts[place], position, ends[place], oldest_ms, kept_ms.get(place.topic, -1)))
    return found


async def _written(kafka: KafkaSettings, place: TopicPartition, offset: int, end: int) -> int | None:
    """When the first record from an offset on was written."""
    async with aclosing(read(kafka, place, offset, end)) as records:
        async for logged in records:
            return int(logged.timestamp)
    return None


async def _retentions(kafka: KafkaSettings, topics: Collection[str]) -> dict[str, int]:
    """Topic -> its retention; without those that are compacted, which lose no key."""
    wanted = [
        ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": None, "cleanup.policy": None})
        for topic in sorted(topics)
    ]
    async with admin(kafka) as client:
        answers = await client.describe_configs(wanted)
    configs = {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _code, _message, _kind, name, entries in answer.resources
    }
    return {name: int(said["retention.ms"]) for name, said in configs.items() if "delete" in said["cleanup.policy"]}
