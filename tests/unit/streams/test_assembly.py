"""The fold: which records make a revision, and what is held meanwhile."""

from __future__ import annotations

import dataclasses

import pytest

import streams.assembly
from schemas.records import ArtifactStored, Record, TraceErased, TraceExpired
from streams.assembly import OpenTraces, Patience
from streams.held import Memory
from tests.support.traces import SECOND_US, START_US, chain, chunk, completed, created, trace_id
from tests.unit.streams.memory import ROOM

HOUR_US = 3600 * SECOND_US


def expired(at_us: int, idle_us: int = HOUR_US, age_us: int = 0) -> TraceExpired:
    return TraceExpired(
        trace_id=trace_id(1), project="default", created_offset=0, expired_at_us=at_us, idle_us=idle_us, age_us=age_us
    )


def artifact(name: str, sha: str = "a") -> ArtifactStored:
    return ArtifactStored(
        trace_id=trace_id(1),
        project="default",
        created_offset=0,
        name=name,
        kind="log",
        sha256="sha256:" + sha * 64,
        size=1,
        content_type="text/plain",
        private=False,
        received_at_us=START_US,
        redactions={},
    )


ERASED = TraceErased(trace_id=trace_id(1), project="default", erased_at_us=START_US, actor="operator", reason="asked")


def revisions(*records: Record) -> list[tuple[int, str, int]]:
    """(revision, outcome, offset) of what a trace's records make, when the trace is kept after its end."""
    open_traces, found = OpenTraces(Memory(ROOM)), []
    for offset, record in enumerate(records):
        if trace := open_traces.apply(offset, record):
            found.append((trace.revision, trace.outcome, offset))
    return found


def test_a_trace_is_finished_by_its_end_and_not_before() -> None:
    sent = chain(2)
    assert revisions(created(), *sent, completed(sent)) == [(1, "completed", 3)]


def test_a_repeated_end_makes_no_revision() -> None:
    assert revisions(created(), completed(), completed()) == [(1, "completed", 1)]


def test_what_comes_late_and_is_new_makes_a_revision_each_time() -> None:
    first, second = chain(2)
    found = revisions(created(), first, completed(), second, artifact("log"), first, artifact("log"), second)
    assert [(number, offset) for number, _, offset in found] == [(1, 2), (2, 3), (3, 4)]


def test_the_last_upload_under_a_name_counts_even_when_its_content_was_there_before() -> None:
    first, second = artifact("log", "a"), artifact("log", "b")
    assert [number for number, _, _ in revisions(created(), first, second, completed(), first, first)] == [1, 2]


def test_the_same_content_as_another_kind_is_new() -> None:
    workspace = dataclasses.replace(artifact("log"), kind="workspace", private=True)
    assert len(revisions(created(), artifact("log"), completed(), workspace)) == 2


def test_a_late_chunk_with_other_content_is_new() -> None:
    other = chunk(0, chunk_id="other", body_mac=b"other")
    assert len(revisions(created(), chunk(0), completed(), other)) == 2


def test_the_same_request_is_a_repeat_even_when_redaction_changed_meanwhile() -> None:
    again = chunk(0, chunk_id="redacted-otherwise", body_mac=chunk(0).body_mac)
    assert len(revisions(created(), chunk(0), completed(), again)) == 1


def test_an_idle_trace_is_abandoned_and_its_end_still_counts() -> None:
    late_end = completed()
    assert revisions(created(), expired(START_US + HOUR_US), late_end) == [(1, "abandoned", 1), (2, "completed", 2)]


def test_an_expiry_that_crossed_with_a_chunk_is_void() -> None:
    assert revisions(created(), chunk(0), expired(START_US + HOUR_US)) == []


def test_an_erased_trace_makes_no_revision_and_is_dropped() -> None:
    open_traces = OpenTraces(Memory(ROOM))
    records: tuple[Record, ...] = (created(), chunk(0), ERASED)
    for offset, record in enumerate(records):
        assert open_traces.apply(offset, record) is None
    assert len(open_traces) == 0


def test_a_record_taken_twice_changes_nothing_and_answers_the_same() -> None:
    open_traces = OpenTraces(Memory(ROOM))
    records: tuple[Record, ...] = (created(), chunk(0), completed())
    for offset, record in enumerate(records):
        first, again = open_traces.apply(offset, record), open_traces.apply(offset, record)
        assert (first is None) == (again is None)
    [trace] = open_traces
    assert (trace.revision, len(trace.chunks)) == (1, 1)


def test_only_what_a_closed_trace_could_become_needs_the_log() -> None:
    open_traces = OpenTraces(Memory(ROOM))
    open_traces.apply(4, created(1))
    assert open_traces.lacks(chunk(0, number=1)) is None
    assert open_traces.lacks(chunk(0, number=2, created_offset=7)) == 7
    assert open_traces.lacks(completed(number=2, created_offset=7)) == 7
    assert open_traces.lacks(expired(START_US)) is None


def test_the_oldest_open_trace_says_where_open_traces_begin() -> None:
    open_traces = OpenTraces(Memory(ROOM))
    assert open_traces.begins(9) == 9
    open_traces.apply(3, created(1))
    open_traces.apply(4, created(2))
    assert open_traces.begins(9) == 3
    finished = open_traces.apply(5, completed(number=1, created_offset=3))
    assert finished is not None
    open_traces.release(finished)
    assert open_traces.begins(9) == 4


@pytest.mark.parametrize(("later_us", "overdue"), [(HOUR_US - 1, 0), (HOUR_US, 1)])
def test_idle_is_judged_by_the_newest_server_time_of_the_trace(later_us: int, overdue: int) -> None:
    open_traces = OpenTraces(Memory(ROOM))
    open_traces.apply(0, created())
    open_traces.apply(1, chunk(0))
    heard_us = chunk(0).received_at_us
    assert len(open_traces.overdue(heard_us + later_us, Patience(HOUR_US, 10 * HOUR_US))) == overdue


@pytest.mark.parametrize(("age_us", "ends"), [(0, 0), (HOUR_US, 1), (HOUR_US + 1, 0)])
def test_a_trace_may_be_open_only_so_long_however_busy_it_is(age_us: int, ends: int) -> None:
    busy = chunk(0, received_at_us=START_US + HOUR_US)
    assert len(revisions(created(), busy, expired(START_US + HOUR_US, age_us=age_us))) == ends


def test_what_is_beyond_the_largest_trace_is_not_held_and_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = chain(4)
    room = sum(sum(map(len, c.events)) + streams.assembly.RECORD_COUNTS for c in sent[:2])
    monkeypatch.setattr(streams.assembly, "LARGEST_TRACE", room)
    open_traces = OpenTraces(Memory(ROOM))
    records: list[Record] = [created(), *sent[:3], completed(sent), sent[3], artifact("log")]
    made = [open_traces.apply(offset, record) for offset, record in enumerate(records)]
    trace = made[4]
    assert trace is not None
    assert [found is not None for found in made] == [False] * 4 + [True, False, False]
    assert ([held.offset for held in trace.chunks], trace.beyond, trace.beyond_from) == ([1, 2], 3, 3)


def test_what_comes_beyond_after_the_end_makes_one_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.assembly, "LARGEST_TRACE", 0)
    assert [at for _, _, at in revisions(created(), completed(), chunk(0), chunk(1))] == [1, 2]
