"""The assembler's ports in memory: one partition of the log, the group's place in it, and what came out."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from aiokafka.structs import ConsumerRecord

from pipeline.deadletter import DeadLetters
from pipeline.errors import Retryable
from pipeline.objectstore import ObjectMissing
from schemas.codec import encode
from schemas.records import AssemblyProgress, Record, TraceAssembled
from schemas.topics import TRACE_LOG
from streams.assembly import OpenTraces
from streams.held import Memory
from streams.partition import Assembler, Lease

PARTITION = 0
ROOM = 1 << 30


def new_lease(generation: int = 1, room: int = ROOM, partition: int = PARTITION) -> Lease:
    """A lease at the beginning of the log."""
    return Lease(partition, generation, 0, OpenTraces(Memory(room)))


def logged(offset: int, value: bytes, key: bytes, partition: int = PARTITION) -> ConsumerRecord:
    """A record as a consumer gets it."""
    return ConsumerRecord(TRACE_LOG.name, partition, offset, 0, 0, key, value, None, len(key), len(value), ())


class MemoryLog:
    """A partition of trace-log, with every record at its index."""

    def __init__(self, records: Iterable[Record | bytes] = (), partition: int = PARTITION) -> None:
        self.partition = partition
        self.records: list[ConsumerRecord] = []
        self.place = 0
        self.newest: AssemblyProgress | None = None
        for record in records:
            self.append(record)

    def append(self, record: Record | bytes) -> ConsumerRecord:
        """Add a record at the end; bytes are poison."""
        if isinstance(record, bytes):
            value, key = record, b"poison"
        else:
            value, key = encode(record), getattr(record, "trace_id", "").encode()
        self.records.append(logged(len(self.records), value, key, self.partition))
        return self.records[-1]

    async def read(self, partition: int, start: int, end: int) -> AsyncIterator[ConsumerRecord]:
        for record in self.records[max(start, 0) : end]:
            yield record

    async def pick(self, partition: int, offsets: Sequence[int]) -> AsyncIterator[ConsumerRecord]:
        for offset in offsets:
            yield self.records[offset]

    async def committed(self, partition: int) -> int:
        return self.place

    async def mark(self, partition: int) -> AssemblyProgress | None:
        return self.newest


class Written:
    """What the assembler wrote: revisions, and dead letters as (offset, error type)."""

    def __init__(self) -> None:
        self.revisions: list[TraceAssembled] = []
        self.letters: list[tuple[int, str]] = []
        self.dead_letters = DeadLetters(self, "streams", "assembly")

    async def revision(self, assembled: TraceAssembled) -> Future[object]:
        self.revisions.append(assembled)
        out: Future[object] = asyncio.get_running_loop().create_future()
        out.set_result(None)
        return out

    async def send_and_wait(self, topic: str, value: Any, key: Any, headers: list[tuple[str, bytes]]) -> None:
        said = dict(headers)
        self.letters.append((int(said["dlq-offset"]), said["dlq-error"].decode()))


class Shelf:
    """An object store that is away for the first `outages` writes."""

    def __init__(self, outages: int = 0) -> None:
        self.objects: dict[str, bytes] = {}
        self._outages = outages

    async def put(self, key: str, data: bytes) -> None:
        if self._outages:
            self._outages -= 1
            raise Retryable("away")
        self.objects[key] = data

    async def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise ObjectMissing(key)
        return self.objects[key]

    async def exists(self, key: str) -> bool:
        return key in self.objects

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    async def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))


async def run(log: MemoryLog, shelf: Shelf | None = None, inline_limit: int = 1 << 20, room: int = ROOM) -> Written:
    """Everything in the log, taken once from its beginning by one worker with so much room for open traces."""
    out = Written()
    assembler, lease = (
        Assembler(log, shelf or Shelf(), out, inline_limit),
        new_lease(room=room, partition=log.partition),
    )
    for record in log.records:
        await assembler.take(lease, record)
    return out
