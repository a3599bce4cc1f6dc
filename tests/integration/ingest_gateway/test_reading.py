"""Reads come from ClickHouse's views: a trace on its way, a whole one, pages; other projects' traces do not exist."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ingest_gateway.answers import EventPage, Status, Trace, TracePage
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from pipeline.settings import ClickHouseSettings, KafkaSettings
from schemas.records import Record, TraceCreated, TraceJudged, TraceValidated
from sinks.blocks import columns
from sinks.rows import Position, rows_of
from tests.integration.ingest_gateway.conftest import ALPHA, BETA, Front, bearer, build, serving, until_ready
from tests.support.finished import document_of, example, finished, fresh_id

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


class Shelf:
    """A gateway over a database of this test's own, and a way to put records into it as rows."""

    def __init__(self, front: Front, clickhouse: ClickHouse) -> None:
        self.front, self._clickhouse = front, clickhouse
        self._offset = 0

    def put(self, record: Record, document: dict[str, Any] | None = None) -> None:
        self._offset += 1
        for table, rows in rows_of(record, Position("trace-log", 0, self._offset), document).items():
            if rows:
                self._clickhouse.insert(table, *columns(rows), f"{table}-{self._offset}")

    def finish(self, trace_id: str, project: str = "alpha", events: int = 5) -> None:
        self.put(example(TraceCreated, trace_id, project=project))
        self.put(finished(trace_id, events, project=project), document_of(trace_id, events))

    async def get(self, path: str, token: str = ALPHA) -> Any:
        return await self.front.http.get(path, headers=bearer(token))


@pytest.fixture
def shelf(front_and_rows: tuple[Front, ClickHouse]) -> Shelf:
    return Shelf(*front_and_rows)


async def test_from_an_unknown_id_to_a_judged_trace(shelf: Shelf) -> None:
    trace_id = fresh_id()
    young = await shelf.get(f"/v1/traces/{trace_id}")
    assert (young.status_code, young.headers["Retry-After"]) == (202, "1")
    old = await shelf.get(f"/v1/traces/{new_trace_id(1_600_000_000_000_000)}")
    assert old.status_code == 404

    shelf.put(example(TraceCreated, trace_id, project="alpha"))
    received = (await shelf.get(f"/v1/traces/{trace_id}")).json()
    assert received["stage"] == "received"

    shelf.put(finished(trace_id, 5, project="alpha"), document_of(trace_id, 5))
    assembled = (await shelf.get(f"/v1/traces/{trace_id}")).json()
    assert (assembled["stage"], assembled["qa"]) == ("assembled", {})
    assert [event["seq"] for event in assembled["events"]] == [0, 1, 2, 3, 4]

    shelf.put(example(TraceValidated, trace_id, project="alpha"))
    shelf.put(example(TraceJudged, trace_id, project="alpha"))
    answer = await shelf.get(f"/v1/traces/{trace_id}")
    whole = answer.json()
    Trace.model_validate(whole)
    assert whole["stage"] == "done"
    assert whole["qa"]["validation"]["verdict"]
    assert whole["qa"]["validation"]["tests"][0].keys() == {"id", "suite", "before", "after", "category"}
    assert whole["qa"]["judge"]["scores"]
    assert all(name.endswith("_us") is False for name in whole["metrics"])


async def test_another_project_sees_nothing(shelf: Shelf) -> None:
    trace_id = new_trace_id(now_us() - 120_000_000)
    shelf.finish(trace_id)
    for path in (f"/v1/traces/{trace_id}", f"/v1/traces/{trace_id}/events"):
        assert (await shelf.get(path, BETA)).status_code == 404
        assert (await shelf.get(path, ALPHA)).status_code == 200
    assert (await shelf.get("/v1/traces", BETA)).json() == {"traces": []}


async def test_pages(shelf: Shelf) -> None:
    ids = [fresh_id() for _ in range(5)]
    for trace_id in ids[:4]:
        shelf.finish(trace_id)
    shelf.put(example(TraceCreated, ids[4], project="alpha"))
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = TracePage.model_validate_json((await shelf.get(f"/v1/traces?limit=2&cursor={cursor}")).content)
        seen += page.traces
        if page.cursor is None:
            break
        cursor = page.cursor
    assert [row["trace_id"] for row in seen] == sorted(ids, reverse=True)
    assert {row["trace_id"]: row["stage"] for row in seen}[ids[4]] == "received"

    first = EventPage.model_validate_json((await shelf.get(f"/v1/traces/{ids[0]}/events?limit=3")).content)
    second = await shelf.get(f"/v1/traces/{ids[0]}/events?limit=3&first={first.next}")
    rest = EventPage.model_validate_json(second.content)
    assert [event["seq"] for event in first.events + rest.events] == [0, 1, 2, 3, 4]
    assert rest.next is None


async def test_without_clickhouse_reads_wait_and_writes_go_on(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    for path in (f"/v1/traces/{trace.trace_id}", "/v1/traces", f"/v1/traces/{trace.trace_id}/events"):
        answer = await front.http.get(path, headers=bearer(ALPHA))
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (503, "store-unavailable")
        assert answer.headers["Retry-After"]
    assert (await front.http.get("/readyz")).status_code == 200


async def test_before_the_migrations_reads_wait(
    kafka_bootstrap: str, clickhouse_url: str, clickhouse_database: str, tmp_path: Path
) -> None:
    kafka = KafkaSettings(kafka_bootstrap=kafka_bootstrap)
    settings = ClickHouseSettings(clickhouse_url=clickhouse_url, clickhouse_database=clickhouse_database)
    async with serving(build(kafka, tmp_path, settings), kafka) as front:
        await until_ready(front)
        assert (await front.http.get("/v1/traces", headers=bearer(ALPHA))).status_code == 503


def stages(content: str) -> list[tuple[str, Any]]:
    """(name, data) of each server-sent event."""
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in content.strip().split("\n\n")]
    return [(event["event"], json.loads(event["data"])) for event in events]


async def test_progress_is_told_once_or_as_it_goes_on(shelf: Shelf) -> None:
    trace_id = fresh_id()
    path = f"/v1/traces/{trace_id}/status"
    assert (await shelf.get(path)).status_code == 202
    assert (await shelf.get(f"/v1/traces/{new_trace_id(1_600_000_000_000_000)}/status")).status_code == 404
    following = asyncio.create_task(shelf.get(f"{path}:stream"))
    shelf.put(example(TraceCreated, trace_id, project="alpha"))
    assert Status.model_validate_json((await shelf.get(path)).content).stage == "received"
    await asyncio.sleep(1.5)
    shelf.put(finished(trace_id, 5, project="alpha"), document_of(trace_id, 5))
    await asyncio.sleep(1.5)
    assert shelf.front.gateway.streams.open == 1
    shelf.put(example(TraceValidated, trace_id, project="alpha"))
    shelf.put(example(TraceJudged, trace_id, project="alpha"))
    answer = await following
    assert answer.headers["content-type"].startswith("text/event-stream")
    *told, (last, end) = stages(answer.text)
    assert [data["stage"] for _, data in told][:2] == ["received", "assembled"]
    assert [data["stage"] for _, data in told][-1] == "done"
    assert (last, end["done"], shelf.front.gateway.streams.open) == ("end", True, 0)
    assert (await shelf.get(path, BETA)).status_code == 202


async def test_streams_are_bounded_in_number(shelf: Shelf) -> None:
    shelf.front.gateway.streams.open = 100
    refused = await shelf.get(f"/v1/traces/{fresh_id()}/status:stream")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "5"
