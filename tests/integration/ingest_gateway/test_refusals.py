"""Bad requests: each a problem with the right 4xx, none a 5xx, and the log holds nothing of them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import zstandard

from ingest_gateway.answers import ProblemAnswer
from ingest_gateway.auth import Upload, issue_upload_token
from tests.integration.ingest_gateway.conftest import ALPHA, BETA, TRACE, Front, Opened, bearer, chunk, note

pytestmark = pytest.mark.integration
DEVELOPER = bearer("dev_token_12345")
UNKNOWN = "trace-" + "0" * 32
INGEST = "/v1/traces/{id}/events:ingest"


@dataclass
class Bad:
    """A request and the answer it deserves. `{id}` in the path is the trace of the test; headers default to its own."""

    status: int
    slug: str
    method: str = "POST"
    path: str = INGEST
    body: Any = None
    headers: dict[str, str] | None = None
    added: dict[str, str] = field(default_factory=dict)
    pointer: str | None = None


BAD = {
    "malformed JSON": Bad(400, "malformed-json", body=b'{"chunk_id":', pointer=""),
    "invalid UTF-8": Bad(400, "malformed-json", body=b'{"chunk_id":"\xff"}', pointer=""),
    "deep nesting": Bad(400, "malformed-json", body=b"[" * 100_000, pointer=""),
    "lone surrogate": Bad(
        400, "malformed-json", body=json.dumps(chunk()).replace("because", "\\ud800").encode(), pointer=""
    ),
    "NaN": Bad(
        422,
        "invalid-body",
        body=json.dumps(chunk()).replace("1.5", "NaN").encode(),
        pointer="/events/0/ts_client_s",
    ),
    "unknown field": Bad(422, "invalid-body", body=chunk(colour="red"), pointer="/colour"),
    "wrong type": Bad(422, "invalid-body", body={**chunk(), "chunk_seq": "0"}, pointer="/chunk_seq"),
    "unknown event type": Bad(422, "invalid-body", body=chunk(0, {**note(0), "type": "key"}), pointer="/events/0"),
    "seq out of order": Bad(422, "invalid-body", body=chunk(0, note(1), note(0)), pointer="/events/1/seq"),
    "oversize body": Bad(413, "too-large", body=chunk(0, note(0, "x" * 300_000))),
    "oversize chunk": Bad(413, "too-large", body=chunk(0, note(0, "x" * 70_000))),
    "oversize artifact": Bad(413, "too-large", "PUT", "/v1/traces/{id}/artifacts/big?kind=log", body=b"x" * 300_000),
    "no token": Bad(401, "unauthorized", body=chunk(), headers={}),
    "caller's token for a chunk": Bad(401, "unauthorized", body=chunk(), headers=DEVELOPER),
    "upload token for reading": Bad(401, "unauthorized", "GET", "/v1/traces/{id}"),
    "wrong token": Bad(401, "unauthorized", "POST", "/v1/traces", body=TRACE, headers=bearer("nobody")),
    "chunk for another trace": Bad(403, "foreign-trace", path=f"/v1/traces/{UNKNOWN}/events:ingest", body=chunk()),
    "completion of another": Bad(403, "foreign-trace", path=f"/v1/traces/{UNKNOWN}/complete", body={}),
    "artifact of another": Bad(403, "foreign-trace", "PUT", f"/v1/traces/{UNKNOWN}/artifacts/a", body=b"x"),
    "create elsewhere": Bad(
        403, "foreign-project", path="/v1/traces", body={**TRACE, "project": "alpha"}, headers=bearer(BETA)
    ),
    "no trace id": Bad(404, "not-found", path="/v1/traces/42/events:ingest", body=chunk()),
    "refused consent": Bad(
        403, "consent-refused", path="/v1/traces", body={**TRACE, "consent": "declined"}, headers=DEVELOPER
    ),
    "no consent": Bad(
        422, "consent-required", path="/v1/traces", body=TRACE, headers=bearer(ALPHA), pointer="/consent"
    ),
    "not JSON's type": Bad(415, "unsupported-media-type", body=chunk(), added={"Content-Type": "text/plain"}),
    "unknown encoding": Bad(415, "unsupported-media-type", body=chunk(), added={"Content-Encoding": "br"}),
    "not what its encoding says": Bad(400, "bad-encoding", body=chunk(), added={"Content-Encoding": "gzip"}),
    "gzip bomb": Bad(413, "too-large", body=gzip.compress(b" " * 50_000_000), added={"Content-Encoding": "gzip"}),
    "zstd bomb": Bad(413, "too-large", body=zstandard.compress(b" " * 50_000_000), added={"Content-Encoding": "zstd"}),
    "endless head": Bad(431, "head-too-large", body=chunk(), added={"X-More": "y" * 20_000}),
    "unknown wish": Bad(400, "bad-parameter", path=INGEST + "?on_invalid=ignore", body=chunk()),
    "endless key": Bad(400, "bad-parameter", body=chunk(), added={"Idempotency-Key": "k" * 256}),
    "bad artifact kind": Bad(400, "bad-parameter", "PUT", "/v1/traces/{id}/artifacts/a?kind=secret", body=b"x"),
    "bad artifact name": Bad(400, "bad-parameter", "PUT", "/v1/traces/{id}/artifacts/a%2F..%2Fb", body=b"x"),
    "no such path": Bad(404, "not-found", "GET", "/v2/traces"),
    "slash at the end": Bad(404, "not-found", "GET", "/v1/traces/"),
    "no such method": Bad(405, "method-not-allowed", "DELETE", "/v1/traces"),
    "bad limit": Bad(400, "bad-parameter", "GET", "/v1/traces?limit=0", headers=DEVELOPER),
    "odd limit": Bad(400, "bad-parameter", "GET", "/v1/traces?limit=%D9%A3", headers=DEVELOPER),
    "unknown parameter": Bad(400, "bad-parameter", "GET", "/v1/traces?colour=red", headers=DEVELOPER),
    "artifact by no digest": Bad(404, "not-found", "GET", "/v1/traces/{id}/artifacts/zz", headers=bearer(ALPHA)),
}


async def send(front: Front, trace: Opened, bad: Bad) -> httpx2.Response:
    content = bad.body if isinstance(bad.body, bytes | None) else json.dumps(bad.body).encode()
    own = trace.headers if bad.headers is None else bad.headers
    headers = {"Content-Type": "application/json", **own, **bad.added}
    path = bad.path.replace("{id}", trace.trace_id)
    return await front.http.request(bad.method, path, content=content, headers=headers)


async def test_bad_requests_leave_no_trace_in_the_log(front: Front) -> None:
    trace = await front.open()
    end, wrong = await front.ends(), {}
    for name, bad in BAD.items():
        answer = await send(front, trace, bad)
        problem = ProblemAnswer.model_validate_json(answer.content)
        pointer = problem.errors[0].pointer if problem.errors else None
        seen = (answer.status_code, problem.status, problem.type.rpartition(":")[2], pointer)
        if seen != (bad.status, bad.status, bad.slug, bad.pointer):
            wrong[name] = seen
        assert answer.headers["content-type"] == "application/problem+json"
    assert not wrong
    assert await front.ends() == end
    assert front.gateway.body_limits.in_flight.held == 0


async def test_an_expired_token_is_refused_and_can_be_renewed_by_its_project_only(front: Front) -> None:
    trace = await front.open(token=ALPHA, consent="research")
    key = front.gateway.keys.upload_tokens
    old = issue_upload_token(Upload(trace.trace_id, "alpha", "research", 0, "configured/alpha"), key, 1)
    trace.headers = bearer(old)
    expired = await front.ingest(trace, chunk())
    assert (expired.status_code, expired.json()["type"].rpartition(":")[2]) == (401, "token-expired")
    url = f"/v1/traces/{trace.trace_id}/upload-token"
    foreign = await front.http.post(url, json={"upload_token": old}, headers=bearer(BETA))
    assert (foreign.status_code, foreign.json()["type"].rpartition(":")[2]) == (403, "foreign-project")
    fresh = await front.http.post(url, json={"upload_token": old}, headers=bearer(ALPHA))
    assert fresh.status_code == 200


async def test_content_length_is_not_trusted(front: Front) -> None:
    trace = await front.open()

    async def endless() -> Any:
        for _ in range(1000):
            yield b" " * 65_536

    answer = await front.http.post(
        f"/v1/traces/{trace.trace_id}/events:ingest",
        content=endless(),
        headers={"Content-Type": "application/json", **trace.headers},
    )
    assert answer.status_code == 413


async def test_allow_names_every_method_of_a_path(front: Front) -> None:
    for path, methods in {
        "/v1/traces": "GET, HEAD, POST",
        f"/v1/traces/{UNKNOWN}/artifacts/a": "GET, HEAD, PUT",
    }.items():
        answer = await front.http.delete(path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, methods)
        assert ProblemAnswer.model_validate_json(answer.content).type.endswith(":method-not-allowed")


async def test_a_cursor_that_no_page_gave_is_refused(front: Front) -> None:
    answer = await front.http.get("/v1/traces", params={"cursor": "é"}, headers=DEVELOPER)
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (400, "bad-parameter")
