"""What each project's traces may be used for when the client does not say: a tail of the `control` topic.

No consumer group: every replica reads everything, and is ready once it has read what was there when it began.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from ingest_gateway.auth import DEFAULT_PROJECT
from ingest_gateway.problems import CONSENT_REFUSED, CONSENT_REQUIRED, LOG_UNAVAILABLE, Fault, Problem
from pipeline.policies import apply_policy
from pipeline.telemetry import logger
from schemas.api import Consent, RecordedConsent
from schemas.topics import CONTROL

POLL_MS = 500
PAUSE_S = 1.0
START_TIMEOUT_S = 15.0
PARTITION = TopicPartition(CONTROL.name, 0)
log = logger(__name__)


class Policies:
    """Project -> consent, kept up to date by `run`. `built_in` holds where nothing is recorded (development)."""

    def __init__(self, make_consumer: Callable[[], AIOKafkaConsumer], built_in: dict[str, str]) -> None:
        self._make_consumer = make_consumer
        self._built_in = built_in
        self._recorded: dict[str, str] = {}
        self.ready = False

    def consent(self, given: Consent | None, project: str) -> tuple[RecordedConsent, str]:
        """What applies, and whether it was `given` or comes from the `policy`. Raises Problem if none allows."""
        if given == "declined":
            raise Problem(CONSENT_REFUSED, "the participant declined; nothing was recorded")
        if given is not None:
            return given, "given"
        if not self.ready:
            raise Problem(LOG_UNAVAILABLE, "project policies are still being read", retry_after_s=2)
        policy = self._recorded.get(project) or self._built_in.get(project, "ask")
        if policy == "ask":
            fault = Fault("/consent", "required: this project has no policy that stands for it")
            raise Problem(CONSENT_REQUIRED, "ask the participant and send `consent`", (fault,))
        return cast(RecordedConsent, policy), "policy"

    async def run(self) -> None:
        """Follow the topic until cancelled; a lost broker only delays what is new."""
        if self._built_in:
            log.info("built-in policies of development apply where none is recorded", policies=self._built_in)
        while True:
            consumer = self._make_consumer()
            try:
                ends = await asyncio.wait_for(_begin(consumer), START_TIMEOUT_S)
                await self._follow(consumer, ends)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("policies cannot be read", error=repr(error)[:300])
            finally:
                await consumer.stop()
            await asyncio.sleep(PAUSE_S)

    async def _follow(self, consumer: AIOKafkaConsumer, end: int) -> None:
        while True:
            self.ready = self.ready or await consumer.position(PARTITION) >= end
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    apply_policy(self._recorded, record.key, record.value)


async def _begin(consumer: AIOKafkaConsumer) -> int:
    """Go to the start of the topic; returns the offset at which everything of now has been read."""
    await consumer.start()
    consumer.assign([PARTITION])
    await consumer.seek_to_beginning(PARTITION)
    end: int = (await consumer.end_offsets([PARTITION]))[PARTITION]
    return end


def built_in_policies(mode: str) -> dict[str, str]:
    """Development lets a first trace in without a policy; production knows none but the recorded ones."""
    return {DEFAULT_PROJECT: "research"} if mode == "development" else {}
