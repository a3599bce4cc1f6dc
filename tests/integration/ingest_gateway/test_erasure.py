"""Erasing at the front door: what stands in the log for it, for whom it is there, and what is answered afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from ingest_gateway.auth import DEVELOPMENT_TOKEN
from pipeline.clickhouse import ClickHouse
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from schemas.records import Record, TraceCreated, TraceErased
from schemas.topics import AUDIT_LOG
from sinks.blocks import columns
from sinks.erasure import enforce
from sinks.rows import Position, rows_of
from tests.integration.ingest_gateway.conftest import (
    ALPHA,
    BETA,
    Front,
    Opened,
    bearer,
    chunk,
)
from tests.support.api_keys import audit_of
from tests.support.finished import document_of, example, finished

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


class Desk:
    """A gateway over a database of its own, in which the test plays the sink."""

    def __init__(self, front: Front, clickhouse: ClickHouse) -> None:
        self.front, self._clickhouse, self._offset = front, clickhouse, 0

    def sink(self, record: Record, document: dict[str, Any] | None = None) -> None:
        """What the sink does with a record."""
        self._offset += 1
        for table, rows in rows_of(record, Position("trace-log", 0, self._offset), document).items():
            self._clickhouse.insert(table, *columns(rows), f"{table}-{self._offset}")
        enforce(self._clickhouse, [record.trace_id])  # type: ignore[union-attr]

    def finish(self, trace_id: str, participant: str = "p1") -> None:
        """A finished trace of alpha, all of it queryable."""
        self.sink(example(TraceCreated, trace_id, project="alpha", participant_id=participant))
        revision = finished(trace_id, 3, project="alpha", participant_id=participant)
        self.sink(revision, document_of(trace_id, 3))

    async def erase(self, path: str, token: str = ALPHA) -> httpx2.Response:
        return await self.front.http.delete(f"/v1/{path}", headers=bearer(token))

    async def erasures(self, trace_id: str) -> list[TraceErased]:
        """What the log says of the trace's erasure."""
        return [r for _, _, r in await self.front.records(trace_id) if isinstance(r, TraceErased)]


@pytest.fixture
def desk(front_and_rows: tuple[Front, ClickHouse]) -> Desk:
    return Desk(*front_and_rows)


def _old_id() -> str:
    return new_trace_id(now_us() - 120_000_000)


async def _until_refused(desk: Desk, trace: Opened) -> httpx2.Response:
    async with asyncio.timeout(10):
        seq = 1
        while (answer := await desk.front.ingest(trace, chunk(seq))).status_code == 201:
            seq += 1
    return answer


async def test_a_finished_trace_is_erased_by_one_record_and_gone_for_its_project_only(desk: Desk) -> None:
    one = _old_id()
    desk.finish(one)
    answer = await desk.erase(f"traces/{one}?reason=asked%20by%20mail")
    assert (answer.status_code, answer.json()["trace_ids"]) == (202, [one])
    (erased,) = await desk.erasures(one)
    assert (erased.project, erased.actor, erased.reason) == ("alpha", "configured/alpha", "asked by mail")
    (entry,) = await audit_of(desk.front.kafka, f"trace/{one}")
    assert (entry.action, entry.project, entry.detail) == ("trace erase", "alpha", {"reason": "asked by mail"})
    desk.sink(erased)
    for path in ("", "/events", "/status", "/status:stream"):
        for token, status in ((ALPHA, 410), (DEVELOPMENT_TOKEN, 410), (BETA, 404)):
            found = await desk.front.http.get(f"/v1/traces/{one}{path}", headers=bearer(token))
            assert (path, token, found.status_code) == (path, token, status)
    listed = await desk.front.http.get("/v1/traces", headers=bearer(ALPHA))
    assert listed.json()["traces"] == []
    assert (await desk.erase(f"traces/{one}")).status_code == 202


async def test_an_open_trace_that_only_the_log_knows_is_erased_and_takes_no_more(desk: Desk) -> None:
    trace = await desk.front.open(ALPHA, consent="research")
    assert (await desk.front.ingest(trace, chunk(0))).status_code == 201
    assert (await desk.erase(f"traces/{trace.trace_id}", BETA)).status_code == 404
    assert await desk.erasures(trace.trace_id) == []
    assert (await desk.erase(f"traces/{trace.trace_id}")).status_code == 202
    assert len(await desk.erasures(trace.trace_id)) == 1
    refused = await _until_refused(desk, trace)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (401, "token-revoked")


async def test_a_young_trace_that_was_erased_is_not_called_pending(desk: Desk) -> None:
    trace = await desk.front.open(ALPHA, consent="research")
    url = f"/v1/traces/{trace.trace_id}"
    assert (await desk.front.http.get(url, headers=bearer(ALPHA))).status_code == 202
    await desk.erase(f"traces/{trace.trace_id}")
    (erased,) = await desk.erasures(trace.trace_id)
    desk.sink(erased)
    assert (await desk.front.http.get(url, headers=bearer(ALPHA))).status_code == 410


async def test_a_participants_traces_go_finished_and_new_ones_and_nobody_elses(desk: Desk) -> None:
    who = f"ann {now_us()}@example.org/x"
    finished_one, others = _old_id(), _old_id()
    desk.finish(finished_one, who)
    desk.finish(others, "somebody else")
    new = await desk.front.open(ALPHA, participant_id=who, consent="research")
    foreign = await desk.front.open(BETA, participant_id=who, consent="research")
    answer = await desk.erase(f"participants/{who.replace(' ', '%20')}")
    assert answer.status_code == 202, answer.text
    assert answer.json()["trace_ids"] == sorted([finished_one, new.trace_id])
    for trace_id, count in ((finished_one, 1), (new.trace_id, 1), (others, 0), (foreign.trace_id, 0)):
        assert len(await desk.erasures(trace_id)) == count
    desk.sink((await desk.erasures(finished_one))[0])
    again = await desk.erase(f"participants/{who.replace(' ', '%20')}")
    assert again.json()["trace_ids"] == [new.trace_id]


async def test_the_trail_of_a_participants_erasure_does_not_name_the_participant(desk: Desk) -> None:
    who = f"ann-{now_us()}"
    desk.finish(_old_id(), who)
    seen = len(await desk.front.raw("alpha", AUDIT_LOG))
    assert (await desk.erase(f"participants/{who}")).status_code == 202
    (entry,) = (await desk.front.raw("alpha", AUDIT_LOG))[seen:]
    assert b"participant erase" in entry.value
    assert who.encode() not in entry.value


async def test_another_project_cannot_be_named(desk: Desk) -> None:
    assert (await desk.erase("participants/p1?project=beta")).status_code == 403
    assert (await desk.erase("participants/p1?project=a%20b")).status_code == 400
    assert (await desk.erase(f"traces/{_old_id()}?reason=")).status_code == 400
