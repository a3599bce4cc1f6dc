"""`python -m benchmarks.rebuild`: how fast tables are rebuilt from the log, by `python -m sinks.shadow build`.

A broker and an engine of its own; the log holds finished traces with a verdict and a score each. The clock runs from
the start of the process to its end; the rate it tells itself leaves out its own start.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import zstandard

from benchmarks.peers.servers import broker, pinned
from benchmarks.traffic import EVENTS, small_events
from deploy.embedded.ports import free_port
from pipeline.canonical import digest, dumps, loads
from pipeline.clock import now_us
from pipeline.ids import new_trace_id
from pipeline.kafka import make_producer
from pipeline.settings import KafkaSettings
from schemas.codec import encode
from schemas.examples import load_examples
from schemas.records import Record, TraceAssembled, TraceJudged, TraceValidated
from schemas.topics import TRACE_ASSEMBLED, TRACE_JUDGED, TRACE_VALIDATED

EXAMPLES: dict[str, Any] = load_examples()
SENT_AT_ONCE = 200


def finished(trace_id: str, events: int) -> TraceAssembled:
    """A revision with so many events of all types, its document inside."""
    base = EXAMPLES["TraceAssembled"]
    document = loads(zstandard.decompress(base.document))
    document |= {"trace_id": trace_id, "events": _stored(events)}
    document["chunks"] = [document["chunks"][0] | {"event_count": events}]
    content = dumps(document)
    sealed = {"document": zstandard.compress(content), "document_digest": digest(content)}
    changed = {"trace_id": trace_id, "event_count": events, "document_size": len(content), **sealed}
    revision: TraceAssembled = replace(base, **changed)
    return revision


def _stored(events: int) -> list[dict[str, Any]]:
    """Ten events that tell a little story, again and again."""
    return [
        event | {"id": f"evt-{first + event['seq']:05d}", "seq": first + event["seq"]}
        for first in range(0, events, EVENTS)
        for event in small_events(first)
    ][:events]


async def fill(kafka: KafkaSettings, traces: int, events: int) -> None:
    """The log of so many finished traces."""
    producer = make_producer(kafka)
    await producer.start()
    pending = []
    for _ in range(traces):
        trace_id = new_trace_id(now_us())
        records: dict[str, Record] = {
            TRACE_ASSEMBLED.name: finished(trace_id, events),
            TRACE_VALIDATED.name: replace(EXAMPLES[TraceValidated.__name__], trace_id=trace_id),
            TRACE_JUDGED.name: replace(EXAMPLES[TraceJudged.__name__], trace_id=trace_id),
        }
        pending += [await producer.send(name, encode(r), key=trace_id.encode()) for name, r in records.items()]
        if len(pending) > SENT_AT_ONCE:
            await asyncio.gather(*pending)
            pending = []
    await asyncio.gather(*pending)
    await producer.stop()


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """The embedded engine; where it listens."""
    port, module = free_port(), "deploy.embedded.clickhouse"
    command = [sys.executable, "-m", module, "--port", str(port), "--data-dir", str(folder / "clickhouse")]
    with pinned(command, 1, port):
        yield f"http://127.0.0.1:{port}"


def rebuilt(environment: dict[str, str]) -> tuple[dict[str, Any], float]:
    """What the rebuild says, and the seconds it took."""
    environment = os.environ | environment
    subprocess.run([sys.executable, "-m", "sinks.migrate"], env=environment, check=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "sinks.shadow", "build", "--run", "bench"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = orjson.loads(done.stdout)
    return told, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=100, help="of each trace")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, broker(0, Path(name)) as kafka, engine(Path(name)) as url:
        asyncio.run(fill(kafka, args.traces, args.events))
        environment = {"KAFKA_BOOTSTRAP": kafka.kafka_bootstrap, "CLICKHOUSE_URL": url}
        told, took_s = rebuilt(environment | {"OBJECT_STORE_DIR": f"{name}/objects", "LOG_LEVEL": "WARNING"})
    print(f"{told['rows']} rows of {told['records']} records in {took_s:.1f} s, {told['rows_per_s']} rows/s")


if __name__ == "__main__":
    main()
