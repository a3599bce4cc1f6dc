"""`python -m benchmarks.stages --kafka HOST:PORT --events 1,10`: the parts of ingest, each measured alone.

Processor microseconds a chunk, in this process, median of five: what the gateway does with a body (token, limits,
parsing, redaction, canonical bytes, digests, Avro, signature), pydantic alone, and the producer's share of one record
with `acks=all` and 128 records under way. Prints JSON: {events: {stage: us}}.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
import uvloop

from benchmarks.peers.payloads import FIRST, events_of
from ingest_gateway.auth import Upload, UploadTokens, issue_upload_token
from ingest_gateway.chunks import Arrival, stored_chunk
from ingest_gateway.keyring import body_mac
from ingest_gateway.receipts import Signer
from ingest_gateway.redaction import Redactor
from ingest_gateway.validation import parse_chunk
from pipeline.kafka import make_producer
from pipeline.settings import KafkaSettings
from schemas.api import IngestChunk
from schemas.codec import encode
from schemas.records import EventsAppended
from schemas.topics import TRACE_LOG

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


def body_of(count: int) -> bytes:
    """A chunk as the load sends it."""
    return b'{"chunk_id":"c%d","chunk_seq":%d,"events":%s}' % (FIRST, FIRST, orjson.dumps(events_of(count)))


class Work:
    """What the gateway does with a body, between its arrival and the log, and after the log's answer."""

    def __init__(self) -> None:
        self._token = issue_upload_token(UPLOAD, KEY, 2**32)
        self._tokens, self._signer = UploadTokens(KEY), Signer(KEY)

    def record(self, body: bytes) -> EventsAppended:
        """The record of a chunk."""
        upload = self._tokens.read(self._token, 1.0, UPLOAD.trace_id)
        return stored_chunk(parse_chunk(body), Arrival(upload, body_mac(KEY, body), 1), Redactor(KEY), 2**30)

    def __call__(self, body: bytes) -> bytes:
        """The answer."""
        record = self.record(body)
        encode(record)
        return orjson.dumps(self._signer.receipt(record, 1, 2))


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
    kafka, work, found = KafkaSettings(kafka_bootstrap=args.kafka), Work(), {}
    for count in map(int, args.events.split(",")):
        body = body_of(count)
        value = encode(work.record(body))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            append = runner.run(producing(kafka, value))
        pydantic = microseconds(partial(IngestChunk.model_validate_json, body))
        found[count] = {"pydantic": pydantic, "work": microseconds(partial(work, body)), "producer": append}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
