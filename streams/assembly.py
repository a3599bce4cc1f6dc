"""The fold over trace-log: which records make up a trace, and which of them make a revision of it.

Everything is decided from the records and their offsets alone, so that reading the log again gives the same revisions.
Applying a record a second time changes nothing and answers the same, so that a handler may be tried again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import zstandard

from schemas.codec import decode, encode
from schemas.records import (
    ArtifactStored,
    EventsAppended,
    Record,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceExpired,
)

COMPLETED, ABANDONED = "completed", "abandoned"
LEVEL = 1
LARGEST_CHUNK = 64 * 1024 * 1024
_compressor = zstandard.ZstdCompressor(level=LEVEL)
_decompressor = zstandard.ZstdDecompressor()


@dataclass(frozen=True, slots=True)
class HeldChunk:
    """A chunk in memory: what identifies it, and the whole record compressed."""

    offset: int
    seq: int
    digest: str
    mac: bytes
    packed: bytes

    def same_upload(self, other: "HeldChunk") -> bool:
        """Whether both are one upload, repeated: the same request body, or the same bytes after redaction."""
        return self.digest == other.digest or (bool(self.mac) and self.mac == other.mac)

    def unpack(self) -> EventsAppended:
        """The record as it was read."""
        record = decode(_decompressor.decompress(self.packed, max_output_size=LARGEST_CHUNK))
        assert isinstance(record, EventsAppended)
        return record


def hold(chunk: EventsAppended, offset: int) -> HeldChunk:
    """Compress a chunk for keeping."""
    packed = _compressor.compress(encode(chunk))
    return HeldChunk(offset, chunk.chunk_seq, chunk.chunk_digest, chunk.body_mac, packed)


@dataclass(slots=True)
class Trace:
    """What the log has said about one trace so far."""

    created: TraceCreated
    first_offset: int
    last_offset: int
    last_seen_us: int
    asked_us: int = 0
    chunks: list[HeldChunk] = field(default_factory=list)
    artifacts: list[ArtifactStored] = field(default_factory=list)
    completed: TraceCompleted | None = None
    completed_offset: int | None = None
    expired: TraceExpired | None = None
    erased: bool = False
    revision: int = 0
    revised_at: int = -1
    revised_at_us: int = 0

    @property
    def outcome(self) -> str:
        """How the trace ended: the client's word counts more than an expiry, whichever came first."""
        return COMPLETED if self.completed else ABANDONED

    @property
    def closed(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.completed is not None or self.expired is not None or self.erased

    def apply(self, offset: int, record: Record) -> bool:
        """Take the record at this offset; whether it makes a revision. Offsets that were seen are not taken again."""
        if offset <= self.last_offset:
            return offset == self.revised_at
        was_closed = self.closed
        changed = not self.erased and self._take(offset, record)
        self.last_offset = offset
        if not changed or not (was_closed or self.closed):
            return False
        self.revision, self.revised_at, self.revised_at_us = self.revision + 1, offset, server_time_us(record)
        return True

    def _take(self, offset: int, record: Record) -> bool:
        """Whether the record changed what a revision would say."""
        match record:
            case EventsAppended():
                return self._take_chunk(offset, record)
            case ArtifactStored():
                return self._take_artifact(record)
            case TraceCompleted() if self.completed is None:
                self.completed, self.completed_offset = record, offset
                return True
            case TraceExpired() if not self.closed and record.expired_at_us - self.last_seen_us >= record.idle_us:
                # A record that came between the worker's decision and this one keeps the trace open.
                self.expired = record
                return True
            case TraceErased():
                self.erased = True
        return False

    def _take_chunk(self, offset: int, chunk: EventsAppended) -> bool:
        held = hold(chunk, offset)
        # Searching is left to a late chunk's trace: an open one is sorted out once, when it is verified.
        repeated = self.closed and any(held.seq == c.seq and held.same_upload(c) for c in self.chunks)
        self.chunks.append(held)
        self.last_seen_us = max(self.last_seen_us, chunk.received_at_us)
        return not repeated

    def _take_artifact(self, stored: ArtifactStored) -> bool:
        self.last_seen_us = max(self.last_seen_us, stored.received_at_us)
        latest = next((a for a in reversed(self.artifacts) if a.name == stored.name), None)
        if latest is not None and (latest.sha256, latest.kind) == (stored.sha256, stored.kind):
            return False
        self.artifacts.append(stored)
        return True


def server_time_us(record: Record) -> int:
    """When the server took a record of trace-log, microseconds since the epoch."""
    match record:
        case EventsAppended() | ArtifactStored():
            return record.received_at_us
        case TraceCompleted():
            return record.completed_at_us
        case TraceExpired():
            return record.expired_at_us
        case _:
            raise TypeError(f"{type(record).__name__} makes no revision")


def begin(created: TraceCreated, offset: int) -> Trace:
    """A trace of which only the first record is known."""
    return Trace(created, offset, offset, created.created_at_us)


class OpenTraces:
    """The open traces of one partition, oldest first."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}

    def __len__(self) -> int:
        return len(self._traces)

    def __iter__(self) -> Iterator[Trace]:
        return iter(self._traces.values())

    def lacks(self, record: Record) -> int | None:
        """Where the record's trace begins, when the trace is not open and only the log can tell what becomes of it.

        None where the open traces are enough. An expiry of a trace that is not open comes too late to matter.
        """
        if isinstance(record, EventsAppended | ArtifactStored | TraceCompleted) and record.trace_id not in self._traces:
            return record.created_offset
        return None

    def apply(self, offset: int, record: Record) -> Trace | None:
        """Fold one record; the trace when the record makes a revision of it, to be released once that is out."""
        if isinstance(record, TraceCreated):
            self._traces.setdefault(record.trace_id, begin(record, offset))
            return None
        trace = self._traces.get(getattr(record, "trace_id", ""))
        if trace is None:
            return None
        if not trace.apply(offset, record):
            if trace.erased:
                self.release(trace)
            return None
        return trace

    def release(self, trace: Trace) -> None:
        """Forget a closed trace; what comes later finds it in the log."""
        self._traces.pop(trace.created.trace_id, None)

    def rebuild_from(self, applied: int) -> int:
        """First offset of the oldest open trace, or `applied`, the next offset, when none is open."""
        return next((trace.first_offset for trace in self), applied)

    def idle(self, now_us: int, idle_us: int) -> list[Trace]:
        """Open traces not heard of, by the server time in their records, nor asked about for `idle_us`."""
        return [trace for trace in self if now_us - max(trace.last_seen_us, trace.asked_us) >= idle_us]
