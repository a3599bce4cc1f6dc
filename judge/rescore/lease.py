"""One process works on a run: who holds it is said on `control`, as are the orders to pause and to cancel.

A process claims a run by appending the state `running` with its own name. Whoever holds the run sees the claim and
appends its own again; a claimant that hears nothing for CLAIM_S holds the run from then on, another one gives up. So a
process that was killed is succeeded at once, without a session that has to time out and without heartbeats on a topic
that is kept for ever. A holder sends nothing unless it has followed `control` within FRESH_S: one that was frozen for
longer finds out, before it writes, that it holds nothing any more.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from pipeline.clock import Clock
from pipeline.control import PARTITION
from pipeline.errors import Explained
from pipeline.runs import CANCELLED, PAUSED, RUNNING, Runs, state_key
from schemas.codec import encode
from schemas.records import RunStateChanged
from schemas.topics import CONTROL

FRESH_S = 1.0
CLAIM_S = 2.5
POLL_MS = 200
LOOK_S = 0.05
HOLDER = "holder"


class Taken(Explained):
    """Another process works on the run."""


class Lease:
    """The right to work on one run. Its consumer has read `control` up to now; `stop` is set by an order, or a loss."""

    def __init__(
        self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, runs: Runs, run_id: str, by: str, clock: Clock
    ) -> None:
        self._consumer, self._producer, self._runs = consumer, producer, runs
        self._run_id, self._by, self._clock = run_id, by, clock
        self._key = state_key(run_id)
        self.holder = f"process {os.getpid()} on {socket.gethostname()}, {secrets.token_hex(4)}"
        self.stop = asyncio.Event()
        self.order: RunStateChanged | None = None
        self._lost = ""
        self._held = False
        self._told_ms = 0
        self._following: asyncio.Task[None] | None = None

    async def claim(self, others: bool) -> None:
        """Hold the run from now on. `others`: there may be somebody who holds it. Raises Taken, KafkaError."""
        await self.say(RUNNING, {})
        self._following = asyncio.create_task(self._follow())
        if others:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), CLAIM_S)
        self.check()
        self._held = True

    async def hold(self) -> None:
        """Returns once it is sure that nobody else holds the run, to be called before each write. Raises Taken."""
        while self._age_s() > FRESH_S and not self._lost:
            if self._following and self._following.done():
                self._following.result()
            await asyncio.sleep(LOOK_S)
        self.check()

    async def say(self, state: str, detail: Mapping[str, str]) -> None:
        """Append a state of the run, with who holds it. Raises KafkaError."""
        project = self._runs.manifests[self._run_id].project
        record = RunStateChanged(
            run_id=self._run_id,
            project=project,
            state=state,
            detail={HOLDER: self.holder, **detail},
            changed_by=self._by,
            changed_at_us=self._clock(),
        )
        await self._producer.send_and_wait(CONTROL.name, encode(record), key=self._key)

    async def leave(self, state: str, detail: Mapping[str, str]) -> None:
        """Say how it ended, unless the run is somebody else's by now, and follow no more."""
        if self._following:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        if not self._lost:
            await self.say(state, detail)

    @property
    def lost(self) -> bool:
        """Whether another process holds the run."""
        return bool(self._lost)

    def check(self) -> None:
        """Raises Taken where another process holds the run."""
        if self._lost:
            raise Taken(
                f"run {self._run_id} is being worked on by {self._lost};"
                f" `pr-telemetry run pause {self._run_id}` holds it, `run show` says how far it is"
            )

    def _age_s(self) -> float:
        """Age of what is known of `control`: seconds since the broker last told what it has, as far as it was heard."""
        return time.time() - self._told_ms / 1000

    async def _follow(self) -> None:
        while True:
            told_ms = self._consumer.last_poll_timestamp(PARTITION) or 0
            for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    await self._heard(record)
            self._told_ms = max(self._told_ms, told_ms)

    async def _heard(self, record: ConsumerRecord) -> None:
        self._runs.apply(record.key, record.value)
        state = self._runs.states.get(self._run_id)
        if record.key != self._key or state is None or state.detail.get(HOLDER) == self.holder:
            return
        if state.state != RUNNING:
            if state.state in (PAUSED, CANCELLED) and HOLDER not in state.detail:
                self.order = state
                self.stop.set()
        elif self._held and self._age_s() <= FRESH_S:
            await self.say(RUNNING, {})
        else:
            self._lost = state.detail.get(HOLDER, state.changed_by)
            self.stop.set()
