"""Topics outlive the broker's retention: archive and topic read as one log, before, in and after the seam."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from pipeline.archive import segments
from pipeline.kafka import admin
from pipeline.logreader import bounds, committed
from pipeline.objectstore import FolderStore
from pipeline.replay import Hole, Log, Wanted
from schemas.codec import encode
from schemas.records import TraceCompleted, TraceErased
from schemas.topics import TRACE_ASSEMBLED, TRACE_LOG
from sinks import archiver
from tests.integration.sinks.conftest import Lab
from tests.support.finished import example, finished, fresh_id

pytestmark = pytest.mark.integration
PLACE = TopicPartition(TRACE_LOG.name, 2)


async def _write(lab: Lab, count: int) -> list[str]:
    """So many records in one partition, each of a trace of its own."""
    ids = [fresh_id() for _ in range(count)]
    for one in ids:
        value = encode(example(TraceCompleted, one))
        await lab.producer.send_and_wait(PLACE.topic, value, key=one.encode(), partition=PLACE.partition)
    return ids


async def _until_archived(lab: Lab, end: int, place: TopicPartition = PLACE) -> None:
    deadline = time.monotonic() + 60
    while (await committed(lab.kafka, archiver.GROUP)).get(place, 0) < end:
        assert time.monotonic() < deadline, "not archived"
        await asyncio.sleep(0.2)


async def _archived(lab: Lab, count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int]:
    """The traces of so many records that are archived, and nothing before them; and the offset after them."""
    monkeypatch.setenv("ARCHIVE_SEGMENT_S", "1")
    ids = await _write(lab, count)
    end = await lab.end(PLACE)
    await lab.commit(PLACE, end - count, group=archiver.GROUP)
    with lab.sink():
        await _until_archived(lab, end)
    return ids, end


async def _drop_before(lab: Lab, offset: int) -> None:
    """What the broker's retention does."""
    async with admin(lab.kafka) as client:
        await client.delete_records({PLACE: RecordsToDelete(before_offset=offset)})
    assert (await bounds(lab.kafka, PLACE.topic))[PLACE][0] == offset


def _log(lab: Lab) -> Log:
    return Log(FolderStore(lab.folder / "objects"), lab.kafka)


async def test_what_the_broker_dropped_is_read_from_the_archive_without_a_hole_or_a_repeat(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, end = await _archived(lab, 20, monkeypatch)
    ids += await _write(lab, 5)
    await _drop_before(lab, end - 3)
    log = _log(lab)
    assert (await log.places(PLACE.topic))[PLACE] == (end - 20, end + 5)
    found = [entry async for entry in log.entries(PLACE)]
    assert [entry.offset for entry in found] == list(range(end - 20, end + 5))
    assert [entry.trace_id for entry in found] == ids
    two = Wanted(trace_ids=frozenset({ids[2], ids[21]}))
    assert [entry.trace_id async for entry in log.entries(PLACE, two)] == [ids[2], ids[21]]
    timely = Wanted(found[5].timestamp_ms, found[22].timestamp_ms)
    assert [entry async for entry in log.entries(PLACE, timely)] == [entry for entry in found if timely.has(entry)]


async def test_offsets_that_are_nowhere_are_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    _, end = await _archived(lab, 3, monkeypatch)
    await _write(lab, 5)
    await _drop_before(lab, end + 2)
    with pytest.raises(Hole) as hole:
        [entry async for entry in _log(lab).entries(PLACE)]
    assert (hole.value.first, hole.value.end) == (end, end + 2)


async def test_the_command_prints_what_was_dropped_and_nothing_of_what_was_erased(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, end = await _archived(lab, 4, monkeypatch)
    gone = encode(example(TraceErased, ids[1]))
    await lab.producer.send_and_wait(PLACE.topic, gone, key=ids[1].encode(), partition=PLACE.partition)
    with lab.sink():
        await _until_archived(lab, end + 1)
    await _drop_before(lab, end + 1)
    lines = await asyncio.to_thread(_replay, lab, "--topic", "trace-log", "--partition", "2")
    assert [line["offset"] for line in lines] == list(range(end - 4, end + 1))
    assert [line.get("record") for line in lines] == ["TraceCompleted", None, *["TraceCompleted"] * 2, "TraceErased"]
    assert [line.get("erased", False) for line in lines] == [False, True, False, False, False]
    assert lines[0]["value"]["trace_id"] == lines[0]["key"] == ids[0]
    (only,) = await asyncio.to_thread(_replay, lab, "--topic", "trace-log", "--trace", ids[3])
    assert only["key"] == ids[3]
    assert await asyncio.to_thread(_replay, lab, "--topic", "trace-log", "--to", "2020-01-01") == []


def _command(lab: Lab, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PR_TELEMETRY_HOME": str(lab.folder),
        "KAFKA_BOOTSTRAP": lab.kafka.kafka_bootstrap,
        "OBJECT_STORE_DIR": str(lab.folder / "objects"),
    }
    command = [sys.executable, "-m", "pipeline.cli", "replay", *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)


def _replay(lab: Lab, *args: str) -> list[dict[str, Any]]:
    done = _command(lab, *args)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_archived_revisions_that_are_put_back_become_rows_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an operator does who lost the database and whose broker has dropped the records."""
    monkeypatch.setenv("ARCHIVE_SEGMENT_S", "1")
    ids = [fresh_id() for _ in range(3)]
    begins = (await bounds(lab.kafka, TRACE_ASSEMBLED.name)).items()
    for place, (_, end) in begins:
        await lab.commit(place, end, group=archiver.GROUP)
    for one in ids:
        await lab.write(TRACE_ASSEMBLED, finished(one), one)
    rows = "SELECT count() FROM v1_events"
    with lab.sink():
        await lab.until(15, rows)
        for place, (_, end) in (await bounds(lab.kafka, TRACE_ASSEMBLED.name)).items():
            await _until_archived(lab, end, place)
    for table in ("traces", "events"):
        lab.clickhouse.command(f"TRUNCATE TABLE {table}")
    traces = [part for one in ids[:2] for part in ("--trace", one)]
    await asyncio.to_thread(_replay, lab, "--topic", "trace-assembled", "--into", "sinks", *traces)
    with lab.sink():
        await lab.until(10, rows)
    found = lab.clickhouse.rows("SELECT DISTINCT trace_id FROM v1_traces ORDER BY trace_id")
    assert [row["trace_id"] for row in found] == sorted(ids[:2])
    refused = await asyncio.to_thread(_command, lab, "--topic", "trace-log", "--into", "sinks")
    assert refused.returncode == 2


async def test_a_killed_archiver_leaves_no_hole(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its segment was stored, its offset not committed: the next one overlaps, and readers see each record once."""
    ids, end = await _archived(lab, 6, monkeypatch)
    await lab.commit(PLACE, end - 6, group=archiver.GROUP)
    ids += await _write(lab, 4)
    with lab.sink():
        await _until_archived(lab, end + 4)
    stored = await segments(FolderStore(Path(lab.folder / "objects")), PLACE.topic, PLACE.partition)
    assert sum(segment.last - segment.first + 1 for segment in stored) > 10
    await _drop_before(lab, end + 4)
    assert [entry.trace_id async for entry in _log(lab).entries(PLACE)] == ids
