"""What is acknowledged is in the log, redacted, in order, in the partition and at the offset that the receipt names."""

from __future__ import annotations

import asyncio
import base64
import uuid

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ingest_gateway.answers import Completed, Created, Receipt, StoredArtifact
from pipeline.canonical import digest, dumps
from pipeline.chain import receipt_statement
from pipeline.kafka import make_producer
from pipeline.policies import policy_key
from schemas.codec import encode
from schemas.records import ArtifactStored, EventsAppended, ProjectPolicy, TraceCompleted, TraceCreated
from schemas.topics import CONTROL
from tests.integration.ingest_gateway.conftest import ALPHA, TRACE, Front, bearer, chunk, note

pytestmark = pytest.mark.integration
SECRET = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"
EVENT = {"id": "e", "ts_client_s": 1.0, "caused_by": [SECRET]}
FAILED = {"id": SECRET, "status": "failed", "message": SECRET}


async def test_a_trace_lands_in_the_log(front: Front) -> None:
    trace = await front.open(
        task_description=f"use {SECRET}", environment={"os": "linux", "API_KEY": "hunt" + "er22hunter22"}
    )
    assert Created.model_validate(trace.answer).message == "Trace created successfully"
    answers = [await front.ingest(trace, chunk(seq, note(2 * seq, SECRET), note(2 * seq + 1))) for seq in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    completion = await front.http.post(
        f"/v1/traces/{trace.trace_id}/complete", json={"event_count": 4}, headers=trace.headers
    )
    assert completion.status_code == 202
    Completed.model_validate_json(completion.content)

    (_, began, created), *chunks, (_, _, completed) = await front.records(trace.trace_id)
    assert isinstance(created, TraceCreated)
    assert created.consent_source == "policy"
    assert created.redactions == {"github-token": 1, "environment-secret": 1}
    assert isinstance(completed, TraceCompleted)
    assert (completed.event_count, completed.created_offset) == (4, began)
    for answer, (partition, offset, record) in zip(answers, chunks, strict=True):
        receipt = Receipt.model_validate_json(answer.content)
        assert isinstance(record, EventsAppended)
        assert (receipt.partition, receipt.offset, receipt.late) == (partition, offset, False)
        assert record.created_offset == began
        assert record.redactions == receipt.redactions == {"github-token": 1}
        assert SECRET.encode() not in b"".join(record.events)
        statement = dumps(receipt_statement(record, partition, offset))
        key = Ed25519PublicKey.from_public_bytes(front.gateway.signer.public_key)
        key.verify(base64.b64decode(receipt.signature), statement)


async def test_a_secret_reaches_the_log_through_no_field(front: Front) -> None:
    named = ("participant_id", "task_id", "task_title", "task_description", "repo_origin")
    trace = await front.open(**dict.fromkeys(named, SECRET), environment={"os": SECRET})
    events = [
        {**note(0, SECRET), "id": SECRET},
        {**note(1), **dict.fromkeys(("plan", "hypothesis", "observation", "decision", "next_step"), SECRET)},
        {**EVENT, "seq": 2, "type": "file_edit", "file_path": SECRET, "diff_unified": SECRET},
        {**EVENT, "seq": 3, "type": "cmd_run", "command": SECRET, "cwd": SECRET, "output": SECRET},
        {**EVENT, "seq": 4, "type": "test_run", "framework": SECRET, "command": SECRET, "output": SECRET},
        {**EVENT, "seq": 5, "type": "test_run", "framework": "pytest", "results": [FAILED]},
        {**EVENT, "seq": 6, "type": "commit", "message": SECRET, "diff_unified": SECRET},
    ]
    assert (await front.ingest(trace, chunk(0, *events, chunk_id=SECRET))).status_code == 201
    path = f"/v1/traces/{trace.trace_id}/artifacts/{SECRET}"
    assert (await front.http.put(path, content=SECRET.encode(), headers=trace.headers)).status_code == 201
    records = await front.records(trace.trace_id)
    assert [type(record) for _, _, record in records] == [TraceCreated, EventsAppended, ArtifactStored]
    assert [SECRET.encode() in encode(record) for _, _, record in records] == [False] * 3
    chunk_stored = records[1][2]
    assert isinstance(chunk_stored, EventsAppended)
    stored = [orjson.loads(event) for event in chunk_stored.events]
    assert stored[2]["caused_by"] == [stored[0]["id"]]


async def test_a_retry_gets_the_first_receipt_and_writes_nothing(front: Front) -> None:
    trace = await front.open()
    first = await front.ingest(trace, chunk(0), **{"Idempotency-Key": "k1"})
    end = await front.ends()
    again = await front.ingest(trace, chunk(0), **{"Idempotency-Key": "k1"})
    without_key = await front.ingest(trace, chunk(0))
    for answer in (again, without_key):
        assert (answer.status_code, answer.content) == (200, first.content)
        assert answer.headers["Idempotency-Replayed"] == "true"
    for body, key in ((chunk(0, note(7)), "k2"), (chunk(1), "k1")):
        other = await front.ingest(trace, body, **{"Idempotency-Key": key})
        assert other.status_code == 422
        assert other.json()["type"].endswith("idempotency-conflict")
    assert await front.ends() == end


async def test_two_copies_at_once_are_one_record(front: Front) -> None:
    trace = await front.open()
    answers = await asyncio.gather(*[front.ingest(trace, chunk(0)) for _ in range(5)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert len(await front.records(trace.trace_id)) == 2


async def test_a_chunk_after_completion_is_late_and_kept(front: Front) -> None:
    trace = await front.open()
    done = [await front.http.post(f"/v1/traces/{trace.trace_id}/complete", headers=trace.headers) for _ in range(2)]
    assert done[0].content == done[1].content
    late = await front.ingest(trace, chunk(0))
    assert late.json()["late"] is True
    kinds = [type(record) for _, _, record in await front.records(trace.trace_id)]
    assert kinds == [TraceCreated, TraceCompleted, EventsAppended]


async def test_artifacts_are_redacted_stored_and_then_named(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    url = f"/v1/traces/{trace.trace_id}/artifacts"
    answer = await front.http.put(
        f"{url}/logs%2Frun.txt?kind=log", content=b"x " + SECRET.encode(), headers=trace.headers
    )
    assert answer.status_code == 201
    stored = StoredArtifact.model_validate_json(answer.content)
    read = await front.http.get(f"{url}/{stored.sha256}", headers=bearer(ALPHA))
    assert digest(read.content) == stored.sha256
    assert read.content.startswith(b"x [REDACTED:github-token:")
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    _, _, record = (await front.records(trace.trace_id))[-1]
    assert isinstance(record, ArtifactStored)
    assert (record.name, record.kind, record.private, record.size) == ("logs/run.txt", "log", False, stored.size)


async def test_a_workspace_is_kept_unaltered_and_shown_to_nobody(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    url, content = f"/v1/traces/{trace.trace_id}/artifacts", b"bundle " + SECRET.encode()
    answer = await front.http.put(f"{url}/ws.bundle?kind=workspace", content=content, headers=trace.headers)
    sha256 = answer.json()["sha256"]
    assert sha256 == digest(content)
    assert (await front.http.get(f"{url}/{sha256}", headers=bearer(ALPHA))).status_code == 404
    key = f"workspaces/alpha/{trace.trace_id}/{sha256.removeprefix('sha256:')}"
    assert await front.gateway.store.get(key) == content
    _, _, record = (await front.records(trace.trace_id))[-1]
    assert isinstance(record, ArtifactStored)
    assert record.private


async def test_a_fresh_upload_token_continues_the_trace(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    body = {"upload_token": trace.answer["upload_token"]}
    answer = await front.http.post(f"/v1/traces/{trace.trace_id}/upload-token", json=body, headers=bearer(ALPHA))
    assert answer.status_code == 200
    trace.headers = bearer(answer.json()["upload_token"])
    assert (await front.ingest(trace, chunk(0))).status_code == 201
    (_, began, _), (_, _, record) = await front.records(trace.trace_id)
    assert isinstance(record, EventsAppended)
    assert record.created_offset == began


async def test_a_recorded_policy_stands_for_consent(front: Front) -> None:
    project = f"p-{uuid.uuid4().hex[:8]}"
    headers = bearer("dev_token_12345")
    asked = await front.http.post("/v1/traces", json={**TRACE, "project": project}, headers=headers)
    assert (asked.status_code, asked.json()["errors"][0]["pointer"]) == (422, "/consent")
    policy = ProjectPolicy(project=project, consent="training", recorded_by="operator", recorded_at_us=1)
    producer = make_producer(front.kafka)
    await producer.start()
    try:
        await producer.send_and_wait(CONTROL.name, encode(policy), key=policy_key(project))
    finally:
        await producer.stop()
    async with asyncio.timeout(10):
        while True:
            answer = await front.http.post("/v1/traces", json={**TRACE, "project": project}, headers=headers)
            if answer.status_code == 201:
                break
            await asyncio.sleep(0.05)
    assert (answer.json()["consent"], answer.json()["consent_source"]) == ("training", "policy")


async def test_metrics_count_what_happened(front: Front) -> None:
    trace = await front.open()
    await front.ingest(trace, chunk(0, note(0, SECRET), note(1)))
    await front.http.get("/nowhere")
    text = (await front.http.get("/metrics")).text
    assert "gateway_events_appended_total 2.0" in text
    assert 'gateway_redactions_total{rule="github-token"} 1.0' in text
    assert 'gateway_requests_total{method="POST",route="ingest",status="201"} 1.0' in text
    assert 'gateway_requests_total{method="other",route="none",status="404"} 1.0' in text
    assert "gateway_in_flight_bytes 0.0" in text
    assert SECRET not in text


async def test_docs_and_openapi_are_served(front: Front) -> None:
    assert orjson.loads((await front.http.get("/openapi.json")).content)["openapi"] == "3.1.0"
    page = await front.http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
