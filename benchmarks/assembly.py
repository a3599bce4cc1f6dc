"""`python -m benchmarks.assembly [what ...]`: the assembler measured on a broker of its own; medians of five.

throughput: the Faust worker beside a bare `aiokafka.getmany` loop with the same handler, in alternation.
memory: a worker with many open traces. restart: time to rebuild against the length of the log. huge: one trace of
100,000 events, held, read again from the log, or spilled to the object store. integrity: its share of ingest CPU.
"""

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from aiokafka.structs import TopicPartition

from benchmarks.assembly_log import (
    EVENTS,
    PARTITIONS,
    chunks,
    created,
    ended,
    ends,
    fill,
    length,
    place_group,
    times_ms,
)
from benchmarks.peers.payloads import events_of
from benchmarks.peers.servers import broker
from benchmarks.stages import applying, body_of, microseconds, producing, record_of
from ingest_gateway.keyring import body_mac
from ingest_gateway.receipts import Signer
from pipeline.chain import chunk_digest
from pipeline.clock import now_us
from pipeline.kafka import make_consumer
from pipeline.logreader import pick
from pipeline.objectstore import FolderStore
from pipeline.settings import KafkaSettings
from schemas.codec import encode
from schemas.records import Record
from schemas.topics import TRACE_ASSEMBLED, TRACE_LOG
from streams.assembly import begin
from streams.held import Memory, hold
from streams.leases import Leases
from streams.outbox import Outbox
from streams.partition import GROUP, Assembler
from streams.revision import assemble
from streams.tracelog import TraceLog

ROUNDS, CORES = 5, (0, 1)
TRACES, CHUNKS = 1500, 4
ROOM = 256 * 1024 * 1024
INLINE = 131_072
SPILL_BYTES = 1024 * 1024
PATIENCE_S = 300.0
TICKS = os.sysconf("SC_CLK_TCK")
PLACES = [TopicPartition(TRACE_LOG.name, partition) for partition in range(PARTITIONS)]


@contextmanager
def process(command: list[str], folder: Path, **environment: str) -> Iterator[int]:
    """A child on the first core, ended by SIGTERM; its process id."""
    place = {"OBJECT_STORE_DIR": str(folder / "objects"), **environment}
    with (folder / "worker.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, **place},
            stdout=log,
            stderr=log,
            preexec_fn=partial(os.sched_setaffinity, 0, {CORES[0]}),
        )
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait(30)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > until:
            raise TimeoutError("the worker does not get there")
        time.sleep(0.1)


def one_run(kafka: KafkaSettings, folder: Path, command: list[str]) -> tuple[float, float]:
    """(seconds between the first and the last revision, processor seconds in all)."""
    asyncio.run(place_group(kafka, dict.fromkeys(PLACES, 0)))
    before = asyncio.run(ends(kafka, TRACE_ASSEMBLED.name))
    target = sum(before.values()) + TRACES
    with process(command, folder, KAFKA_BOOTSTRAP=kafka.kafka_bootstrap, LOG_LEVEL="WARNING") as pid:
        wait_for(lambda: asyncio.run(length(kafka, TRACE_ASSEMBLED.name)) >= target)
        spent = cpu_s(pid)
    sent = asyncio.run(times_ms(kafka, before))
    return (sent[-1] - sent[0]) / 1000, spent


def throughput(kafka: KafkaSettings, folder: Path) -> None:
    asyncio.run(fill(kafka, range(TRACES), CHUNKS, now_us()))
    records, events = TRACES * (CHUNKS + 2), TRACES * CHUNKS * EVENTS
    runs: dict[str, list[tuple[float, float]]] = {"bare getmany loop": [], "Faust worker": []}
    for _ in range(ROUNDS):
        runs["bare getmany loop"].append(one_run(kafka, folder, ["-m", "benchmarks.assembly", "bare"]))
        runs["Faust worker"].append(one_run(kafka, folder, ["-m", "streams"]))
    rates = {}
    for name, found in runs.items():
        wall = [seconds for seconds, _ in found]
        rates[name] = records / statistics.median(wall)
        cpu_us = 1e6 * statistics.median([spent for _, spent in found]) / events
        print(
            f"{name:<18} {rates[name]:8,.0f} records/s ({records / max(wall):,.0f} to {records / min(wall):,.0f})"
            f"  {rates[name] * events / records:9,.0f} events/s  {cpu_us:5.1f} us of CPU an event, start included"
        )
    print(f"Faust / bare = {rates['Faust worker'] / rates['bare getmany loop']:.2f} (goal 0.7)")


async def bare(kafka: KafkaSettings, folder: Path) -> None:
    """The same handler in a loop of `getmany`, without Faust; commits once a second as the worker does."""
    log, outbox = TraceLog(kafka, GROUP), Outbox(kafka, GROUP)
    await outbox.open()
    leases, assembler = Leases(log, Memory(ROOM)), Assembler(log, FolderStore(folder), outbox, INLINE)
    consumer = make_consumer(kafka, group=GROUP)
    await consumer.start()
    consumer.assign(PLACES)
    committed_at = time.monotonic()
    while True:
        for place, records in (await consumer.getmany(timeout_ms=100)).items():
            lease = await leases.get(place.partition, 1)
            for record in records:
                await assembler.take(lease, record)
        if time.monotonic() - committed_at >= 1:
            held = leases.of(1)
            await consumer.commit({TopicPartition(TRACE_LOG.name, each.partition): each.applied for each in held})
            committed_at = time.monotonic()


def memory(kafka: KafkaSettings, folder: Path, open_traces: int) -> None:
    """RSS with so many open traces of two chunks each, by their room, beside as many that have ended."""
    numbers = range(10**6, 10**6 + open_traces)
    asyncio.run(fill(kafka, range(open_traces), 2, now_us()))
    begins = dict.fromkeys(PLACES, 0)
    print(f"{open_traces:,} ended traces: RSS {_rss_at_the_end(kafka, folder, begins, ROOM):.0f} MiB")
    begins = asyncio.run(ends(kafka, TRACE_LOG.name))
    asyncio.run(fill(kafka, numbers, 2, now_us(), end=False))
    for room in (ROOM, 0):
        rss = _rss_at_the_end(kafka, folder, begins, room)
        print(f"{open_traces:,} open traces, room {room >> 20} MiB: RSS {rss:.0f} MiB")


def _rss_at_the_end(kafka: KafkaSettings, folder: Path, begins: dict[TopicPartition, int], room: int) -> float:
    """RSS of a worker that has read everything from there on."""
    asyncio.run(place_group(kafka, begins))
    settings = {"KAFKA_BOOTSTRAP": kafka.kafka_bootstrap, "LOG_LEVEL": "WARNING", "MAX_OPEN_BYTES": str(room)}
    with process(["-m", "streams"], folder, **settings) as pid:
        wait_for(lambda: asyncio.run(_lag(kafka)) == 0)
        return rss_mib(pid)


async def _lag(kafka: KafkaSettings) -> int:
    log = TraceLog(kafka, GROUP)
    wanted = await ends(kafka, TRACE_LOG.name)
    return sum([end - await log.committed(place.partition) for place, end in wanted.items()])


def restart(kafka: KafkaSettings) -> None:
    """Every log has been read; a worker that starts anew rebuilds from its beginning."""
    for traces in (500, 1500, 3000):
        asyncio.run(fill(kafka, range(2 * 10**6 + traces * 10, 2 * 10**6 + traces * 11), CHUNKS, now_us()))
        asyncio.run(place_group(kafka, asyncio.run(ends(kafka, TRACE_LOG.name))))
        began = time.monotonic()
        leases = Leases(TraceLog(kafka, GROUP), Memory(ROOM))
        asyncio.run(_rebuild(leases))
        took, records = time.monotonic() - began, asyncio.run(length(kafka))
        print(f"rebuilt from {records:,} records in {took:.1f} s: {records / took:,.0f} records/s")


async def _rebuild(leases: Leases) -> None:
    for place in PLACES:
        await leases.get(place.partition, 1)


def huge(kafka: KafkaSettings, folder: Path) -> None:
    """2,000 chunks of 50 events between as many of others."""
    number, count = 3 * 10**6, 2000
    asyncio.run(fill(kafka, range(number, number + 8), count, now_us()))
    begun, offsets, partition = asyncio.run(_find(kafka, f"trace-{number:032x}".encode()))
    began = time.monotonic()
    found = asyncio.run(_picked(kafka, partition, offsets))
    print(f"{count * EVENTS:,} events, read again from the log: {time.monotonic() - began:.2f} s for {found} chunks")
    packed = b"".join(hold(chunk, 0).packed for chunk in chunks(begun, 0, count))
    print(f"spilled to a folder and back: {asyncio.run(_spilled(packed, folder)):.2f} s for {len(packed) >> 10} KiB")
    trace = begin(begun, 0)
    records: list[Record] = [*chunks(begun, 0, count), ended(begun, 0, count)]
    for offset, record in enumerate(records, start=1):
        trace.apply(offset, record)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    _, document = assemble(trace, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"assembled in {time.monotonic() - began:.2f} s, {len(document) >> 20} MiB of document, +{grown:.0f} MiB RSS")


async def _find(kafka: KafkaSettings, key: bytes) -> tuple[Any, list[int], int]:
    wanted, places = await ends(kafka, TRACE_LOG.name), []
    log = TraceLog(kafka, GROUP)
    for place, end in wanted.items():
        places = [r.offset async for r in log.read(place.partition, 0, end) if r.key == key]
        if places:
            return created(int(key[6:], 16), now_us()), places[1:-1], place.partition
    raise LookupError("the trace is not there")


async def _picked(kafka: KafkaSettings, partition: int, offsets: list[int]) -> int:
    return len([record async for record in pick(kafka, PLACES[partition], offsets)])


async def _spilled(packed: bytes, folder: Path) -> float:
    store, began = FolderStore(folder / "spill"), time.monotonic()
    for start in range(0, len(packed), SPILL_BYTES):
        await store.put(f"open/{start}", packed[start : start + SPILL_BYTES])
    for key in await store.keys("open/"):
        await store.get(key)
        await store.delete(key)
    return time.monotonic() - began


def integrity(kafka: KafkaSettings) -> None:
    """What digests, MAC and signature take of the application's and the producer's share of a chunk, HTTP left out."""
    for count in (10, 50, 100):
        events, signer = orjson.dumps(events_of(count)), Signer(b"k" * 32)
        body, record = body_of(events), record_of(events)
        about = (record.trace_id, record.chunk_seq, record.chunk_id, record.prev_chunk_digest, record.events)
        whole = asyncio.run(applying(events)) + asyncio.run(producing(kafka, encode(record)))
        digests = microseconds(partial(chunk_digest, *about)) + microseconds(partial(body_mac, b"k" * 32, body))
        signed = digests + microseconds(partial(signer.receipt, record, 1, 2))
        print(
            f"{count} events a chunk: {whole:.0f} us in all; digests and MAC {digests:.0f} us ({digests / whole:.0%}),"
            f" with the signature {signed:.0f} us ({signed / whole:.0%})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["throughput", "memory", "restart", "huge", "integrity"])
    parser.add_argument("--open", type=int, default=10_000, help="open traces of the memory measurement")
    args = parser.parse_args()
    if args.what == ["bare"]:
        asyncio.run(bare(KafkaSettings(), Path(os.environ["OBJECT_STORE_DIR"])))
    for what in args.what:
        with tempfile.TemporaryDirectory(prefix="prt-assembly-") as folder:
            measure(what, Path(folder), args.open)


def measure(what: str, folder: Path, open_traces: int) -> None:
    """One measurement, on a broker of its own."""
    with broker(CORES[1], folder) as kafka:
        runs: dict[str, Callable[[], None]] = {
            "throughput": partial(throughput, kafka, folder),
            "memory": partial(memory, kafka, folder, open_traces),
            "restart": partial(restart, kafka),
            "huge": partial(huge, kafka, folder),
            "integrity": partial(integrity, kafka),
        }
        runs[what]()


if __name__ == "__main__":
    main()
