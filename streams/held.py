"""Chunks of open traces: in memory while there is room, else left in the log and found again by their offsets.

What is held is only ever a copy. Losing it, or having it twice, costs time and nothing else.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from weakref import WeakSet

import zstandard

from schemas.codec import decode, encode
from schemas.records import EventsAppended

LEVEL = 1
LARGEST_CHUNK = 64 * 1024 * 1024
INDEX_BYTES = 500
"""What a held chunk takes beside its packed bytes: its ids, and the objects around them."""


class _Zstandard(threading.local):
    """One of each a thread: they are not to be used by two at once."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_zstandard = _Zstandard()


@dataclass(frozen=True, slots=True)
class HeldChunk:
    """A chunk in memory: what identifies it, and the whole record compressed.

    `offset` is where the log has it. A redriven one has another place in the trace, where it `stood_at` first.
    """

    offset: int
    stood_at: int
    seq: int
    digest: str
    mac: bytes
    packed: bytes

    def same_upload(self, other: HeldChunk) -> bool:
        """Whether both are one upload, repeated: the same request body, or the same bytes after redaction."""
        return self.digest == other.digest or (bool(self.mac) and self.mac == other.mac)

    def unpack(self) -> EventsAppended:
        """The record as it was read."""
        record = decode(_zstandard.decompressor.decompress(self.packed, max_output_size=LARGEST_CHUNK))
        assert isinstance(record, EventsAppended)
        return record


def hold(chunk: EventsAppended, offset: int, stood_at: int | None = None) -> HeldChunk:
    """Compress a chunk for keeping."""
    # The compressor's own bytes keep the room of the worst case: 20,000 chunks took 164 MiB, their copies take 20.
    packed = bytes(memoryview(_zstandard.compressor.compress(encode(chunk))))
    return HeldChunk(
        offset, offset if stood_at is None else stood_at, chunk.chunk_seq, chunk.chunk_digest, chunk.body_mac, packed
    )


class Chunks:
    """The chunks of one trace: those in memory, and the offsets (`left`) of those that only the log has."""

    __slots__ = ("_held", "left", "size")

    def __init__(self) -> None:
        self._held: list[HeldChunk] = []
        self.left = array("q")
        self.size = 0

    def __iter__(self) -> Iterator[HeldChunk]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held) + len(self.left)

    def add(self, chunk: HeldChunk) -> None:
        """Keep a chunk in memory; `size` is what all of them take, bytes."""
        self._held.append(chunk)
        self.size += len(chunk.packed) + INDEX_BYTES

    def leave(self) -> None:
        """Keep the offsets only."""
        self.left.extend(chunk.offset for chunk in self._held)
        self._held.clear()
        self.size = 0

    def put_back(self, found: Iterable[HeldChunk]) -> None:
        """Chunks that were left and that the log still has; those it lost stay left."""
        for chunk in found:
            self.add(chunk)
        held = {chunk.offset for chunk in self._held}
        self.left = array("q", (offset for offset in self.left if offset not in held))


class Memory:
    """What the open traces of all partitions of one worker may hold together, bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._shares: WeakSet[Recent] = WeakSet()

    def share(self) -> Recent:
        """The share of one partition; it is given back when nobody refers to it any more."""
        share = Recent(self)
        self._shares.add(share)
        return share

    @property
    def used(self) -> int:
        """What is held now."""
        return sum(share.size for share in self._shares)

    @property
    def full(self) -> bool:
        """Whether something must go."""
        return self.used > self._limit


class Recent:
    """The traces of one partition that hold chunks, the one that was longest not heard of first."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._chunks: OrderedDict[str, tuple[Chunks, int]] = OrderedDict()
        self.size = 0

    def heard(self, trace_id: str, chunks: Chunks) -> None:
        """A trace has grown. Where memory is full, the traces of this partition that were quiet longest make room."""
        self.forget(trace_id)
        self._chunks[trace_id] = (chunks, chunks.size)
        self.size += chunks.size
        while self._chunks and self._memory.full:
            _, (quiet, size) = self._chunks.popitem(last=False)
            self.size -= size
            quiet.leave()

    def forget(self, trace_id: str) -> None:
        """A trace holds nothing any more that counts."""
        _, size = self._chunks.pop(trace_id, (None, 0))
        self.size -= size
