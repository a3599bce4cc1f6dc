"""Verification of a trace: which chunks count, and what is wrong with it, each finding with the offsets that show it.

Two verdicts, apart: *intact* (nothing that arrived was altered) and *complete* (nothing that was sent is missing).
Of chunks with one chunk_seq the lowest offset counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import orjson

from pipeline.chain import chunk_digest
from schemas.findings import Kind, against
from schemas.records import ArtifactStored, EventsAppended, Finding, TraceCompleted
from streams.assembly import COMPLETED, Trace

CLOCKS_DIFFER_US = 5 * 60 * 1_000_000
"""Clocks of the gateway's replicas, and the wait of a record for its place in the log; microseconds."""
REFERENCES = ("output_ref", "report_ref")
NAMED = 10
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """A chunk that counts, with the offset of its receipt and its events parsed; None where an event cannot be read.

    `receipted`: the digests that the client may have been given for it. A repeat has another one where redaction rules
    changed between the two.
    """

    offset: int
    record: EventsAppended
    events: tuple[Event | None, ...]
    receipted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verified:
    """A trace sorted out: the chunks that count, in chunk order, and the findings."""

    chunks: tuple[Placed, ...]
    findings: tuple[Finding, ...]
    intact: bool
    complete: bool


def verify(trace: Trace) -> Verified:
    """Everything the records of a trace say about its integrity."""
    chunks, repeats = _settle_repeats(trace)
    findings = [*repeats, *_digests(chunks), *_links(chunks), *_chunk_gaps(chunks), *_unreadable(chunks)]
    findings += [*_event_order(chunks), *_backdated(trace, chunks), *_dangling(chunks, trace.artifacts)]
    findings += [*_beyond(trace), *_lost(trace)]
    if trace.completed is not None and trace.completed_offset is not None:
        findings += _client_counts(chunks, trace.completed, trace.completed_offset)
    kinds = {finding.kind for finding in findings}
    return Verified(
        tuple(chunks),
        tuple(findings),
        intact=not kinds & against("intact"),
        complete=not kinds & against("complete") and trace.outcome == COMPLETED,
    )


def parse(event: bytes) -> Event | None:
    """A stored event as a value; None where it lacks what every event has (only tampering makes such)."""
    try:
        value = orjson.loads(event)
    except orjson.JSONDecodeError:
        return None
    whole = isinstance(value, dict) and isinstance(value.get("type"), str) and isinstance(value.get("id"), str)
    return value if whole and _natural(value.get("seq")) and _natural(value.get("ts_client_us")) else None


def _natural(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _settle_repeats(trace: Trace) -> tuple[list[Placed], list[Finding]]:
    chunks: list[Placed] = []
    findings: list[Finding] = []
    # A record that was redriven twice, or that its reader understands by now as well, is one chunk.
    by_place = {chunk.stood_at: chunk for chunk in trace.chunks}
    for seq, same_seq in groupby(sorted(by_place.values(), key=lambda c: (c.seq, c.stood_at)), key=lambda c: c.seq):
        first, *others = same_seq
        record = first.unpack()
        receipted = frozenset(held.digest for held in (first, *others) if first.same_upload(held))
        chunks.append(Placed(first.stood_at, record, tuple(map(parse, record.events)), receipted))
        for other in others:
            same = first.same_upload(other)
            kind, how = (Kind.DUPLICATE, "stored again") if same else (Kind.FORK, "stored again with other content")
            findings.append(Finding(kind=kind, detail=f"chunk {seq} {how}", offsets=(first.stood_at, other.stood_at)))
    return chunks, findings


def _digests(chunks: Sequence[Placed]) -> Iterator[Finding]:
    for chunk in chunks:
        record = chunk.record
        found = chunk_digest(
            record.trace_id, record.chunk_seq, record.chunk_id, record.prev_chunk_digest, record.events
        )
        if found != record.chunk_digest:
            detail = f"chunk {record.chunk_seq} says {record.chunk_digest}, its bytes say {found}"
            yield Finding(kind=Kind.HASH_MISMATCH, detail=detail, offsets=(chunk.offset,))


def _links(chunks: Sequence[Placed]) -> Iterator[Finding]:
    """A predecessor that is missing is a gap, and no link can be said to be broken."""
    by_seq = {chunk.record.chunk_seq: chunk for chunk in chunks}
    for chunk in chunks:
        said, seq = chunk.record.prev_chunk_digest, chunk.record.chunk_seq
        before = by_seq.get(seq - 1)
        if said is None or (before is None and seq > 0) or (before and said in before.receipted):
            continue
        offsets = (before.offset, chunk.offset) if before else (chunk.offset,)
        yield Finding(
            kind=Kind.BROKEN_LINK, detail=f"chunk {seq} follows {said}, which is not before it", offsets=offsets
        )


def _dangling(chunks: Sequence[Placed], artifacts: Iterable[ArtifactStored]) -> Iterator[Finding]:
    """References to files that were never stored; one that comes late makes a revision without this finding."""
    known = {None, *(f"artifact:{artifact.sha256}" for artifact in artifacts)}
    lost = [
        (event["seq"], chunk.offset)
        for chunk in chunks
        for event in chunk.events
        if event is not None and not known.issuperset(map(event.get, REFERENCES))
    ]
    if lost:
        yield _about(Kind.DANGLING_REFERENCE, "events that refer to files which never came", lost)


def _holes(placed: Iterable[tuple[int, int]], what: str) -> Iterator[Finding]:
    """What is missing from 0 to the largest of these (number, offset), ascending; the numbers may be huge."""
    holes = [(before, after) for before, after in pairwise([(-1, -1), *placed]) if after[0] - before[0] > 1]
    if holes:
        ranges = [(low + 1, high - 1) for (low, _), (high, _) in holes]
        names = [str(low) if low == high else f"{low}-{high}" for low, high in ranges]
        sides = {offset for sides in holes for _, offset in sides if offset >= 0}
        yield Finding(kind=Kind.GAP, detail=f"missing {what}: {_some(names)}", offsets=tuple(sorted(sides)[:NAMED]))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _chunk_gaps(chunks: Sequence[Placed]) -> Iterator[Finding]:
    return _holes(((chunk.record.chunk_seq, chunk.offset) for chunk in chunks), "chunks")


def _unreadable(chunks: Sequence[Placed]) -> Iterator[Finding]:
    for chunk in chunks:
        if None in chunk.events:
            detail = f"chunk {chunk.record.chunk_seq} has {chunk.events.count(None)} events that are none of ours"
            yield Finding(kind=Kind.UNREADABLE, detail=detail, offsets=(chunk.offset,))


def _event_order(chunks: Sequence[Placed]) -> Iterator[Finding]:
    placed = [(event["seq"], chunk.offset) for chunk in chunks for event in chunk.events if event is not None]
    ordered = sorted(placed)
    yield from _holes(ordered, "events")
    if again := [(seq, at) for (before, _), (seq, at) in pairwise(ordered) if before == seq]:
        yield _about(Kind.REPEATED_SEQ, "events with a number that was taken", again)
    if back := [(seq, at) for (before, _), (seq, at) in pairwise(placed) if seq < before]:
        yield _about(Kind.DISORDER, "events after one with a higher number", back)


def _backdated(trace: Trace, chunks: Sequence[Placed]) -> Iterator[Finding]:
    """The server's times against the order of the log. Those of repeats do not count: nothing is made of them."""
    dated = [(chunk.offset, chunk.record.received_at_us) for chunk in chunks]
    if trace.completed is not None and trace.completed_offset is not None:
        dated.append((trace.completed_offset, trace.completed.completed_at_us))
    (latest, latest_us), back = (trace.first_offset, trace.created.created_at_us), []
    for offset, at_us in sorted(dated):
        if latest_us - at_us > CLOCKS_DIFFER_US:
            back.append((latest, offset))
        if at_us > latest_us:
            latest, latest_us = offset, at_us
    if back:
        detail = f"{len(back)} records are dated over five minutes before one that stands before them"
        yield Finding(
            kind=Kind.BACK_DATED, detail=detail, offsets=tuple(sorted({o for two in back for o in two})[:NAMED])
        )


def _beyond(trace: Trace) -> Iterator[Finding]:
    if trace.beyond:
        detail = f"{trace.beyond} records are beyond what a revision can hold"
        yield Finding(kind=Kind.OVERSIZE, detail=detail, offsets=(trace.beyond_from,))


def _lost(trace: Trace) -> Iterator[Finding]:
    if left := trace.chunks.left:
        yield Finding(kind=Kind.LOST, detail=f"the log lost {len(left)} chunks", offsets=tuple(left[:NAMED]))


def _about(kind: Kind, what: str, placed: Sequence[tuple[int, int]]) -> Finding:
    offsets = tuple(sorted({offset for _, offset in placed})[:NAMED])
    return Finding(kind=kind, detail=f"{what}: {_some([str(seq) for seq, _ in placed])}", offsets=offsets)


def _client_counts(chunks: Sequence[Placed], said: TraceCompleted, completed_offset: int) -> Iterator[Finding]:
    """What the client counted, against the log. Late chunks explain a surplus, never a shortage."""
    total = sum(len(chunk.events) for chunk in chunks)
    on_time = [chunk for chunk in chunks if chunk.offset < completed_offset]
    in_time = sum(len(chunk.events) for chunk in on_time)
    if said.event_count is not None and total < said.event_count:
        detail = f"the client sent {said.event_count} events, the log has {total}"
        yield Finding(kind=Kind.TRUNCATED, detail=detail, offsets=(completed_offset,))
    elif said.event_count is not None and in_time > said.event_count:
        detail = f"the client sent {said.event_count} events, the log had {in_time}"
        yield Finding(kind=Kind.COUNT_MISMATCH, detail=detail, offsets=(completed_offset,))
    if said.last_digest is None:
        return
    last = next((chunk for chunk in chunks if said.last_digest in chunk.receipted), None)
    if last is None:
        detail = f"the chunk of the client's last receipt, {said.last_digest}, is not in the log"
        yield Finding(kind=Kind.TRUNCATED, detail=detail, offsets=(completed_offset,))
    elif beyond := [chunk for chunk in on_time if chunk.record.chunk_seq > last.record.chunk_seq]:
        detail = f"{len(beyond)} chunks follow the one of the client's last receipt"
        yield Finding(kind=Kind.COUNT_MISMATCH, detail=detail, offsets=tuple(chunk.offset for chunk in beyond[:NAMED]))
