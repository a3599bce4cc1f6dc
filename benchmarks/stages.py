"""`python -m benchmarks.stages --kafka HOST:PORT --events 1,10`: the parts of ingest, each measured alone.

Processor microseconds a chunk, in this process, median of five. With the HTTP server, which `benchmarks.gateway`
measures, two parts make up the whole: the application (everything between a parsed request and its answer, with a log
that says yes at once), and the producer's share of one record with `acks=all` and 128 records under way. Beside them
pydantic alone, the ceiling of any validating gateway. Prints JSON: {events: {stage: us}}.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson
import uvloop
from starlette.types import Message

from benchmarks.peers.payloads import FIRST, events_of
from ingest_gateway.app import create_app
from ingest_gateway.auth import Upload
from ingest_gateway.chunks import Arrival, stored_chunk
from ingest_gateway.control import Control
from ingest_gateway.gateway import assemble
from ingest_gateway.keyring import body_mac
from ingest_gateway.redaction import Redactor
from ingest_gateway.tracelog import Headers, TraceLog
from ingest_gateway.validation import parse_chunk
from pipeline.clock import now_us
from pipeline.collector import spare_the_collector
from pipeline.control import ControlView
from pipeline.kafka import make_producer
from pipeline.objectstore import FolderStore
from pipeline.settings import GatewaySettings, KafkaSettings
from schemas.api import IngestChunk
from schemas.codec import encode
from schemas.records import EventsAppended, Record
from schemas.topics import TRACE_LOG, Topic

BODY = b'{"chunk_id":"c%d","chunk_seq":%d,"events":%s}'
ROUNDS, LEAST_S = 5, 0.3
UNDER_WAY = 128
KEY = b"k" * 32
UPLOAD = Upload("trace-" + "0" * 32, "default", "research", 17, "development")


def microseconds(run: Callable[[], Any]) -> float:
    """Median processor time of a run."""
    run()
    rounds = []
    for _ in range(ROUNDS):
        began, times = time.process_time(), 0
        while time.process_time() - began < LEAST_S:
            run()
            times += 1
        rounds.append(1e6 * (time.process_time() - began) / times)
    return statistics.median(rounds)


class InstantLog:
    """A log that has every record at once; the record is encoded as for the real one."""

    offset = 0

    async def append(
        self, _key: str, record: Record, _topic: Topic = TRACE_LOG, headers: Headers = ()
    ) -> tuple[int, int]:
        """The place of the record, if there were a log."""
        encode(record)
        self.offset += 1
        return len(headers), self.offset


@dataclass(frozen=True)
class Known:
    """`control` without keys, policies and revocations."""

    view: ControlView = field(default_factory=ControlView)


class Application:
    """The gateway's ASGI application in this process, without a socket and a broker."""

    def __init__(self, folder: Path) -> None:
        settings = GatewaySettings(mode="development", rate_limit_caller_per_s=10**8)
        absent: Any = None
        parts = (cast(TraceLog, InstantLog()), cast(Control, Known()), FolderStore(folder), absent, absent, now_us)
        gateway = assemble(settings, *parts)
        self._app = create_app(gateway, lambda _error: None)
        token, _ = gateway.upload_token(UPLOAD)
        self._head = [
            (b"host", b"127.0.0.1"),
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-type", b"application/json"),
        ]
        self._path = f"/v1/traces/{UPLOAD.trace_id}/events:ingest"
        self._number = FIRST

    async def take(self, events: bytes) -> None:
        """One chunk, under a chunk_seq and an Idempotency-Key of its own."""
        self._number += 1
        body = BODY % (self._number, self._number, events)
        key, length = b"%d" % self._number, b"%d" % len(body)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [*self._head, (b"idempotency-key", key), (b"content-length", length)],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {},
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] != 201:
                raise RuntimeError(f"refused: {message}")

        await self._app(scope, receive, send)


async def applying(events: bytes) -> float:
    """Microseconds of a chunk through the application alone."""
    with tempfile.TemporaryDirectory() as folder:
        application = Application(Path(folder))
        rounds = []
        for _ in range(ROUNDS + 1):
            began, times = time.process_time(), 0
            while time.process_time() - began < LEAST_S:
                await application.take(events)
                times += 1
            rounds.append(1e6 * (time.process_time() - began) / times)
        return statistics.median(rounds[1:])


def body_of(events: bytes) -> bytes:
    """A chunk as the load sends it."""
    return BODY % (FIRST, FIRST, events)


def record_of(events: bytes) -> EventsAppended:
    """The record that such a chunk becomes."""
    body = body_of(events)
    return stored_chunk(parse_chunk(body), Arrival(UPLOAD, body_mac(KEY, body), 1), Redactor(KEY), 2**30)


async def producing(kafka: KafkaSettings, value: bytes) -> float:
    """Microseconds of a record through the producer alone."""
    producer = make_producer(kafka)
    await producer.start()

    async def lane(lane: int, until: float) -> int:
        sent = 0
        while time.perf_counter() < until:
            await (await producer.send(TRACE_LOG.name, value, key=b"lane-%d" % lane))
            sent += 1
        return sent

    async def one_round() -> float:
        began, until = time.process_time(), time.perf_counter() + 2.0
        sent = sum(await asyncio.gather(*[lane(number, until) for number in range(UNDER_WAY)]))
        return 1e6 * (time.process_time() - began) / sent

    try:
        await one_round()
        return statistics.median([await one_round() for _ in range(ROUNDS)])
    finally:
        await producer.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--events", default="10")
    args = parser.parse_args()
    kafka, found = KafkaSettings(kafka_bootstrap=args.kafka), {}
    spare_the_collector()
    for count in map(int, args.events.split(",")):
        events = orjson.dumps(events_of(count))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            application, producer = (
                runner.run(applying(events)),
                runner.run(producing(kafka, encode(record_of(events)))),
            )
        pydantic = microseconds(partial(IngestChunk.model_validate_json, body_of(events)))
        found[count] = {"application": application, "producer": producer, "pydantic": pydantic}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
