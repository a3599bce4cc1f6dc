"""integrity-log and its notaries in memory: a list that any number of followers read at a pace of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from aiokafka.structs import ConsumerRecord

from pipeline.checkpoints import Signed, open_checkpoint
from pipeline.keys import DEVELOPMENT_NOTARY_KEY
from pipeline.merkle import CompactRange, leaf_hash
from pipeline.notes import NoteSigner
from pipeline.objectstore import ObjectStore
from schemas.codec import decode, encode
from schemas.records import CheckpointSigned, LeafAppended, Record
from schemas.topics import INTEGRITY_LOG
from streams.notary.appending import Appender
from streams.notary.following import Cadence, Follower
from streams.notary.shelf import Shelf

ORIGIN = "log.example/tests"
SIGNER = NoteSigner(ORIGIN, bytes.fromhex(DEVELOPMENT_NOTARY_KEY))
NOW_S = 1_760_086_400


def leaf(number: int, trace: str = "trace-1") -> LeafAppended:
    """The numbered leaf."""
    return LeafAppended(
        kind="assembled",
        trace_id=trace,
        revision=1,
        leaf_hash=leaf_hash(b"%d" % number),
        source_topic="trace-assembled",
        source_partition=0,
        source_offset=number,
        appended_at_us=number,
    )


def logged(topic: str, offset: int, value: bytes | None) -> ConsumerRecord:
    """A record as a consumer gets it."""
    return ConsumerRecord(topic, 0, offset, 0, 0, None, value, None, 0, len(value or b""), ())


@dataclass
class Topic:
    """integrity-log."""

    values: list[bytes] = field(default_factory=list)

    async def emit(self, record: Record) -> None:
        self.values.append(encode(record))

    def records(self, first: int, end: int | None = None) -> list[ConsumerRecord]:
        """The records from an offset on."""
        last = len(self.values) if end is None else end
        return [logged(INTEGRITY_LOG.name, offset, self.values[offset]) for offset in range(first, last)]

    def checkpoints(self) -> list[Signed]:
        """Every checkpoint ever written."""
        notes = [record.note for value in self.values if isinstance(record := decode(value), CheckpointSigned)]
        return [open_checkpoint(note, [SIGNER.verifier]) for note in notes]

    def leaves(self) -> list[bytes]:
        """The hashes of the leaves, each where it first stands: the definition, with all of it in memory."""
        hashes = [record.leaf_hash for value in self.values if isinstance(record := decode(value), LeafAppended)]
        return list(dict.fromkeys(hashes))


class Notary:
    """One follower, and how far it has read."""

    def __init__(
        self, topic: Topic, store: ObjectStore, leaves: int = 10, interval_s: float = 5, signer: NoteSigner = SIGNER
    ) -> None:
        ticks = count(NOW_S * 1_000_000, 1_000_000)
        self._follower = Follower(
            Shelf(store, signer), signer, topic.emit, Cadence(leaves, interval_s), lambda: next(ticks)
        )
        self._topic, self._next = topic, 0

    async def start(self) -> int:
        """Resume; the offset from which it goes on."""
        await self._follower.resume()
        self._next = self._follower._ledger.next_offset
        return self._next

    async def read(self, most: int | None = None) -> None:
        """Read on, at most so many records."""
        end = len(self._topic.values) if most is None else min(len(self._topic.values), self._next + most)
        records = self._topic.records(self._next, end)
        self._next = end
        await self._follower.take(records)

    async def sign(self, now: float = 0) -> None:
        """Sign, if it is time."""
        await self._follower.sign_when_due(now)


async def notarised(store: ObjectStore, *records: Record) -> Topic:
    """What a notary makes of these records: their leaves kept, logged, and under a published checkpoint."""
    topic = Topic()
    for offset, record in enumerate(records):
        await Appender(store, topic.emit, lambda: 1).append(logged("trace-assembled", offset, b""), record)
    notary = Notary(topic, store, leaves=1)
    await notary.start()
    for _ in range(2):
        await notary.read()
        await notary.sign()
    return topic


def roots_of(leaves: Iterable[bytes]) -> list[bytes]:
    """The root of every prefix, the empty one first."""
    tree = CompactRange()
    roots = [tree.root()]
    for one in leaves:
        tree.append(one)
        roots.append(tree.root())
    return roots
