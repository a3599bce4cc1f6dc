"""What `control` says now, kept current: policies, API keys, revocations. Until it was read, nobody is let in.

What is read first is what was there when the gateway began; after that a change arrives in well under a second.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from ingest_gateway.auth import DEFAULT_PROJECT
from ingest_gateway.problems import CONSENT_REFUSED, CONSENT_REQUIRED, LOG_UNAVAILABLE, Fault, Problem
from pipeline.control import ControlView, tail
from pipeline.errors import Refused
from pipeline.policies import ASK
from pipeline.telemetry import logger
from schemas.api import Consent, RecordedConsent

PAUSE_S = 1.0
log = logger(__name__)


class Control:
    """The view of `control`, kept current by `run`. `built_in` policies hold where none is recorded (development)."""

    def __init__(self, make_consumer: Callable[[], AIOKafkaConsumer], built_in: dict[str, str]) -> None:
        self._make_consumer = make_consumer
        self._built_in = built_in
        self._view: ControlView | None = None

    @property
    def ready(self) -> bool:
        """Whether the topic has been read once."""
        return self._view is not None

    @property
    def view(self) -> ControlView:
        """What holds now. Raises Problem before it is known: a revoked key must not slip in at a start."""
        if self._view is None:
            raise Problem(LOG_UNAVAILABLE, "keys, revocations and policies are still being read", retry_after_s=2)
        return self._view

    def consent(self, given: Consent | None, project: str) -> tuple[RecordedConsent, str]:
        """What applies, and whether it was `given` or comes from the `policy`. Raises Problem if none allows."""
        if given == "declined":
            raise Problem(CONSENT_REFUSED, "the participant declined; nothing was recorded")
        if given is not None:
            return given, "given"
        recorded = self.view.policies.get(project)
        consent = recorded.consent if recorded else self._built_in.get(project, ASK)
        if consent == ASK:
            fault = Fault("/consent", "required: this project has no policy that stands for it")
            raise Problem(CONSENT_REQUIRED, "ask the participant and send `consent`", (fault,))
        return cast(RecordedConsent, consent), "policy"

    async def run(self) -> None:
        """Follow the topic until cancelled; a lost broker only delays what is new."""
        if self._built_in:
            log.info("built-in policies of development apply where none is recorded", policies=self._built_in)
        while True:
            consumer = self._make_consumer()
            try:
                async for view in tail(consumer):
                    self._view = view
            except (KafkaError, OSError, TimeoutError, Refused) as error:
                log.warning("control cannot be read", error=repr(error)[:300])
            finally:
                await consumer.stop()
            await asyncio.sleep(PAUSE_S)


def built_in_policies(mode: str) -> dict[str, str]:
    """Development lets a first trace in without a policy; production knows none but the recorded ones."""
    return {DEFAULT_PROJECT: "research"} if mode == "development" else {}
