"""The sink is killed exactly between an insert and what follows it: the block comes again, and is stored once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from pipeline.kafka import admin
from schemas.records import TraceCreated
from schemas.topics import TRACE_ASSEMBLED, TRACE_LOG
from sinks.blocks import plan
from sinks.worker import GROUP
from tests.integration.sinks.conftest import Lab
from tests.support.finished import example, finished, fresh_id
from tests.support.ports import free_port

pytestmark = pytest.mark.integration
EVENTS = 5
PIECE = 65_536


class Front:
    """Passes on what the sink and ClickHouse say, until ClickHouse has stored rows of `table`: its answer is kept back,
    and `stored` is called instead."""

    def __init__(self, behind: str, table: str, stored: Callable[[], None]) -> None:
        self._behind, self._table, self._stored = urlsplit(behind), table.encode(), stored

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection(self._behind.hostname, self._behind.port)
        inserting = asyncio.Event()
        with suppress(OSError):
            await asyncio.gather(self._ask(reader, to, inserting), self._answer(there, writer, inserting))
        to.close()
        writer.close()

    async def _ask(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, inserting: asyncio.Event) -> None:
        while data := await reader.read(PIECE):
            if b"INSERT INTO" in data and b"`" + self._table + b"`" in data.split(b"FORMAT")[0]:
                inserting.set()
            to.write(data)
            await to.drain()
        to.close()

    async def _answer(self, there: asyncio.StreamReader, to: asyncio.StreamWriter, inserting: asyncio.Event) -> None:
        while data := await there.read(PIECE):
            if inserting.is_set():
                return self._stored()
            to.write(data)
            await to.drain()
        return None


@asynccontextmanager
async def front(behind: str, table: str, stored: Callable[[], None]) -> AsyncIterator[str]:
    """Where the front listens."""
    port = free_port()
    server = await asyncio.start_server(Front(behind, table, stored).join, "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}"
    server.close()


async def _committed(lab: Lab, place: TopicPartition) -> OffsetAndMetadata:
    async with admin(lab.kafka) as client:
        return (await client.list_consumer_group_offsets(GROUP, partitions=[place]))[place]


@pytest.mark.parametrize(("table", "there"), [("events", (5 * EVENTS, 0)), ("traces", (5 * EVENTS, 5))])
async def test_killed_between_insert_and_commit_it_stores_the_block_once(
    lab: Lab, table: str, there: tuple[int, int]
) -> None:
    place = (await lab.write(TRACE_LOG, example(TraceCreated, fresh_id())))._replace(topic=TRACE_ASSEMBLED.name)
    first, direct, killed = await lab.end(place), lab.settings, asyncio.Event()
    for _ in range(5):
        await lab.write(TRACE_ASSEMBLED, finished(fresh_id(), EVENTS))
    async with front(direct.clickhouse_url, table, killed.set) as url:
        lab.settings = direct.model_copy(update={"clickhouse_url": url})
        sink = lab.launch()
        async with asyncio.timeout(30):
            await killed.wait()
        sink.kill()
    lab.settings = direct
    assert await _committed(lab, place) == OffsetAndMetadata(first, plan(first + 4)), "the offset had moved"
    counts = "SELECT (SELECT count() FROM events), (SELECT count() FROM traces)"
    assert tuple(lab.clickhouse.rows(counts)[0].values()) == there
    stored_at = f"SELECT (count(), min(inserted_at), max(inserted_at)) FROM {table} WHERE source_offset < {first + 5}"
    before = lab.value(stored_at)

    for _ in range(7):  # the next sink finds more than the block
        await lab.write(TRACE_ASSEMBLED, finished(fresh_id(), EVENTS))
    with lab.sink():
        await lab.until((12 * EVENTS, 12), "SELECT ((SELECT count() FROM events), (SELECT count() FROM traces))")
        await lab.until_committed(place, first + 12)
    assert lab.value(stored_at) == before, "the block was stored again"
