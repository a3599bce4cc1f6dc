"""The client over a real socket: what it sends, what it repeats, what it gives up on."""

import json
from collections.abc import Iterator

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from clients.http import Created, TelemetryClient
from clients.problems import ApiProblem, ConnectionLost, FieldError
from clients.retries import Retries
from schemas.api import CreateTrace
from tests.support.fake_gateway import TRACE_ID, FakeGateway, HangUp, serving
from tests.support.ports import free_port

TRACE = CreateTrace(participant_id="p", task_id="t", task_title="title", repo_origin="here", consent="research")
OPEN = Created(trace_id=TRACE_ID, upload_token="upload")
CHUNK = {"chunk_id": "chunk-000000", "chunk_seq": 0, "events": [{"id": "e1"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeGateway]:
    with serving(FakeGateway()) as gateway:
        yield gateway


@pytest.fixture
def gateway(server: FakeGateway) -> FakeGateway:
    server.failures, server.documents = [], []
    server.seen.clear()
    return server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(gateway: FakeGateway, waits: list[float]) -> Iterator[TelemetryClient]:
    with TelemetryClient(gateway.url, "caller", retries=Retries(attempts=4), sleep=waits.append) as opened:
        yield opened


def test_each_call_reaches_its_path_with_its_token(client: TelemetryClient, gateway: FakeGateway) -> None:
    gateway.documents = [{"trace_id": TRACE_ID}]
    created = client.create(TRACE)
    client.ingest(created, CHUNK)
    client.upload(created, "a b/c.log", b"text", kind="log", content_type="text/plain")
    client.complete(created, event_count=1, last_digest=f"sha256:{0:064x}")
    assert client.get(TRACE_ID) == {"trace_id": TRACE_ID}
    assert client.list_traces(limit=5)["traces"] == []
    calls = [(seen.method, seen.path, seen.headers["authorization"]) for seen in gateway.seen]
    trace = f"/v1/traces/{TRACE_ID}"
    assert calls == [
        ("POST", "/v1/traces", "Bearer caller"),
        ("POST", f"{trace}/events:ingest", "Bearer upload"),
        ("PUT", f"{trace}/artifacts/a b/c.log", "Bearer upload"),
        ("POST", f"{trace}/complete", "Bearer upload"),
        ("GET", trace, "Bearer caller"),
        ("GET", "/v1/traces", "Bearer caller"),
    ]
    assert "start_commit" not in json.loads(gateway.seen[0].body)
    assert (gateway.seen[2].query, gateway.seen[2].headers["content-type"]) == ({"kind": "log"}, "text/plain")
    assert gateway.seen[2].headers["content-digest"] == "sha-256=:mC2ePrmW9VnmM/TRlN7zdh2Qn1o7ZH0ahR/q1nwyydE=:"
    assert json.loads(gateway.seen[3].body) == {"event_count": 1, "last_digest": f"sha256:{0:064x}"}
    assert gateway.seen[5].query == {"limit": "5"}


def test_a_receipt_keeps_what_this_version_does_not_know(client: TelemetryClient) -> None:
    assert client.ingest(OPEN, CHUNK).model_dump()["from_a_newer_server"] is True


@pytest.mark.parametrize(
    "failures",
    [
        [JSONResponse({}, 503), JSONResponse({}, 429)],
        [HangUp(), HangUp()],
        [JSONResponse({"title": "in flight"}, 409)],
    ],
    ids=["asked to wait", "answer lost", "first copy in flight"],
)
def test_a_chunk_is_repeated_unchanged_under_the_same_key(
    client: TelemetryClient, gateway: FakeGateway, failures: list[Response]
) -> None:
    gateway.failures, attempts = failures.copy(), len(failures) + 1
    assert client.ingest(OPEN, CHUNK).chunk_seq == 0
    assert len(gateway.seen) == attempts
    assert {(seen.headers["idempotency-key"], seen.body) for seen in gateway.seen} == {
        (f"{TRACE_ID}:0", gateway.seen[0].body)
    }


def test_retry_after_is_honoured_up_to_the_longest_wait(
    client: TelemetryClient, gateway: FakeGateway, waits: list[float]
) -> None:
    gateway.failures = [JSONResponse({}, 503, {"Retry-After": "3"}), JSONResponse({}, 429, {"Retry-After": "3600"})]
    client.ingest(OPEN, CHUNK)
    assert waits == [3.0, Retries().longest_wait_s]


def test_without_retry_after_waits_grow(client: TelemetryClient, gateway: FakeGateway, waits: list[float]) -> None:
    gateway.failures = [JSONResponse({}, 503) for _ in range(4)]
    with pytest.raises(ApiProblem, match="503"):
        client.ingest(OPEN, CHUNK)
    assert [0.125 <= waits[0] <= 0.25, 0.25 <= waits[1] <= 0.5, 0.5 <= waits[2] <= 1.0] == [True] * 3
    assert len(waits) == 3


def test_a_refusal_is_raised_at_once_with_its_pointers(client: TelemetryClient, gateway: FakeGateway) -> None:
    problem = {
        "type": "https://example.com/invalid",
        "title": "Invalid events",
        "detail": "1 event is invalid",
        "errors": [{"pointer": "/events/0/seq", "reason": "must be an integer"}],
    }
    gateway.failures = [JSONResponse(problem, 422)]
    with pytest.raises(ApiProblem) as caught:
        client.ingest(OPEN, CHUNK)
    refusal = caught.value
    assert (refusal.status, refusal.title, refusal.detail) == (422, "Invalid events", "1 event is invalid")
    assert refusal.type == "https://example.com/invalid"
    assert refusal.errors == (FieldError("/events/0/seq", "must be an integer"),)
    assert "/events/0/seq: must be an integer" in str(refusal)
    assert len(gateway.seen) == 1


@pytest.mark.parametrize("body", ["<html>bad gateway</html>", "[]", ""])
def test_a_refusal_that_is_no_problem_document_is_still_typed(
    client: TelemetryClient, gateway: FakeGateway, body: str
) -> None:
    gateway.failures = [PlainTextResponse(body, 502)]
    with pytest.raises(ApiProblem) as caught:
        client.get(TRACE_ID)
    assert (caught.value.status, caught.value.detail) == (502, body)


def test_creating_is_not_repeated_once_it_may_have_happened(client: TelemetryClient, gateway: FakeGateway) -> None:
    gateway.failures = [HangUp()]
    with pytest.raises(ConnectionLost):
        client.create(TRACE)
    assert len(gateway.seen) == 1


def test_creating_is_repeated_while_nobody_listens(waits: list[float]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    absent = TelemetryClient(url, "caller", retries=Retries(3), sleep=waits.append)
    with absent as client, pytest.raises(ConnectionLost, match=f"POST {url}/v1/traces"):
        client.create(TRACE)
    assert len(waits) == 2


def test_a_trace_still_on_its_way_is_none(client: TelemetryClient, gateway: FakeGateway) -> None:
    gateway.documents = [None]
    assert client.get(TRACE_ID) is None
