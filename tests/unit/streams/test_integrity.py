"""Verification: each kind of fault has its finding, honest traces have none."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import ArtifactStored, EventsAppended, Record, TraceCompleted
from streams.assembly import Trace, begin
from streams.integrity import CLOCKS_DIFFER_US, Verified, verify
from tests.support.traces import SECOND_US, START_US, chain, chunk, completed, created, note


def told(*records: Record) -> Trace:
    """A trace of these records, at offsets 1, 2, ... after its beginning."""
    trace = begin(created(), 0)
    for offset, record in enumerate(records, start=1):
        trace.apply(offset, record)
    return trace


def found(*records: Record) -> tuple[list[str], bool, bool]:
    """(kinds of findings, intact, complete)."""
    verified = verify(told(*records))
    return [finding.kind for finding in verified.findings], verified.intact, verified.complete


def test_an_honest_trace_has_no_finding() -> None:
    sent = chain(4)
    assert found(*sent, completed(sent)) == ([], True, True)


@given(st.permutations(chain(4)))
def test_the_order_of_arrival_does_not_matter(arrived: list[EventsAppended]) -> None:
    verified: Verified = verify(told(*arrived, completed(chain(4))))
    assert (verified.findings, verified.intact, verified.complete) == ((), True, True)
    assert [placed.record.chunk_seq for placed in verified.chunks] == [0, 1, 2, 3]


def test_without_an_end_a_trace_is_not_complete() -> None:
    assert found(*chain(2)) == ([], True, False)


def test_an_honest_repeat_is_only_mentioned_and_the_first_copy_counts() -> None:
    sent = chain(1)
    verified = verify(told(sent[0], sent[0], completed(sent)))
    [finding] = verified.findings
    assert (finding.kind, finding.offsets, verified.intact, verified.complete) == ("duplicate", (1, 2), True, True)
    assert [placed.offset for placed in verified.chunks] == [1]


def test_other_content_under_one_chunk_seq_is_a_fork() -> None:
    other = chunk(0, [note(0, text="another story")], body_mac=b"other")
    assert found(chunk(0), other, completed()) == (["fork"], False, True)


def _tampered(sent: EventsAppended, **changed: object) -> EventsAppended:
    return dataclasses.replace(sent, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "change",
    [
        lambda c: {"events": (*c.events[:-1], c.events[-1].replace(b"thought", b"THOUGHT"))},
        lambda c: {"events": c.events[:-1]},
        lambda c: {"events": (*c.events[:-2], *reversed(c.events[-2:]))},
        lambda _: {"chunk_id": "another"},
    ],
    ids=["edit", "drop", "reorder", "rename"],
)
def test_altered_bytes_do_not_have_the_digest(place: int, change: object) -> None:
    sent = chain(3)
    stored = list(sent)
    stored[place] = _tampered(sent[place], **change(sent[place]))  # type: ignore[operator]
    kinds, intact, _ = found(*stored, completed(sent))
    assert "hash_mismatch" in kinds
    assert not intact


def test_a_chunk_rewritten_with_its_digest_breaks_the_link_of_the_next() -> None:
    sent = chain(3)
    rewritten = chunk(1, [note(i, text="nothing") for i in (3, 4, 5)], prev_chunk_digest=sent[0].chunk_digest)
    assert found(sent[0], rewritten, sent[2], completed(sent)) == (["broken_link"], False, True)


def _redacted_otherwise(sent: EventsAppended) -> EventsAppended:
    """The same upload, stored again by a gateway that forgot the first copy and has other redaction rules."""
    events = [note(i, text="[REDACTED:assignment:01234567]") for i in range(3 * sent.chunk_seq, 3 * sent.chunk_seq + 3)]
    return chunk(sent.chunk_seq, events, prev_chunk_digest=sent.prev_chunk_digest, body_mac=sent.body_mac)


def test_a_client_may_go_on_from_the_receipt_of_either_copy() -> None:
    first = chunk(0)
    again = _redacted_otherwise(first)
    assert again.chunk_digest != first.chunk_digest
    for receipted in (first, again):
        second = chunk(1, prev_chunk_digest=receipted.chunk_digest)
        for last in (second, _redacted_otherwise(second)):
            said = completed([first, last])
            assert found(first, again, second, _redacted_otherwise(second), said) == (["duplicate"] * 2, True, True)


def test_the_receipt_of_a_fork_is_no_place_to_go_on_from() -> None:
    forged = chunk(0, chunk_id="forged", body_mac=b"another body")
    second = chunk(1, prev_chunk_digest=forged.chunk_digest)
    assert found(chunk(0), forged, second, completed()) == (["fork", "broken_link"], False, True)


def test_a_first_chunk_that_follows_something_is_a_broken_link() -> None:
    assert found(chunk(0, prev_chunk_digest="sha256:" + "0" * 64), completed())[0] == ["broken_link"]


def test_a_missing_chunk_is_a_gap_in_chunks_and_in_events() -> None:
    sent = chain(4)
    verified = verify(told(sent[0], sent[3], completed()))
    details = [finding.detail for finding in verified.findings]
    assert details == ["missing chunks: 1-2", "missing events: 3-8"]
    assert [finding.offsets for finding in verified.findings] == [(1, 2), (1, 2)]
    assert (verified.intact, verified.complete) == (True, False)


def test_a_gap_of_any_size_costs_nothing() -> None:
    [finding] = verify(told(chunk(0, [note(2**53 - 1, ts_client_us=START_US)]), completed())).findings
    assert finding.detail == f"missing events: 0-{2**53 - 2}"


@pytest.mark.parametrize(("seqs", "kinds"), [([0, 1, 1], ["repeated_seq"]), ([1, 0, 2], ["disorder"]), ([0, 1, 2], [])])
def test_events_are_numbered_once_and_in_order(seqs: list[int], kinds: list[str]) -> None:
    assert found(chunk(0, [note(seq) for seq in seqs]), completed()) == (kinds, not kinds, True)


@pytest.mark.parametrize("event", [b"{", b"[]", b'{"seq":0}', b'{"id":"e","seq":-1,"ts_client_us":0,"type":"x"}'])
def test_bytes_that_are_no_event_are_a_finding_and_no_crash(event: bytes) -> None:
    kinds, intact, _ = found(_tampered(chunk(0), events=(event,)), completed())
    assert (kinds, intact) == (["hash_mismatch", "unreadable"], False)


def _end(event_count: int | None, last: EventsAppended | None = None) -> TraceCompleted:
    return completed(event_count=event_count, last_digest=last.chunk_digest if last else None)


def test_a_lost_tail_is_truncated() -> None:
    sent = chain(3)
    assert found(*sent[:2], _end(9)) == (["truncated"], True, False)
    assert found(*sent[:2], _end(None, sent[2])) == (["truncated"], True, False)


def test_more_than_the_client_sent_is_a_count_mismatch() -> None:
    sent = chain(3)
    assert found(*sent, _end(6)) == (["count_mismatch"], False, True)
    assert found(*sent, _end(None, sent[1])) == (["count_mismatch"], False, True)


def test_a_late_chunk_is_no_surplus() -> None:
    sent = chain(3)
    assert found(*sent[:2], completed(sent[:2]), sent[2]) == ([], True, True)


def test_a_reference_to_a_file_that_never_came_is_found_and_settled_when_it_comes() -> None:
    digests = ["sha256:" + letter * 64 for letter in "ab"]
    run = {"id": "r", "seq": 0, "ts_client_us": START_US, "type": "cmd_run", "command": "make"}
    events = [{**run, "output_ref": f"artifact:{digests[0]}"}, {**run, "seq": 1}]
    report = {"id": "t", "seq": 2, "ts_client_us": START_US, "type": "test_run", "framework": "pytest"}
    sent = [chunk(0, [*events, {**report, "report_ref": f"artifact:{digests[1]}"}])]
    files = [
        ArtifactStored(
            trace_id=sent[0].trace_id,
            project="default",
            created_offset=0,
            name=digest,
            kind="log",
            sha256=digest,
            size=1,
            content_type="text/plain",
            private=False,
            received_at_us=START_US,
            redactions={},
        )
        for digest in digests
    ]
    verified = verify(told(*sent, files[0], completed(sent)))
    [finding] = verified.findings
    assert (finding.kind, finding.offsets, verified.intact, verified.complete) == (
        "dangling_reference",
        (1,),
        True,
        False,
    )
    assert finding.detail.endswith(": 2")
    assert found(*sent, completed(sent), *files) == ([], True, True)


LATER_US = CLOCKS_DIFFER_US + 200 * SECOND_US


def test_a_record_dated_long_before_one_that_stands_before_it_is_backdated() -> None:
    sent = chain(3)
    sent[1] = dataclasses.replace(sent[1], received_at_us=START_US - LATER_US)
    [finding] = verify(told(*sent, completed(sent))).findings
    assert (finding.kind, finding.offsets) == ("back_dated", (1, 2))


def test_an_end_and_a_beginning_have_dates_too() -> None:
    sent = chain(1)
    assert found(*sent, completed(sent, completed_at_us=START_US - LATER_US)) == (["back_dated"], False, True)
    trace = begin(created(created_at_us=START_US + LATER_US), 0)
    records: tuple[Record, ...] = (*sent, completed(sent))
    for offset, record in enumerate(records, start=1):
        trace.apply(offset, record)
    assert [finding.kind for finding in verify(trace).findings] == ["back_dated"]


def test_clocks_of_replicas_may_differ_and_repeats_keep_their_dates() -> None:
    sent = chain(3)
    sent[1] = dataclasses.replace(sent[1], received_at_us=sent[0].received_at_us - CLOCKS_DIFFER_US)
    assert found(*sent, completed(sent)) == ([], True, True)
    old = dataclasses.replace(sent[2], received_at_us=0)
    assert found(*sent, old, completed(sent)) == (["duplicate"], True, True)


def test_what_was_beyond_the_largest_trace_is_said() -> None:
    sent = chain(2)
    trace = told(*sent, completed(sent))
    trace.beyond, trace.beyond_from = 3, 7
    verified = verify(trace)
    [finding] = verified.findings
    assert (finding.kind, finding.offsets, verified.intact, verified.complete) == ("oversize", (7,), True, False)
