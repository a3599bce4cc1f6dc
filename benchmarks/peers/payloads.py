"""The same events for every server, as endless supplies of prepared requests: one for each connection."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import orjson

from benchmarks.stack import TOKEN
from benchmarks.traffic import small_events

FIRST = 10_000_000
"""chunk_seq of the first chunk: all have as many digits, so that every body has one length."""
TRACE = {
    "participant_id": "load",
    "consent": "research",
    "task_id": "load",
    "task_title": "load",
    "repo_origin": "local:load",
}
Supply = Iterator[bytes]


def events_of(count: int) -> list[dict[str, Any]]:
    """So many events of the small story, numbered through."""
    told = [event for part in range(count // 10 + 1) for event in small_events(part)][:count]
    return [{**event, "id": f"evt-{seq:03d}", "seq": seq} for seq, event in enumerate(told)]


def hello() -> Supply:
    """GET without a body."""
    while True:
        yield b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def chunks(path: str, token: str, count: int) -> Supply:
    """Chunk after chunk of one trace, each under its own chunk_seq and Idempotency-Key."""
    events = orjson.dumps(events_of(count))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n".encode()
    head += b"Content-Type: application/json\r\nIdempotency-Key: %d\r\nContent-Length: %d\r\n\r\n"
    body = b'{"chunk_id":"c%d","chunk_seq":%d,"events":%s}'
    number = FIRST
    while True:
        content = body % (number, number, events)
        yield head % (number, len(content)) + content
        number += 1


def opened(port: int, count: int) -> Supply:
    """Chunks of a trace that is created for them at the gateway."""
    answer = httpx2.post(f"http://127.0.0.1:{port}/v1/traces", json=TRACE, headers={"Authorization": f"Bearer {TOKEN}"})
    created = answer.raise_for_status().json()
    return chunks(f"/v1/traces/{created['trace_id']}/events:ingest", created["upload_token"], count)


def unopened(count: int) -> Supply:
    """Chunks of a trace that nobody has announced, for a server that asks for no token."""
    return chunks(f"/v1/traces/{uuid.uuid4().hex}/events:ingest", "none", count)


def otlp(count: int) -> Supply:
    """The events as bodies of OTLP/JSON log records, as an OpenTelemetry client would send them."""
    records = [
        {
            "timeUnixNano": str(event["ts_client_us"] * 1000),
            "severityText": "INFO",
            "body": {"stringValue": orjson.dumps(event).decode()},
            "attributes": [{"key": "seq", "value": {"intValue": str(event["seq"])}}],
        }
        for event in events_of(count)
    ]
    resource = {"attributes": [{"key": "trace", "value": {"stringValue": "trace-load"}}]}
    content = orjson.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
    head = b"POST /v1/logs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    request = head % len(content) + content
    while True:
        yield request
