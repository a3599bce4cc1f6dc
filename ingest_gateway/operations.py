"""Handlers for operators and readers of the manual: health, readiness, metrics, OpenAPI, docs."""

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ingest_gateway.gateway import Gateway, gateway_of
from ingest_gateway.writes import json_answer


async def healthz(_request: Request) -> Response:
    """`GET /healthz`: the event loop turns."""
    return json_answer(b'{"status":"ok"}')


async def readyz(request: Request) -> Response:
    """`GET /readyz`: 200 once writes can succeed; reads do not count, they fail on their own."""
    gateway = gateway_of(request)
    parts = {"log": gateway.log.available, "control": gateway.control.ready}
    ready = all(parts.values())
    answer = orjson.dumps({"status": "ready" if ready else "waiting", **parts})
    return json_answer(answer) if ready else json_answer(answer, 503, {"Retry-After": "1"})


async def metrics(request: Request) -> Response:
    """`GET /metrics`."""
    gateway = gateway_of(request)
    _look(gateway)
    return Response(generate_latest(gateway.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _look(gateway: Gateway) -> None:
    """Set what is not counted as it happens but read when it is asked for."""
    now = gateway.metrics
    now.in_flight.set(gateway.body_limits.in_flight.held)
    now.spooled.set(gateway.spooled_bytes.held)
    now.log_up.set(gateway.log.available)
    now.waiting_records.set(gateway.log.waiting_records)
    now.waiting_bytes.set(gateway.log.waiting_bytes)
    now.open_uploads.set(gateway.admission.open_uploads)
    now.streams.set(gateway.streams.open)


async def receipt_keys(request: Request) -> Response:
    """`GET /.well-known/pr-telemetry-receipt-keys.json`."""
    return json_answer(orjson.dumps(gateway_of(request).signer.published), headers={"Cache-Control": "max-age=300"})


async def openapi(request: Request) -> Response:
    """`GET /openapi.json`."""
    return json_answer(request.app.state.openapi)


async def docs(request: Request) -> Response:
    """`GET /docs`: one page without scripts, that loads nothing from anywhere."""
    return HTMLResponse(
        request.app.state.docs, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    )
