"""One bad event never condemns a chunk whose client asked for that; what was refused can be found in its own topic."""

from __future__ import annotations

import pytest

from ingest_gateway.answers import ProblemAnswer, Receipt
from schemas.codec import decode
from schemas.records import EventRejected, EventsAppended
from schemas.topics import REJECTS
from tests.integration.ingest_gateway.conftest import ALPHA, Front, Opened, chunk, note

pytestmark = pytest.mark.integration
SIFT = "?on_invalid=reject-events"
PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"
SECRET = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"


async def rejects(front: Front, trace: Opened) -> list[EventRejected]:
    records = [decode(raw.value) for raw in await front.raw(trace.answer["project"], REJECTS)]
    return [r for r in records if isinstance(r, EventRejected) and r.trace_id == trace.trace_id]


async def test_good_events_are_taken_and_bad_ones_come_back_and_are_kept(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    bad = chunk(0, note(0), {**note(1), SECRET: 1}, note(2), note(2))
    assert (await front.ingest(trace, bad)).status_code == 422
    assert await rejects(front, trace) == []
    answer = await front.ingest(trace, bad, SIFT)
    assert answer.status_code == 201
    receipt = Receipt.model_validate_json(answer.content)
    assert receipt.events == 2
    assert [(fault.event_index, fault.pointer) for fault in receipt.rejected or ()] == [
        (1, f"/events/1/{SECRET}"),
        (3, "/events/3/seq"),
    ]
    record = (await front.records(trace.trace_id))[-1][2]
    assert isinstance(record, EventsAppended)
    assert len(record.events) == 2
    assert (await front.ingest(trace, bad, SIFT)).content == answer.content
    kept = await rejects(front, trace)
    assert sorted(r.index for r in kept) == [1, 3]
    assert SECRET not in "".join(r.pointer + r.reason for r in kept)
    assert "gateway_rejects_total 2.0" in (await front.http.get("/metrics")).text


async def test_where_no_event_is_good_the_chunk_is_refused_and_its_faults_are_kept(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    answer = await front.ingest(trace, chunk(0, {"id": "x"}), SIFT)
    assert answer.status_code == 422
    assert len(ProblemAnswer.model_validate_json(answer.content).errors or ()) == 1
    assert len(await rejects(front, trace)) == 1
    assert len(await front.records(trace.trace_id)) == 1
    assert (await front.ingest(trace, chunk(0))).status_code == 201


async def test_the_trace_context_goes_on_with_the_records(front: Front) -> None:
    trace = await front.open()
    await front.ingest(trace, chunk(0), traceparent=PARENT, tracestate="a=1")
    created, appended = await front.raw(trace.trace_id)
    assert list(created.headers) == []
    assert dict(appended.headers) == {"traceparent": PARENT.encode(), "tracestate": b"a=1"}
