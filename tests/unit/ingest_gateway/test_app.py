"""Whatever a handler raises, the client gets a problem that tells nothing of the inside, and it is counted."""

from __future__ import annotations

import httpx2
from starlette.types import Receive, Scope, Send

from ingest_gateway.app import Observed
from ingest_gateway.metrics import Metrics
from ingest_gateway.problems import LOG_UNAVAILABLE, Fault, Problem


async def _breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("secret detail of the inside")


async def _breaks_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": False})
    raise RuntimeError("too late for another answer")


async def _get(app: Observed) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://g") as http:
        return await http.get("/x")


async def test_an_unforeseen_exception_is_a_problem() -> None:
    metrics = Metrics()
    answer = await _get(Observed(_breaks, metrics))
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    labels = {"method": "other", "route": "none", "status": "500"}
    assert metrics.registry.get_sample_value("gateway_requests_total", labels) == 1


async def test_an_answer_that_began_is_not_answered_again() -> None:
    answer = await _get(Observed(_breaks_late, Metrics()))
    assert (answer.status_code, answer.text) == (200, "half")


def test_a_problem_in_full() -> None:
    problem = Problem(LOG_UNAVAILABLE, "later", (Fault("/a", "bad", 3), Fault("", "worse")), retry_after_s=2)
    response = problem.response({"X-More": "1"})
    assert (response.status_code, response.headers["Retry-After"], response.headers["X-More"]) == (503, "2", "1")
    assert problem.plain() == {
        "type": "urn:pr-telemetry:problem:log-unavailable",
        "title": "The log cannot be written now",
        "status": 503,
        "detail": "later",
        "errors": [{"pointer": "/a", "reason": "bad", "event_index": 3}, {"pointer": "", "reason": "worse"}],
    }
