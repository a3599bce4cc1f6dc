"""The `control` topic as one view: policies, API keys, revocations, runs; and a tail that keeps such a view current.

No consumer group: every reader reads everything, from the beginning, and is current once it has read what was there
when it began.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from pipeline.access import apply_key, apply_revocation
from pipeline.kafka import connect
from pipeline.policies import Policy, apply_policy
from pipeline.redaction.engine import NOTHING
from pipeline.runs import Runs
from schemas.records import ApiKeyRecorded
from schemas.topics import CONTROL

POLL_MS = 500
START_TIMEOUT_S = 15.0
PARTITION = TopicPartition(CONTROL.name, 0)


@dataclass
class ControlView:
    """The fold over `control`: policies by project, keys by id, what is revoked as (kind, subject), re-score runs."""

    policies: dict[str, Policy] = field(default_factory=dict)
    keys: dict[str, ApiKeyRecorded] = field(default_factory=dict)
    revoked: set[tuple[str, str]] = field(default_factory=set)
    runs: Runs = field(default_factory=Runs)

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Fold one record."""
        apply_policy(self.policies, key, value)
        apply_key(self.keys, key, value)
        apply_revocation(self.revoked, key, value)
        self.runs.apply(key, value)

    def personal_rules(self, project: str) -> frozenset[str]:
        """The ids of the rules of personal data that hold for a project."""
        policy = self.policies.get(project)
        return policy.redact if policy else NOTHING

    def bars(self, caller: str) -> bool:
        """Whether a caller's name, as `key/<id>` or `jwt/<subject>`, is no longer accepted."""
        kind, _, key_id = caller.partition("/")
        if kind != "key":
            return ("key", caller) in self.revoked
        record = self.keys.get(key_id)
        return record is None or record.revoked or ("key", key_id) in self.revoked


async def tail(consumer: AIOKafkaConsumer) -> AsyncIterator[ControlView]:
    """A view each time it is current, for ever. It starts from nothing, so what was compacted away is gone from it.

    Raises KafkaError, OSError or TimeoutError when the broker does not answer at the start, Refused when it refuses us.
    """
    async with asyncio.timeout(START_TIMEOUT_S):
        end = await _begin(consumer)
    view = ControlView()
    while True:
        if await consumer.position(PARTITION) >= end:
            yield view
        for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                view.apply(record.key, record.value)


async def _begin(consumer: AIOKafkaConsumer) -> int:
    """Go to the start of the topic; returns the offset at which everything of now has been read."""
    await connect(consumer)
    consumer.assign([PARTITION])
    await consumer.seek_to_beginning(PARTITION)
    end: int = (await consumer.end_offsets([PARTITION]))[PARTITION]
    return end
