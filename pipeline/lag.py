"""How far a consumer is behind, and whether the log's retention is about to overtake it.

Times are milliseconds since the epoch.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from pipeline.kafka import admin
from pipeline.logreader import PICK_BYTES, POLL_MS, reader
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
    unread = {place: (max(position, firsts[place]), ends[place]) for place, position in positions.items()}
    oldest_ms = await _written(kafka, {place: stretch for place, stretch in unread.items() if stretch[0] < stretch[1]})
    return [
        Lag(place, firsts[place], position, ends[place], oldest_ms.get(place), kept_ms.get(place.topic, -1))
        for place, position in sorted(positions.items())
    ]


async def _written(
    kafka: KafkaSettings, stretches: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, int]:
    """When the first record of each [offset, end) was written; with one consumer, as there may be many partitions."""
    found: dict[TopicPartition, int] = {}
    if not stretches:
        return found
    async with reader(kafka, *stretches, fetch_bytes=PICK_BYTES) as consumer:
        for place, (first, _) in stretches.items():
            consumer.seek(place, first)
        waiting = set(stretches)
        while waiting:
            for place, records in (await consumer.getmany(*waiting, timeout_ms=POLL_MS)).items():
                found[place] = int(records[0].timestamp)
            # The position says where an end is reached: compaction may have left nothing to find.
            waiting = {p for p in waiting - found.keys() if await consumer.position(p) < stretches[p][1]}
    return found


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
