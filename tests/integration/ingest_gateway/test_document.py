"""What the OpenAPI document promises of headers is sent. That nothing else is sent, every test here checks."""

from __future__ import annotations

import pytest

from tests.integration.ingest_gateway.conftest import ALPHA, Front, bearer, chunk
from tests.support.openapi import PLAIN, Described

pytestmark = pytest.mark.integration


async def test_every_header_that_a_success_has_in_the_document_is_sent(front: Front) -> None:
    described = Described((await front.http.get("/openapi.json")).json())
    trace = await front.open(token=ALPHA, consent="research")
    path = f"/v1/traces/{trace.trace_id}"
    put = await front.http.put(f"{path}/artifacts/a", content=b"text", headers=trace.headers)
    file, part = f"{path}/artifacts/{put.json()['sha256']}", {"Range": "bytes=0-1"}
    refresh = {"upload_token": trace.answer["upload_token"]}
    answers = [
        put,
        await front.ingest(trace, chunk(0)),
        await front.ingest(trace, chunk(0)),
        await front.http.get(file, headers=bearer(ALPHA)),
        await front.http.get(file, headers={**bearer(ALPHA), **part}),
        await front.http.post(f"{path}/upload-token", json=refresh, headers=bearer(ALPHA)),
        await front.http.post(f"{path}/complete", headers=trace.headers),
        await front.http.post(f"{path}/complete", headers=trace.headers),
        *[await front.http.get(plain) for plain in ("/healthz", "/readyz", "/metrics", "/docs")],
    ]
    for answer in answers:
        described.check(answer)
    assert [answer.status_code for answer in answers] == [201, 201, 200, 200, 206, 200, 202, 202, 200, 200, 200, 200]
    for (name, status), sent in described.seen.items():
        assert sent == described.headers(name, status) - PLAIN, (name, status)
