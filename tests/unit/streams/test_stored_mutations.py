"""Stored logs that somebody changed: each kind of change has its finding; a thousand honest logs have none."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import structlog

from pipeline.chain import chunk_digest
from schemas.findings import MEANINGS, Kind
from schemas.records import EventsAppended, Record, TraceAssembled, TraceCompleted
from tests.support.traces import SECOND_US, chain, chunk, completed, created, note
from tests.unit.streams.memory import MemoryLog, run

HONEST = 1000
HOUR_US = 3600 * SECOND_US
Log = list[Record | bytes]


class Told(NamedTuple):
    """What the assembler says of a log with one trace."""

    kinds: set[str]
    intact: bool
    complete: bool
    head: str


@pytest.fixture(autouse=True)
def _no_words() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


def stored(chunks: int) -> Log:
    """The log of one trace, as the gateway wrote it for a client that sends its receipts back."""
    sent = chain(chunks)
    return [created(), *sent, completed(sent)]


def told(log: Log) -> Told:
    revisions: list[TraceAssembled] = asyncio.run(run(MemoryLog(log))).revisions
    last = revisions[-1]
    return Told({finding.kind for finding in last.findings}, last.intact, last.complete, last.head)


def chunk_at(log: Log, place: int) -> EventsAppended:
    record = log[place]
    assert isinstance(record, EventsAppended)
    return record


def changed(record: EventsAppended, **fields: object) -> EventsAppended:
    return dataclasses.replace(record, **fields)  # type: ignore[arg-type]


def redigested(record: EventsAppended, events: tuple[bytes, ...]) -> EventsAppended:
    """Other events, with the digest that belongs to them: what an attacker does who knows the format."""
    digest = chunk_digest(record.trace_id, record.chunk_seq, record.chunk_id, record.prev_chunk_digest, events)
    return changed(record, events=events, chunk_digest=digest)


def edit(log: Log, place: int) -> None:
    record = chunk_at(log, place)
    log[place] = changed(record, events=(record.events[0].replace(b"thought", b"THOUGHT"), *record.events[1:]))


def edit_with_digest(log: Log, place: int) -> None:
    record = chunk_at(log, place)
    log[place] = redigested(record, (record.events[0].replace(b"thought", b"THOUGHT"), *record.events[1:]))


def drop_event(log: Log, place: int) -> None:
    log[place] = changed(chunk_at(log, place), events=chunk_at(log, place).events[1:])


def drop_event_with_digest(log: Log, place: int) -> None:
    log[place] = redigested(chunk_at(log, place), chunk_at(log, place).events[1:])


def drop_chunk(log: Log, place: int) -> None:
    log[place] = b"removed"


def reorder_events(log: Log, place: int) -> None:
    log[place] = changed(chunk_at(log, place), events=chunk_at(log, place).events[::-1])


def reorder_events_with_digest(log: Log, place: int) -> None:
    log[place] = redigested(chunk_at(log, place), chunk_at(log, place).events[::-1])


def swap_numbers(log: Log, place: int) -> None:
    """Two chunks change places: each takes the other's number."""
    one, other = chunk_at(log, place), chunk_at(log, place + 1)
    log[place], log[place + 1] = changed(one, chunk_seq=other.chunk_seq), changed(other, chunk_seq=one.chunk_seq)


def truncate(log: Log, place: int) -> None:
    log[place:-1] = [b"removed"] * (len(log) - 1 - place)


def fork(log: Log, place: int) -> None:
    record = chunk_at(log, place)
    forged = chunk(record.chunk_seq, [note(0, text="another story")], chunk_id="forged", body_mac=b"forged")
    log.insert(len(log) - 1, forged)


def supplant(log: Log, place: int) -> None:
    """The fork comes first, so that it counts."""
    record = chunk_at(log, place)
    events = [note(record.chunk_seq * 3 + i, text="another story") for i in range(3)]
    log.insert(place, chunk(record.chunk_seq, events, chunk_id="forged", body_mac=b"forged"))


def add_events(log: Log, place: int) -> None:
    """A chunk that the client never sent, as the last one."""
    log.insert(len(log) - 1, chunk(sum(isinstance(record, EventsAppended) for record in log)))


def backdate(log: Log, place: int) -> None:
    record = chunk_at(log, place)
    log[place] = changed(record, received_at_us=record.received_at_us - HOUR_US)


def backdate_end(log: Log, place: int) -> None:
    end = log[-1]
    assert isinstance(end, TraceCompleted)
    log[-1] = dataclasses.replace(end, completed_at_us=end.completed_at_us - HOUR_US)


def rename(log: Log, place: int) -> None:
    log[place] = changed(chunk_at(log, place), chunk_id="another")


def damage(log: Log, place: int) -> None:
    log[place] = redigested(chunk_at(log, place), (b"{", *chunk_at(log, place).events[1:]))


CHANGES: list[tuple[Callable[[Log, int], None], Kind]] = [
    (edit, Kind.HASH_MISMATCH),
    (edit_with_digest, Kind.BROKEN_LINK),
    (drop_event, Kind.HASH_MISMATCH),
    (drop_event_with_digest, Kind.GAP),
    (drop_chunk, Kind.GAP),
    (reorder_events, Kind.HASH_MISMATCH),
    (reorder_events_with_digest, Kind.DISORDER),
    (swap_numbers, Kind.HASH_MISMATCH),
    (truncate, Kind.TRUNCATED),
    (fork, Kind.FORK),
    (supplant, Kind.FORK),
    (add_events, Kind.COUNT_MISMATCH),
    (backdate, Kind.BACK_DATED),
    (backdate_end, Kind.BACK_DATED),
    (rename, Kind.HASH_MISMATCH),
    (damage, Kind.UNREADABLE),
]


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize(("change", "kind"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_a_change_of_the_stored_log_is_found(change: Callable[[Log, int], None], kind: Kind, place: int) -> None:
    log = stored(4)
    change(log, place)
    found = told(log)
    assert kind in found.kinds
    verdicts = {"intact": found.intact, "complete": found.complete}
    against = MEANINGS[kind].against
    assert against is not None
    assert not verdicts[against]


def test_the_last_chunk_of_a_trace_is_held_by_what_the_client_said_at_the_end() -> None:
    log = stored(3)
    edit_with_digest(log, 3)
    assert "truncated" in told(log).kinds


def test_without_the_clients_echo_a_rewritten_trace_shows_only_in_its_head() -> None:
    """The bound of what can be found here, as docs/findings.md says it: who holds a receipt sees the difference."""
    honest: Log = [created(), chunk(0), chunk(1), completed()]
    rewritten: Log = [created(), chunk(0, [note(i, text="lies") for i in range(3)]), chunk(1), completed()]
    first, second = told(honest), told(rewritten)
    assert (first.kinds, second.kinds) == (set(), set())
    assert first.head != second.head


def honest_log(chance: random.Random) -> Log:
    """A trace as good clients make it: any order of arrival, retries, clocks of replicas apart, ends early or twice."""
    sent = chain(chance.randint(1, 6))
    skewed = [changed(c, received_at_us=c.received_at_us + chance.randint(-60, 60) * SECOND_US) for c in sent]
    uploads = skewed + [chance.choice(skewed) for _ in range(chance.randint(0, 2))]
    chance.shuffle(uploads)
    log: Log = [created(), *uploads]
    for _ in range(chance.randint(1, 2)):
        log.insert(chance.randint(1, len(log)), completed(sent))
    return log


def test_honest_logs_raise_no_alarm() -> None:
    chance = random.Random(7)
    for number in range(HONEST):
        found = told(honest_log(chance))
        assert found.kinds <= {"duplicate"}, number
        assert (found.intact, found.complete) == (True, True), number
