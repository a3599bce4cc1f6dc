"""Analysts who keep all of their workers busy leave those of the writers free."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, cast

import httpx2

from deploy.embedded.clickhouse.accounts import Account, accounts
from deploy.embedded.clickhouse.admission import Admission
from deploy.embedded.clickhouse.app import ClickHouseApp
from deploy.embedded.clickhouse.engine import Answer, Engine
from deploy.embedded.clickhouse.refusals import Classification
from deploy.embedded.clickhouse.sessions import Sessions
from pipeline.settings import AnalystSettings

ANALYSTS = 40


class Connection:
    """Every query of an analyst waits for `released`, in the thread that runs it."""

    tag = "tag"

    def __init__(self, account: Account, released: threading.Event) -> None:
        self._waits, self._released = account.read_only, released

    def set(self, settings: Mapping[str, str]) -> None: ...

    def close(self) -> None: ...

    def classify(self, sql: str) -> Classification:
        return Classification("READ_ONLY", 1)

    def canonical(self, sql: str) -> str:
        return sql

    def run(self, sql: str, output: str, parameters: Mapping[str, str], *, stream: bool) -> Answer:
        if self._waits:
            assert self._released.wait(30)
        return Answer(b"1\n")


class StubEngine:
    """As much of an engine as the application needs."""

    timezone, version = "UTC", "(version 1)"
    outside: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.released = threading.Event()

    def connect(self, account: Account, database: str | None, asked: Mapping[str, str]) -> Connection:
        return Connection(account, self.released)

    def cancel(self, tag: str) -> None: ...


def test_a_writer_is_answered_while_every_analyst_waits() -> None:
    engine = StubEngine()
    most = AnalystSettings(clickhouse_analyst_queries=ANALYSTS)
    stand_in = cast(Engine, engine)
    app = ClickHouseApp(stand_in, Sessions(stand_in, lambda: 0.0), accounts("", "x"), Admission(most, lambda: 0.0))

    async def ask(client: httpx2.AsyncClient, **account: str) -> str:
        return (await client.post("/", params=account, content="SELECT 1")).text

    async def play() -> tuple[list[str], list[str], int]:
        transport: Any = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://engine") as client:
            waiting = [asyncio.create_task(ask(client, user="analyst", password="x")) for _ in range(ANALYSTS)]
            await asyncio.sleep(0.2)
            writers = await asyncio.wait_for(asyncio.gather(*(ask(client) for _ in range(20))), 10)
            unfinished = sum(not task.done() for task in waiting)
            engine.released.set()
            return writers, await asyncio.gather(*waiting), unfinished

    writers, analysts, unfinished = asyncio.run(play())
    assert (writers, unfinished) == (["1\n"] * 20, ANALYSTS)
    assert analysts == ["1\n"] * ANALYSTS
