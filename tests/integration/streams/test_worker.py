"""The assembler as a process on a real broker: what is finished comes out, whatever happens to the process."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from dataclasses import replace

import pytest

from schemas.codec import encode
from schemas.topics import TRACE_LOG
from streams.app import SESSION_TIMEOUT_S
from tests.integration.streams.conftest import Lab, came, of
from tests.support.processes import Process
from tests.support.traces import chain, chunk, completed, created, trace_id

pytestmark = pytest.mark.integration

# Each test has traces of its own; the log is everybody's.
_taken = itertools.count(1)


def numbers(count: int) -> range:
    """Trace numbers that no other test uses."""
    first = next(_taken) * 1000
    return range(first, first + count)


async def test_a_finished_trace_comes_out_and_sigterm_ends_the_worker_cleanly(lab: Lab) -> None:
    [trace] = numbers(1)
    with lab.worker() as worker:
        await lab.session(trace)
        [revision] = of(await lab.revisions(came(range(trace, trace + 1))), trace)
        assert (revision.outcome, revision.event_count) == ("completed", 9)
        assert (revision.intact, revision.complete, revision.findings) == (True, True, ())
        assert await asyncio.to_thread(worker.stop) == 0


async def test_kill_9_in_the_middle_loses_nothing_and_repeats_are_identical(lab: Lab) -> None:
    traces = numbers(200)
    with lab.worker() as first:
        sending = asyncio.gather(*(lab.session(n, chunks=4, pause_s=0.1 + n % 20 / 20) for n in traces))
        await lab.revisions(came(traces[:1]))
        first.kill()
    with lab.worker():
        await sending
        values = await lab.revisions(came(traces), timeout_s=60)
    for number in traces:
        revisions = of(values, number)
        assert len({encode(revision) for revision in revisions}) == 1
        assert (revisions[0].revision, revisions[0].event_count, revisions[0].findings) == (1, 12, ())


async def test_an_open_trace_survives_kill_9_of_its_worker(lab: Lab) -> None:
    open_trace, witness = numbers(2)
    offset = await lab.begin(open_trace)
    sent = chain(3, open_trace, offset)
    with lab.worker() as first:
        await lab.write(sent[0])
        await lab.session(witness)
        await lab.revisions(came(range(witness, witness + 1)))
        await asyncio.sleep(1.5)  # past a commit: the first chunk will not be delivered again
        first.kill()
    with lab.worker():
        for record in sent[1:]:
            await lab.write(record)
        await lab.write(completed(sent, open_trace, offset))
        [revision] = of(await lab.revisions(came(range(open_trace, open_trace + 1))), open_trace)
    assert (revision.chunk_count, revision.complete, revision.first_offset) == (3, True, offset)


async def test_a_late_chunk_makes_a_second_revision_and_repeats_make_none(lab: Lab) -> None:
    [trace] = numbers(1)
    offset = await lab.begin(trace)
    sent = chain(2, trace, offset)
    with lab.worker():
        await lab.write(sent[0])
        await lab.write(completed(sent, trace, offset))
        [first] = of(await lab.revisions(came(range(trace, trace + 1))), trace)
        await lab.write(completed(sent, trace, offset))
        await lab.write(sent[0])
        await lab.write(sent[1])
        _, second = of(await lab.revisions(came(range(trace, trace + 1), times=2)), trace)
    assert (first.revision, first.complete, first.event_count) == (1, False, 3)
    assert (second.revision, second.complete, second.event_count) == (2, True, 6)
    assert [finding.kind for finding in second.findings] == ["duplicate"]


async def _stormy(lab: Lab, number: int) -> None:
    """A trace with a retry, chunks out of order, a fork, and one that comes late."""
    offset = await lab.begin(number)
    sent = chain(4, number, offset)
    forged = chunk(0, number=number, created_offset=offset, chunk_id="other", body_mac=b"other")
    for record in (sent[2], sent[0], sent[0], forged, sent[1], completed(sent, number, offset), sent[3]):
        await lab.write(record)


async def test_reading_the_log_again_gives_the_same_bytes_whatever_the_room(lab: Lab) -> None:
    traces = numbers(20)
    await asyncio.gather(*(_stormy(lab, number) for number in traces))
    with lab.worker() as first:
        once = await lab.revisions(came(traces, times=2))
        assert await asyncio.to_thread(first.stop) == 0
    await lab.rewind()
    with lab.worker(MAX_OPEN_BYTES="0"):
        twice = await lab.revisions(came(traces, times=4), timeout_s=60)
    for number in traces:
        first_time, again = of(once, number), of(twice, number)
        assert [revision.revision for revision in again] == [1, 2, 1, 2]
        assert [encode(revision) for revision in again] == [encode(revision) for revision in first_time] * 2
        assert {finding.kind for finding in again[-1].findings} == {"duplicate", "fork"}


async def test_poison_is_dead_lettered_with_its_origin_and_the_worker_goes_on(lab: Lab) -> None:
    good, lost = numbers(2)
    poison = f"poison-{good}".encode()
    await lab.producer.send_and_wait(TRACE_LOG.name, b"no record", key=poison, headers=[("mine", b"kept")])
    await lab.write(created(good), key=poison)
    await lab.write(chunk(0, number=lost, created_offset=10**9))
    with lab.worker():
        await lab.session(good)
        await lab.revisions(came(range(good, good + 1)))
        ours = {poison, trace_id(lost).encode()}
        letters = await lab.records(TRACE_LOG.dlq, lambda seen: sum(r.key in ours for r in seen) >= 3)
    by_error = {dict(r.headers)["dlq-error"]: r for r in letters if r.key in ours}
    assert set(by_error) == {b"UndecodableRecord", b"Invalid"}
    letter = by_error[b"UndecodableRecord"]
    assert (letter.key, letter.value, dict(letter.headers)["mine"]) == (poison, b"no record", b"kept")
    assert dict(letter.headers)["dlq-group"] == b"streams"


async def test_an_idle_trace_expires_by_a_record_even_where_nothing_else_happens(lab: Lab) -> None:
    [trace] = numbers(1)
    offset = await lab.write(created(trace, created_at_us=time.time_ns() // 1000))
    with lab.worker(TRACE_IDLE_S="1"):
        [revision] = of(await lab.revisions(came(range(trace, trace + 1))), trace)
    assert (revision.outcome, revision.complete, revision.first_offset) == ("abandoned", False, offset)


async def test_a_worker_without_room_finds_the_chunks_of_open_traces_in_the_log(lab: Lab) -> None:
    traces = numbers(20)
    with lab.worker(MAX_OPEN_BYTES="0"):
        await asyncio.gather(*(lab.session(n, chunks=6, pause_s=0.05) for n in traces))
        values = await lab.revisions(came(traces))
    for number in traces:
        assert [(r.revision, r.event_count, r.findings) for r in of(values, number)] == [(1, 18, ())]


async def test_an_old_trace_expires_however_busy_it_is(lab: Lab) -> None:
    [trace] = numbers(1)
    begun_us = time.time_ns() // 1000
    offset = await lab.write(created(trace, created_at_us=begun_us))
    written = itertools.count()

    async def never_quiet() -> None:
        for seq in written:
            await lab.write(chunk(seq, number=trace, created_offset=offset, received_at_us=time.time_ns() // 1000))
            await asyncio.sleep(0.2)

    with lab.worker(TRACE_LONGEST_S="2"):
        writing = asyncio.create_task(never_quiet())
        revisions = of(await lab.revisions(came(range(trace, trace + 1))), trace)
        writing.cancel()
    assert (revisions[0].outcome, revisions[0].revision) == ("abandoned", 1)
    assert 5 <= revisions[0].chunk_count <= next(written)


async def test_partitions_move_between_workers_without_loss(lab: Lab) -> None:
    traces = numbers(40)
    with lab.worker() as first:
        sending = asyncio.gather(*(lab.session(n, chunks=12, pause_s=0.5) for n in traces))
        await asyncio.sleep(2)
        with lab.worker() as second:
            await asyncio.sleep(4)
            assert await asyncio.to_thread(first.stop) == 0
            await sending
            values = await lab.revisions(came(traces))
            assert await asyncio.to_thread(second.stop) == 0
    for number in traces:
        assert {(r.revision, r.event_count, r.findings) for r in of(values, number)} == {(1, 36, ())}


def _assembled(worker: Process) -> int:
    """How many revisions it has made."""
    return worker.log.read_text().count('"event": "assembled"')


async def _until_assembled(lab: Lab, worker: Process, more_than: int) -> None:
    """Traces come until this worker has had some of them."""
    async with asyncio.timeout(60):
        while _assembled(worker) <= more_than:
            await asyncio.gather(*(lab.session(n, chunks=1) for n in numbers(8)))
            await asyncio.sleep(0.5)


async def _session_of_now(lab: Lab, number: int) -> None:
    """Six seconds, and dated so: one from long ago would be found overdue meanwhile."""
    now_us = time.time_ns() // 1000
    offset = await lab.write(created(number, created_at_us=now_us))
    sent = [replace(record, received_at_us=now_us) for record in chain(30, number, offset)]
    for record in sent:
        await lab.write(record)
        await asyncio.sleep(0.2)
    await lab.write(completed(sent, number, offset, completed_at_us=now_us))


@pytest.mark.slow
async def test_a_worker_frozen_past_its_session_is_taken_over_and_does_no_harm_when_it_goes_on(lab: Lab) -> None:
    """What it had begun is no longer its own: it may repeat that word for word, and changes nothing."""
    traces, after = numbers(40), numbers(40)
    with lab.worker() as first, lab.worker() as second:
        # Until both have partitions, so that traces of the first are in the middle when it stands still.
        await _until_assembled(lab, first, 0)
        await _until_assembled(lab, second, 0)
        await _until_assembled(lab, first, _assembled(first))
        sending = asyncio.gather(*(_session_of_now(lab, n) for n in traces))
        await asyncio.sleep(2)
        os.kill(first.pid, signal.SIGSTOP)
        made = _assembled(first)
        await sending
        await lab.revisions(came(traces), timeout_s=SESSION_TIMEOUT_S + 30)
        assert _assembled(first) == made
        os.kill(first.pid, signal.SIGCONT)
        await _until_assembled(lab, first, made)
        await asyncio.gather(*(lab.session(n) for n in after))
        values = await lab.revisions(came(after))
        assert (first.returncode, second.returncode) == (None, None)
    for number in traces:
        revisions = of(values, number)
        assert len({encode(revision) for revision in revisions}) == 1
        assert (revisions[0].revision, revisions[0].event_count, revisions[0].findings) == (1, 90, ())
    for number in after:
        assert {(r.revision, r.event_count, r.findings) for r in of(values, number)} == {(1, 9, ())}


async def test_a_big_document_waits_for_the_object_store(lab: Lab) -> None:
    [trace] = numbers(1)
    blocked = lab.folder / "objects"
    blocked.write_text("a file where the folder should be")
    with lab.worker(INLINE_DOCUMENT_BYTES="64"):
        await lab.session(trace)
        await asyncio.sleep(3)
        blocked.unlink()
        [revision] = of(await lab.revisions(came(range(trace, trace + 1))), trace)
    assert revision.document is None
    assert (lab.folder / "objects" / (revision.document_ref or "")).is_file()
