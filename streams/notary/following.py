"""The reader of integrity-log: folds leaves into the tree, signs checkpoints, publishes those that it reads.

A checkpoint is published when it is read back from the topic and fits the tree, whoever signed it. So there is one way
to publish, and a notary that was stopped for a while can neither go back nor contradict the others.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from pipeline.checkpoints import open_checkpoint, sign_checkpoint
from pipeline.clock import Clock
from pipeline.errors import Retryable
from pipeline.kafka import settings_of, start
from pipeline.merkle import HASH_BYTES
from pipeline.notes import BadNote, NoteSigner
from pipeline.telemetry import logger
from pipeline.watchdog import Course, watch
from schemas.codec import UndecodableRecord, decode
from schemas.records import CheckpointSigned, LeafAppended, Record
from schemas.topics import INTEGRITY_LOG
from streams.notary.ledger import Contradiction, Ledger
from streams.notary.shelf import Shelf

POLL_MS = 200
BATCH = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
LOG = TopicPartition(INTEGRITY_LOG.name, 0)
Emit = Callable[[CheckpointSigned], Awaitable[None]]
Result = TypeVar("Result")
log = logger(__name__)


class Cadence:
    """When a checkpoint is due: so many leaves without one, or so long after the first of them."""

    def __init__(self, leaves: int, interval_s: float) -> None:
        self._leaves, self._interval_s = leaves, interval_s
        self._waiting_since: float | None = None

    def due(self, unsigned: int, now: float) -> bool:
        """Whether to sign; `unsigned`: leaves without a checkpoint, `now`: seconds of a monotonic clock."""
        if not unsigned:
            self._waiting_since = None
            return False
        self._waiting_since = now if self._waiting_since is None else self._waiting_since
        return unsigned >= self._leaves or now - self._waiting_since >= self._interval_s

    def signed(self) -> None:
        """There is a checkpoint now."""
        self._waiting_since = None


class Follower:
    """The tree of one origin, kept up with the topic. `emit` returns when the log has the checkpoint."""

    def __init__(self, shelf: Shelf, signer: NoteSigner, emit: Emit, cadence: Cadence, clock: Clock) -> None:
        self._shelf, self._signer, self._emit, self._cadence, self._clock = shelf, signer, emit, cadence, clock
        self._ledger: Ledger
        self._signed = self._published = 0
        self._turns = self._next = 0
        self._retries = False

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        """Follow the topic until cancelled. The consumer is started here and closed at the end.

        Raises Contradiction where the log is not the one that was signed.
        """
        consumer.assign([LOG])
        kafka = settings_of(consumer)
        watching = asyncio.create_task(watch(kafka, self.course)) if kafka else None
        try:
            await start(consumer)
            await self._begin(consumer)
            while True:
                records = await consumer.getmany(LOG, timeout_ms=POLL_MS, max_records=BATCH)
                await self.take(records.get(LOG, []))
                await self.sign_when_due(time.monotonic())
                self._turns += 1
        finally:
            if watching:
                watching.cancel()
            await consumer.stop()

    async def course(self) -> Course:
        """How far it is now; while the object store is away it takes nothing, and is at work all the same."""
        return Course(self._turns, self._next, takes_more=not self._retries, positions={LOG: self._next})

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        await self.resume()
        end: int = (await consumer.end_offsets([LOG]))[LOG]
        if end < self._ledger.next_offset:
            raise Contradiction(f"integrity-log ends at {end}, before {self._ledger.next_offset}, which was signed")
        self._next = self._ledger.next_offset
        consumer.seek(LOG, self._next)
        log.info("notary", vkey=str(self._signer.verifier), leaves=self._ledger.size, next=self._ledger.next_offset)

    async def resume(self) -> None:
        """Take up the tree where the latest checkpoint left it."""
        self._ledger = await self._persist(self._shelf.resume)
        self._signed = self._published = self._ledger.size

    async def take(self, records: Iterable[ConsumerRecord]) -> None:
        """Fold records of the topic, in order. Raises Contradiction."""
        leaves: list[tuple[int, LeafAppended]] = []
        for record in records:
            self._next = record.offset + 1
            decoded = _decoded(record)
            if isinstance(decoded, LeafAppended):
                leaves.append((record.offset, decoded))
            elif isinstance(decoded, CheckpointSigned):
                await self._fold(leaves)
                leaves = []
                await self._read_checkpoint(decoded)
        await self._fold(leaves)

    async def _fold(self, leaves: list[tuple[int, LeafAppended]]) -> None:
        if not leaves:
            return
        known = await self._persist(lambda: self._shelf.places(leaf.leaf_hash for _, leaf in leaves))
        folded = self._ledger.fold(leaves, known)
        await self._persist(lambda: self._shelf.keep(folded.places, folded.tiles))

    async def _read_checkpoint(self, record: CheckpointSigned) -> None:
        try:
            signed = open_checkpoint(record.note, [self._signer.verifier]).checkpoint
        except BadNote as error:
            log.warning("a checkpoint that this key did not sign", size=record.tree_size, reason=str(error))
            return
        if not self._ledger.check(signed):
            log.warning("a checkpoint from too long ago to be checked", size=signed.size)
            return
        self._signed = max(self._signed, signed.size)
        resumes_at = self._ledger.resumes_at(signed.size)
        if signed.size > self._published and resumes_at is not None:
            await self._keep_edge(signed.size)
            await self._persist(lambda: self._shelf.publish(record.note, signed, resumes_at))
            self._published = signed.size

    async def _keep_edge(self, size: int) -> None:
        """Store the partial tiles of a checkpoint; its signer has done so, but the store may have lost them since."""
        if size == self._ledger.size:
            await self._persist(lambda: self._shelf.keep({}, self._ledger.partial_tiles()))

    async def _persist(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Do it until the object store takes part."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                result = await call()
            except Retryable as error:
                log.warning("will try again", pause_s=pause, reason=str(error))
                self._retries, self._turns = True, self._turns + 1
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                self._retries = False
                return result

    async def sign_when_due(self, now: float) -> None:
        """Sign the tree as it is, where it is time; `now`: seconds of a monotonic clock."""
        if not self._cadence.due(self._ledger.size - self._signed, now):
            return
        head, at_us = self._ledger.head(), self._clock()
        await self._keep_edge(head.size)
        note = sign_checkpoint(head, self._signer, at_us // 1_000_000)
        await self._emit(
            CheckpointSigned(
                origin=head.origin, tree_size=head.size, root_hash=head.root, note=note, signed_at_us=at_us
            )
        )
        self._signed = head.size
        self._cadence.signed()
        log.info("checkpoint", size=head.size, root=head.root.hex())


def _decoded(record: ConsumerRecord) -> Record | None:
    try:
        decoded = decode(record.value)
        if isinstance(decoded, LeafAppended) and len(decoded.leaf_hash) != HASH_BYTES:
            raise UndecodableRecord("a leaf hash has 32 bytes")
    except UndecodableRecord as error:
        # Everybody who reads the topic passes over it, so the tree is the same for all.
        log.warning("no record of integrity-log", offset=record.offset, reason=str(error)[:200])
        return None
    return decoded
