"""What is committed: the applied offset, where Faust on its own would commit more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping

import pytest
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from pipeline.settings import KafkaSettings
from schemas.records import AssemblyProgress
from schemas.topics import TRACE_LOG
from streams.app import LeaseConsumer, make_app
from streams.held import Memory
from streams.leases import Leases
from streams.outbox import Outbox
from tests.unit.streams.memory import PARTITION, ROOM, MemoryLog

PLACE = TP(TRACE_LOG.name, PARTITION)
GENERATION = 3


class Marked(Outbox):
    """An outbox that only remembers progress marks."""

    def __init__(self) -> None:
        self.marks: list[AssemblyProgress] = []

    async def mark(self, mark: AssemblyProgress) -> None:
        self.marks.append(mark)


@pytest.fixture
def outbox() -> Marked:
    return Marked()


@pytest.fixture
async def consumer(outbox: Marked) -> AsyncIterator[LeaseConsumer]:
    """A consumer that never connects, to which Faust has acked offset 2001 while 2000 is still being handled."""
    log = MemoryLog()
    log.place = 2000
    app = make_app(KafkaSettings(), Leases(log, Memory(ROOM)), outbox)
    app.consumer_generation_id = GENERATION
    await app.leases.get(PARTITION, GENERATION)
    consumer = app.consumer
    assert isinstance(consumer, LeaseConsumer)
    consumer._committed_offset[PLACE] = 2000
    consumer._acked[PLACE].append(2001)
    yield consumer
    consumer._thread.thread_loop.close()


async def test_faust_still_commits_past_an_unfinished_record(consumer: LeaseConsumer) -> None:
    """A tripwire for faust #606. When this fails Faust is repaired, and LeaseConsumer may have become needless."""
    assert Consumer._filter_committable_offsets(consumer, [PLACE]) == {PLACE: 2002}


async def test_only_what_was_applied_is_committed_and_then_marked(
    consumer: LeaseConsumer, outbox: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[Mapping[TP, int]] = []

    async def commit(offsets: Mapping[TP, int], _: bool) -> bool:
        assert outbox.marks == []
        commits.append(offsets)
        return True

    monkeypatch.setattr(consumer, "assignment", lambda: {PLACE})
    monkeypatch.setattr(consumer, "_commit_offsets", commit)
    assert not await consumer._commit_tps([PLACE], True)
    lease = await consumer.app.leases.get(PARTITION, GENERATION)
    lease.seen = 2001
    assert await consumer._commit_tps([PLACE], True)
    assert commits == [{PLACE: 2001}]
    assert outbox.marks == [AssemblyProgress(partition=PARTITION, rebuild_from=2001, committed_offset=2001)]


def test_an_error_in_the_agent_ends_the_process_at_once() -> None:
    """Raised on, Faust would ack the record and go on with the next one."""
    code = """
import asyncio
from streams.agents import or_die

async def agent():
    async with or_die():
        raise RuntimeError("broken")
    print("went on")

asyncio.run(agent())
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 70
    assert "broken" in ended.stdout
    assert "went on" not in ended.stdout


@pytest.mark.parametrize(("error", "traced"), [("Unreachable", False), ("Invalid", True)])
def test_a_fatal_error_ends_the_process_with_one_line_that_explains_it(error: str, traced: bool) -> None:
    script = f"""
import asyncio
from pipeline.errors import {error}
from pipeline.telemetry import configure_logs
from streams.agents import or_die
configure_logs("streams")
async def fail():
    async with or_die():
        raise {error}("no such thing")
asyncio.run(fail())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    [line] = map(json.loads, done.stderr.splitlines())
    assert (done.returncode, line["event"], "no such thing" in line["reason"]) == (70, "stopping", True)
    assert ("exception" in line) == traced
