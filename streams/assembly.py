"""The fold over trace-log: which records make up a trace, and which of them make a revision of it.

Everything is decided from the records and their offsets alone, so that reading the log again gives the same revisions.
Applying a record a second time changes nothing and answers the same, so that a handler may be tried again.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.records import (
    ArtifactStored,
    EventsAppended,
    Record,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceExpired,
)
from streams.held import Chunks, HeldChunk, Memory, hold

COMPLETED, ABANDONED = "completed", "abandoned"
LARGEST_TRACE = 128 * 1024 * 1024
"""What the chunks and artifacts of one trace may count; what comes beyond stays in the log, and a finding says so."""
CLOSED_KEPT = 500
RECORD_COUNTS = 1024
"""What a record counts beside its events."""


@dataclass(slots=True)
class Trace:
    """What the log has said about one trace so far."""

    created: TraceCreated
    first_offset: int
    last_offset: int
    last_seen_us: int
    asked_us: int = 0
    chunks: Chunks = field(default_factory=Chunks)
    artifacts: list[ArtifactStored] = field(default_factory=list)
    completed: TraceCompleted | None = None
    completed_offset: int | None = None
    expired: TraceExpired | None = None
    erased: bool = False
    redriven: frozenset[int] = frozenset()
    counted: int = 0
    beyond: int = 0
    beyond_from: int = -1
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

    def apply(self, offset: int, record: Record, stood_at: int | None = None) -> bool:
        """Take the record at this offset; whether it makes a revision. Offsets that were seen are not taken again.

        A redriven record counts from now on, and in the trace as the one that `stood_at` an earlier offset. The first
        time it makes a revision of a closed trace whatever it changes: its reader may understand by now what stands at
        that offset, too, but refused it when earlier revisions went out.
        """
        if offset <= self.last_offset:
            return offset == self.revised_at
        was_closed, first = self.closed, offset if stood_at is None else stood_at
        changed = not self.erased and (self._take(offset, first, record) | self._is_new_redrive(offset, first, record))
        self.last_offset = offset
        if not changed or not (was_closed or self.closed):
            return False
        self.revision, self.revised_at, self.revised_at_us = self.revision + 1, offset, server_time_us(record)
        return True

    def _is_new_redrive(self, offset: int, stood_at: int, record: Record) -> bool:
        if stood_at == offset or stood_at in self.redriven or isinstance(record, TraceCreated | TraceErased):
            return False
        self.redriven |= {stood_at}
        return True

    def _take(self, offset: int, stood_at: int, record: Record) -> bool:
        """Whether the record changed what a revision would say."""
        match record:
            case EventsAppended() | ArtifactStored():
                self.last_seen_us = max(self.last_seen_us, record.received_at_us)
                return self._take_content(offset, stood_at, record)
            case TraceCompleted() if self.completed is None:
                self.completed, self.completed_offset = record, stood_at
                return True
            case TraceExpired() if not self.closed and self._is_overdue(record):
                self.expired = record
                return True
            case TraceErased():
                self.erased = True
        return False

    def _is_overdue(self, said: TraceExpired) -> bool:
        """A record that came between the decision and this one keeps an idle trace open, but not an old one."""
        idle_us, age_us = said.expired_at_us - self.last_seen_us, said.expired_at_us - self.created.created_at_us
        return idle_us >= said.idle_us or 0 < said.age_us <= age_us

    def _take_content(self, offset: int, stood_at: int, record: EventsAppended | ArtifactStored) -> bool:
        counts = RECORD_COUNTS + (sum(map(len, record.events)) if isinstance(record, EventsAppended) else 0)
        if self.counted + counts > LARGEST_TRACE:
            self.beyond, self.beyond_from = self.beyond + 1, stood_at if self.beyond == 0 else self.beyond_from
            return self.beyond == 1
        self.counted += counts
        if isinstance(record, EventsAppended):
            return self._take_chunk(hold(record, offset, stood_at))
        return self._take_artifact(record)

    def _take_chunk(self, held: HeldChunk) -> bool:
        # Searching is left to a late chunk's trace: an open one is sorted out once, when it is verified.
        repeated = self.closed and any(held.seq == c.seq and held.same_upload(c) for c in self.chunks)
        self.chunks.add(held)
        return not repeated

    def _take_artifact(self, stored: ArtifactStored) -> bool:
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


def begin(created: TraceCreated, offset: int, stood_at: int | None = None) -> Trace:
    """A trace of which only the first record is known."""
    return Trace(created, offset if stood_at is None else stood_at, offset, created.created_at_us)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a trace may be idle, and how long it may be open at all; microseconds."""

    idle_us: int
    age_us: int

    def ends(self, trace: Trace, now_us: int) -> bool:
        """Whether an open trace has had its time."""
        return now_us - trace.last_seen_us >= self.idle_us or now_us - trace.created.created_at_us >= self.age_us


class OpenTraces:
    """The open traces of one partition, oldest first, with as many of their chunks as there is memory for."""

    def __init__(self, memory: Memory) -> None:
        self._traces: dict[str, Trace] = {}
        self._closed: OrderedDict[str, Trace] = OrderedDict()
        self._recent = memory.share()

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

    def adopt(self, trace: Trace) -> None:
        """Keep an open trace that was put together from the log."""
        self._traces.setdefault(trace.created.trace_id, trace)

    def apply(self, offset: int, record: Record, stood_at: int | None = None) -> Trace | None:
        """Fold one record; the trace when the record makes a revision of it, to be released once that is out."""
        if isinstance(record, TraceCreated):
            self.adopt(begin(record, offset, stood_at))
            return None
        name = getattr(record, "trace_id", "")
        trace = self._traces.get(name)
        if trace is None:
            # It is not known here what this does to a closed trace; the log will tell.
            self._closed.pop(name, None)
            return None
        if trace.apply(offset, record, stood_at):
            return trace
        if trace.erased:
            self.release(trace)
        elif isinstance(record, EventsAppended):
            self._recent.heard(record.trace_id, trace.chunks)
        return None

    def release(self, trace: Trace) -> None:
        """A closed trace is open no more. Of the newest it is remembered where in the log their chunks are."""
        name = trace.created.trace_id
        self._traces.pop(name, None)
        self._recent.forget(name)
        if not trace.erased:
            trace.chunks.leave()
            self._closed[name] = trace
            while len(self._closed) > CLOSED_KEPT:
                self._closed.popitem(last=False)

    def reopen(self, trace_id: str, begins: int) -> Trace | None:
        """The closed trace that begins there, where it is remembered, to be released again. Its chunks are missing."""
        trace = self._closed.pop(trace_id, None)
        return trace if trace is not None and trace.first_offset == begins else None

    def begins(self, otherwise: int) -> int:
        """First offset of the oldest open trace, or what to say when none is open."""
        return next((trace.first_offset for trace in self), otherwise)

    def overdue(self, now_us: int, patience: Patience) -> list[Trace]:
        """Open traces to ask about: idle, by the server time in their records, or open for too long."""
        return [trace for trace in self if now_us - trace.asked_us >= patience.idle_us and patience.ends(trace, now_us)]
