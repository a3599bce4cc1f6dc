"""Servers to be measured beside the gateway: `uvicorn benchmarks.peers.apps:hello`, `:echo`, `:naive`.

`hello` answers without a body; `echo`, without a framework, reads a body and answers with as many bytes as a receipt
has: the HTTP server's share of ingest alone. `naive` is the usual design without a log: a row per event in PostgreSQL,
one commit a request.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

RECEIPT_BYTES = 450
CONNECTIONS = 16
TABLE = """CREATE TABLE IF NOT EXISTS events (
    trace_id text NOT NULL, seq bigint NOT NULL, type text NOT NULL, event jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (trace_id, seq))"""
INSERT = "INSERT INTO events (trace_id, seq, type, event) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
RECEIPT = orjson.dumps({"receipt": "x" * RECEIPT_BYTES})


async def _hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """The HTTP server's share alone: a body comes in whole, a receipt's worth of bytes goes out."""
    while (await receive()).get("more_body", False):
        pass
    length = str(len(RECEIPT)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": RECEIPT})


hello = Starlette(routes=[Route("/", _hello)])


@asynccontextmanager
async def _pool(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["NAIVE_DSN"], min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        await pool.execute(TABLE)
        app.state.pool = pool
        yield


async def _insert(request: Request) -> Response:
    chunk: dict[str, Any] = orjson.loads(await request.body())
    trace_id, first = request.path_params["trace_id"], chunk["chunk_seq"] * len(chunk["events"])
    rows = [
        (trace_id, first + n, event["type"], orjson.dumps(event).decode()) for n, event in enumerate(chunk["events"])
    ]
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await connection.executemany(INSERT, rows)
    return Response(RECEIPT, 201, media_type="application/json")


naive = Starlette(routes=[Route("/v1/traces/{trace_id}/events:ingest", _insert, methods=["POST"])], lifespan=_pool)
