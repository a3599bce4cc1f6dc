"""The audit's own fold agrees with the assembler on anything clients can send, and misses nothing that was taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.conservation import Balance, Disposition, Ledger
from schemas.codec import UndecodableRecord, decode
from schemas.records import ArtifactStored, Record, TraceAssembled, TraceErased, TraceExpired
from tests.support.traces import START_US, chain, chunk, completed, created, trace_id
from tests.unit.streams.memory import MemoryLog, run

D = Disposition
ERASED = TraceErased(trace_id=trace_id(1), project="default", erased_at_us=START_US, actor="a", reason="b")


def _expired(at_us: int, idle_us: int = 1) -> TraceExpired:
    fields: dict[str, Any] = {"trace_id": trace_id(1), "project": "default", "created_offset": 0}
    return TraceExpired(**fields, expired_at_us=at_us, idle_us=idle_us)


def _stored(name: str, sha: str) -> ArtifactStored:
    fields: dict[str, Any] = {"kind": "log", "size": 1, "content_type": "text/plain", "private": False}
    fields |= {"trace_id": trace_id(1), "project": "default", "created_offset": 0, "redactions": {}}
    return ArtifactStored(**fields, name=name, sha256=sha, received_at_us=START_US)


async def _audit(records: list[Record | bytes], lost: int | None = None) -> tuple[Balance, list[TraceAssembled]]:
    """The assembler over these records, then the ledger; `lost`: a revision that is taken away in between."""
    written = await run(MemoryLog(records))
    revisions = [revision for index, revision in enumerate(written.revisions) if index != lost]
    dead = {offset for offset, _ in written.letters}
    return _ledger(records, dead).balance(revisions), written.revisions


def _ledger(records: list[Record | bytes], dead: set[int]) -> Ledger:
    ledger = Ledger(0, 0)
    for offset, record in enumerate(records):
        ledger.take(offset, _decoded(record), D.DEAD_LETTERED if offset in dead else None)
    return ledger


def _decoded(record: Record | bytes) -> Record | None:
    if not isinstance(record, bytes):
        return record
    try:
        return decode(record)
    except UndecodableRecord:
        return None


def _counts(balance: Balance) -> dict[Disposition, int]:
    totals: Counter[Disposition] = Counter()
    for (_, _, disposition), count in balance.counts.items():
        totals[disposition] += count
    return dict(totals)


async def test_each_kind_of_record_has_its_disposition() -> None:
    sent = chain(4)
    records: list[Record | bytes] = [
        created(),
        sent[0],
        replace(sent[0], chunk_id="again"),
        replace(chunk(0), body_mac=b"other", chunk_digest="sha256:other"),
        b"poison",
        sent[1],
        completed(),
        completed(),
        sent[2],
        sent[2],
        created(2),
        ERASED,
        chunk(0, number=3, created_offset=8),
    ]
    balance, _ = await _audit(records[:11])
    assert balance.violations == []
    assert _counts(balance) == {
        D.APPLIED: 4, D.DUPLICATE: 3, D.FORK: 1, D.DEAD_LETTERED: 1, D.LATE: 1, D.OPEN: 1,
    }  # fmt: skip
    balance, _ = await _audit(records)
    assert balance.violations == []
    assert _counts(balance) == {D.ERASED: 10, D.DEAD_LETTERED: 2, D.OPEN: 1}
    assert balance.consumed == len(records) == sum(balance.counts.values())


PIECES: list[Record | bytes] = [
    *chain(3),
    chain(3)[1],
    replace(chunk(1), body_mac=b"fork", chunk_digest="sha256:fork"),
    replace(chunk(2), body_mac=b"fork", chunk_digest="sha256:forked too"),
    _stored("a", "sha256:1"),
    _stored("a", "sha256:2"),
    _stored("b", "sha256:1"),
    completed(),
    completed(event_count=3),
    _expired(START_US + 10**12),
    _expired(START_US, idle_us=10**12),
    chunk(0, number=2, created_offset=1),
    completed(number=2, created_offset=1),
    chunk(0, number=9, created_offset=0),
    b"poison",
    ERASED,
]


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
async def test_the_law_holds_for_anything_that_comes(pieces: list[Record | bytes]) -> None:
    records = [created(), created(2), *pieces]
    balance, _ = await _audit(records)
    assert balance.violations == []
    assert sum(balance.counts.values()) == balance.consumed == len(records)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(PIECES[:-1]), max_size=14), st.integers(0, 20))
async def test_a_revision_that_is_taken_away_is_named(pieces: list[Record | bytes], which: int) -> None:
    records = [created(), created(2), *pieces, completed(), completed(number=2, created_offset=1)]
    _, revisions = await _audit(records)
    lost = which % len(revisions)
    balance, _ = await _audit(records, lost)
    named = {(violation.trace_id, violation.offset) for violation in balance.violations}
    assert (revisions[lost].trace_id, revisions[lost].last_offset) in named


@pytest.mark.parametrize("gone", [1, 2])
async def test_a_chunk_that_the_assembler_did_not_see_is_named(gone: int) -> None:
    records: list[Record | bytes] = [created(), *chain(2), completed()]
    written = await run(MemoryLog([record for index, record in enumerate(records) if index != gone]))
    revisions = [replace(revision, last_offset=3) for revision in written.revisions]
    (violation,) = _ledger(records, set()).balance(revisions).violations
    assert (violation.offset, violation.trace_id) == (3, trace_id(1))
    assert violation.what == "revision 1 has 1 chunks, the log has 2"


async def test_a_refused_record_that_is_not_among_the_dead_letters_is_named() -> None:
    records: list[Record | bytes] = [created(), b"poison", completed()]
    written = await run(MemoryLog(records))
    (violation,) = _ledger(records, set()).balance(written.revisions).violations
    assert (violation.offset, violation.what) == (1, "it is neither in a revision nor dead-lettered")


async def test_an_offset_that_is_not_there_is_named() -> None:
    ledger = Ledger(3, 5)
    ledger.take(5, created())
    ledger.take(8, created(2))
    (violation,) = ledger.balance([]).violations
    assert (violation.partition, violation.offset) == (3, 6)
    assert violation.what == "the offsets from 6 to 7 are not there"


async def test_a_revision_that_no_record_makes_is_named() -> None:
    records: list[Record | bytes] = [created(), chunk(0), completed()]
    written = await run(MemoryLog(records))
    invented = replace(written.revisions[0], revision=2, last_offset=1)
    (violation,) = _ledger(records, set()).balance([*written.revisions, invented]).violations
    assert violation.what == "revision 2 comes from a record that makes none"


async def test_nothing_is_due_to_what_began_before_the_ledger() -> None:
    records: list[Record | bytes] = [created(), chunk(0), chunk(1), completed()]
    written = await run(MemoryLog(records))

    def later() -> Ledger:
        ledger = Ledger(0, 2)
        for offset in (2, 3):
            ledger.take(offset, _decoded(records[offset]))
        return ledger

    assert _counts(later().balance(written.revisions)) == {D.APPLIED: 2}
    assert later().balance([]).violations == []
