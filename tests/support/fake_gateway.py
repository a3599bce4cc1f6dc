"""A small stand-in for the gateway, served on a real port: remembers what it was sent and fails when told to."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.support.ports import free_port

TRACE_ID = "trace-" + "1" * 32


class HangUp(Response):
    """The connection ends in the middle of the answer: the client cannot know what became of its request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeGateway:
    """`failures` are answered first, one per request; `documents` are a trace as it looks call by call (None: 202)."""

    url: str = ""
    failures: list[Response] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    documents: list[dict[str, Any] | None] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """What the real gateway would answer to a client that does nothing wrong."""
        body = await request.body()
        seen = Seen(request.method, request.url.path, dict(request.query_params), dict(request.headers), body)
        self.seen.append(seen)
        if self.failures:
            return self.failures.pop(0)
        return self._success(seen)

    def _success(self, seen: Seen) -> Response:
        digest = hashlib.sha256(seen.body).hexdigest()
        if seen.method == "PUT":
            return JSONResponse({"uri": f"artifact:sha256:{digest}", "sha256": digest, "size": len(seen.body)})
        if seen.path.endswith("events:ingest"):
            return JSONResponse(receipt(orjson.loads(seen.body)["chunk_seq"], digest))
        if seen.path.endswith("complete"):
            return JSONResponse({}, status_code=202)
        if seen.path == "/healthz":
            return JSONResponse({})
        if seen.method == "DELETE":
            return JSONResponse({"trace_ids": [seen.path.rpartition("/")[2]]}, status_code=202)
        if seen.method == "GET" and seen.path != "/v1/traces":
            document = self.documents.pop(0) if len(self.documents) > 1 else self.documents[0]
            return JSONResponse(document or {}, status_code=202 if document is None else 200)
        if seen.method == "GET":
            return JSONResponse({"traces": [], "next_cursor": None})
        return JSONResponse({"trace_id": TRACE_ID, "upload_token": "upload", "message": "created"}, status_code=201)


def receipt(chunk_seq: int, digest: str) -> dict[str, Any]:
    """A receipt as the gateway writes it, with a field that this version of the client does not know."""
    return {
        "trace_id": TRACE_ID,
        "chunk_seq": chunk_seq,
        "chunk_digest": f"sha256:{digest}",
        "topic": "trace-log",
        "partition": 0,
        "offset": chunk_seq,
        "received_at_us": 1,
        "key_id": "key",
        "signature": "signature",
        "late": False,
        "from_a_newer_server": True,
    }


@contextmanager
def serving(gateway: FakeGateway) -> Iterator[FakeGateway]:
    """Serve `gateway` on a free port until the end of the block."""
    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", gateway.answer, methods=methods)])
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    gateway.url = f"http://127.0.0.1:{port}"
    try:
        yield gateway
    finally:
        server.should_exit = True
        thread.join(10)
