"""While ClickHouse is away the sink takes only what fits, for as long as that is; then all of it arrives."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline.canonical import digest, dumps
from pipeline.settings import ClickHouseSettings
from schemas.records import TraceAssembled
from schemas.topics import TRACE_ASSEMBLED
from sinks.migrate import migrate
from tests.integration.sinks.conftest import Lab
from tests.support.finished import document_of, finished, fresh_id
from tests.support.ports import accepts_connections, free_port
from tests.support.processes import Process, running
from tests.support.stack import clickhouse_command, require_chdb

pytestmark = pytest.mark.integration
EVENTS, TEXT = 40, 50_000
TRACES = 300
"""600 MB once they are unpacked; the sink may hold two blocks of 64 MiB."""
MOST_MIB = 400
AWAY_S = 6


def _large(trace_id: str) -> TraceAssembled:
    """A small record that is a document of two megabytes when it is opened."""
    document = document_of(trace_id, EVENTS)
    content = dumps({**document, "events": [{**event, "text": "x" * TEXT} for event in document["events"]]})
    sealed: dict[str, Any] = {"document": zstandard.compress(content), "document_digest": digest(content)}
    return finished(trace_id, EVENTS, document_size=len(content), **sealed)


def _resident_mib(process: Process) -> float:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def test_an_outage_takes_no_more_memory_than_two_blocks_and_loses_nothing(lab: Lab) -> None:
    require_chdb()
    folder, port = lab.folder / "engine", free_port()
    folder.mkdir()
    lab.use(ClickHouseSettings(clickhouse_url=f"http://127.0.0.1:{port}", clickhouse_database="telemetry"))
    ids = [fresh_id() for _ in range(TRACES)]
    await lab.write_all(TRACE_ASSEMBLED, map(_large, ids))
    with lab.sink() as sink:
        most = 0.0
        for _ in range(AWAY_S * 10):
            await asyncio.sleep(0.1)
            most = max(most, _resident_mib(sink))
        assert sink.returncode is None, sink.log_tail()
        assert "will try again" in sink.log_tail()
        assert 100 < most < MOST_MIB
        command = clickhouse_command(port, folder)
        with running(command, folder / "engine.log", lambda: accepts_connections(port)):
            migrate(lab.settings)
            await lab.until(TRACES, "SELECT count() FROM v1_traces WHERE trace_id IN {ids:Array(String)}", ids=ids)
            rows = "SELECT count() = {n:UInt32} AND uniqExact(trace_id, chain_index) = {n:UInt32} FROM events"
            await lab.until(True, rows, n=TRACES * EVENTS)
