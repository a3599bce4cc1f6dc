"""The law of conservation: every offset of trace-log that the assembler consumed has exactly one disposition. Pure.

This is a second, simpler fold over the same records, which shares no code with the assembler: it says which records
must make a revision and how many chunks that has, and what became of every other one. What the results do not show is
lost, and is named.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.findings import Kind
from schemas.records import (
    ArtifactStored,
    EventsAppended,
    Record,
    TraceAssembled,
    TraceCompleted,
    TraceCreated,
    TraceErased,
    TraceExpired,
)


class Disposition(StrEnum):
    """What became of a record."""

    APPLIED = "applied"
    OPEN = "open"
    DUPLICATE = "duplicate"
    FORK = "fork"
    LATE = "late"
    DEAD_LETTERED = "dead-lettered"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Violation:
    """An offset that has no disposition, or a result that does not follow from the log."""

    partition: int
    offset: int
    trace_id: str
    what: str


@dataclass(slots=True)
class Account:
    """What the log says of a trace. `partial`: it began before the ledger, so that what is due to it is not known."""

    project: str
    partial: bool
    created_at_us: int = 0
    last_seen_us: int = 0
    chunks: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)
    artifacts: dict[str, tuple[str, str]] = field(default_factory=dict)
    completed: bool = False
    expired: bool = False
    erased: bool = False
    expected: dict[int, int] = field(default_factory=dict)
    """Offset of a record that makes a revision -> how many chunks that has."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self.completed or self.expired

    def take(self, offset: int, record: Record) -> Disposition:
        """What a record is to the trace; OPEN where that depends on whether it ends."""
        closed = self.closed
        match record:
            case TraceErased():
                self.erased = True
                return Disposition.ERASED
            case EventsAppended():
                disposition = self._chunk(record)
            case ArtifactStored():
                disposition = self._artifact(record)
            case TraceCompleted() if not self.completed:
                self.completed, disposition = True, Disposition.OPEN
            case TraceExpired():
                if closed or not self._is_overdue(record):
                    return Disposition.LATE
                self.expired, disposition = True, Disposition.OPEN
            case _:
                return Disposition.DUPLICATE
        if disposition is Disposition.DUPLICATE:
            return disposition
        if self.closed:
            self.expected[offset] = len(self.chunks)
        return Disposition.LATE if closed and disposition is Disposition.OPEN else disposition

    def _chunk(self, chunk: EventsAppended) -> Disposition:
        self.last_seen_us = max(self.last_seen_us, chunk.received_at_us)
        known = self.chunks.setdefault(chunk.chunk_seq, [])
        if any(digest == chunk.chunk_digest or (mac and mac == chunk.body_mac) for digest, mac in known):
            return Disposition.DUPLICATE
        known.append((chunk.chunk_digest, chunk.body_mac))
        return Disposition.OPEN if len(known) == 1 else Disposition.FORK

    def _artifact(self, stored: ArtifactStored) -> Disposition:
        self.last_seen_us = max(self.last_seen_us, stored.received_at_us)
        same = self.artifacts.get(stored.name) == (stored.sha256, stored.kind)
        self.artifacts[stored.name] = (stored.sha256, stored.kind)
        return Disposition.DUPLICATE if same else Disposition.OPEN

    def _is_overdue(self, said: TraceExpired) -> bool:
        idle_us, age_us = said.expired_at_us - self.last_seen_us, said.expired_at_us - self.created_at_us
        return self.partial or idle_us >= said.idle_us or 0 < said.age_us <= age_us


@dataclass(frozen=True, slots=True)
class Entered:
    """One consumed offset, as far as the log alone tells."""

    offset: int
    trace_id: str
    project: str
    disposition: Disposition | None


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of everything: counts by (project, partition, disposition), and what is not accounted for."""

    consumed: int
    counts: Counter[tuple[str, int, Disposition]]
    violations: list[Violation]


class Ledger:
    """The accounts of one partition from an offset on."""

    def __init__(self, partition: int, first: int) -> None:
        self._partition, self._first, self._next = partition, first, first
        self._accounts: dict[str, Account] = {}
        self._entered: list[Entered] = []
        self._holes: list[Violation] = []

    def __contains__(self, trace_id: str) -> bool:
        """Whether there is a record of the trace."""
        return trace_id in self._accounts

    def take(self, offset: int, record: Record | None, disposition: Disposition | None = None) -> None:
        """Enter the next offset. `disposition` where it is known without the record: dead-lettered, erased, redriven.

        `record` None: no record of this topic, which must have been dead-lettered.
        """
        if offset != self._next:
            hole = f"the offsets from {self._next} to {offset - 1} are not there"
            self._holes.append(Violation(self._partition, self._next, "", hole))
        self._next = offset + 1
        trace_id, project = getattr(record, "trace_id", ""), getattr(record, "project", "")
        if disposition is None and record is not None:
            disposition = self._apply(offset, record, trace_id)
        self._entered.append(Entered(offset, trace_id, project, disposition))

    def _apply(self, offset: int, record: Record, trace_id: str) -> Disposition | None:
        account = self._accounts.get(trace_id)
        if isinstance(record, TraceCreated):
            if account is None:
                begins = record.created_at_us
                self._accounts[trace_id] = Account(record.project, False, begins, begins)
            return Disposition.OPEN if account is None else Disposition.DUPLICATE
        if account is None:
            account = self._begun_before(record)
            if account is None:
                return Disposition.LATE if isinstance(record, TraceExpired) else None
            self._accounts[trace_id] = account
        return account.take(offset, record)

    def _begun_before(self, record: Record) -> Account | None:
        """An account for a trace whose beginning is older than the ledger; None where it has no beginning at all."""
        begins = getattr(record, "created_offset", -1)
        if not isinstance(record, TraceErased) and begins >= self._first:
            return None
        return Account(getattr(record, "project", ""), partial=True)

    def balance(self, revisions: Iterable[TraceAssembled]) -> Balance:
        """Settle with the results: every revision of these traces that there is, in any order, repeats included."""
        found: dict[str, dict[int, TraceAssembled]] = {}
        for revision in revisions:
            found.setdefault(revision.trace_id, {})[revision.last_offset] = revision
        violations = [*self._holes]
        for trace_id, account in self._accounts.items():
            violations += self._settle(trace_id, account, found.get(trace_id, {}))
        counts: Counter[tuple[str, int, Disposition]] = Counter()
        named = {violation.offset for violation in violations}
        for entered in self._entered:
            final = self._final(entered, found.get(entered.trace_id, {}))
            if final is not None:
                counts[entered.project, self._partition, final] += 1
            elif entered.offset not in named:
                what = "it is neither in a revision nor dead-lettered"
                violations.append(Violation(self._partition, entered.offset, entered.trace_id, what))
        return Balance(len(self._entered), counts, sorted(violations, key=lambda violation: violation.offset))

    def _final(self, entered: Entered, revisions: Mapping[int, TraceAssembled]) -> Disposition | None:
        account = self._accounts.get(entered.trace_id)
        if account is None or entered.disposition in (None, Disposition.DEAD_LETTERED):
            return entered.disposition
        if account.erased:
            return Disposition.ERASED
        if entered.disposition is not Disposition.OPEN or not account.closed:
            return entered.disposition
        if any(last >= entered.offset for last in revisions):
            return Disposition.APPLIED
        return Disposition.LATE if account.partial else None

    def _settle(self, trace_id: str, account: Account, revisions: Mapping[int, TraceAssembled]) -> Iterable[Violation]:
        if account.erased or account.partial:
            return
        # A revision that does not hold all of its trace: how many chunks it has is not foretold.
        oversize = any(
            finding.kind == Kind.OVERSIZE for revision in revisions.values() for finding in revision.findings
        )
        for offset, chunks in account.expected.items():
            revision = revisions.get(offset)
            if revision is None and not oversize:
                yield Violation(self._partition, offset, trace_id, "it should have made a revision, and there is none")
            elif revision is not None and revision.chunk_count != chunks and not oversize:
                what = f"revision {revision.revision} has {revision.chunk_count} chunks, the log has {chunks}"
                yield Violation(self._partition, offset, trace_id, what)
        for offset in revisions.keys() - account.expected.keys():
            if self._first <= offset < self._next and not oversize:
                what = f"revision {revisions[offset].revision} comes from a record that makes none"
                yield Violation(self._partition, offset, trace_id, what)
