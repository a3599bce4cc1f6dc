"""`python -m benchmarks.sink`: rows a second of the sink, beside the same rows inserted with nothing else to do.

Revisions are cut out of real sessions (those of `benchmarks.rescore`) and lie in the log of a broker of our own. Each
round: the real sink reads them with the real consumer into an empty database of the real engine, every record unpacked,
checked, mapped and committed; then exactly its blocks once more, already columns in memory, into another empty database
by a bare clickhouse-connect; and last some events by one INSERT each, which is told as rows a second of that sample.
"""

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect

from benchmarks.assembly_log import ends, place_group
from benchmarks.peers.servers import Server, broker
from benchmarks.rescore import START_MS, assembled, documents, engine
from pipeline.clickhouse import INSERT_SETTINGS, ClickHouse
from pipeline.collector import spare_the_collector
from pipeline.consumer import Commits, consume
from pipeline.deadletter import DeadLetters
from pipeline.kafka import make_consumer, make_producer
from pipeline.objectstore import FolderStore
from pipeline.settings import ClickHouseSettings, KafkaSettings
from pipeline.telemetry import logs_beside_results
from schemas.codec import encode
from schemas.topics import TRACE_ASSEMBLED
from sinks.__main__ import committed_by
from sinks.migrate import migrate
from sinks.worker import GROUP, Sink

LEAST_EVENTS, MOST_EVENTS = 20, 100
CHUNK = 50
SENT_AT_ONCE = 500
SETTLED_S = 300
ALL = Server(0, (os.getpid(),))


@dataclass(frozen=True)
class Insert:
    """One insert of a block, as the sink gave it to ClickHouse."""

    table: str
    names: Sequence[str]
    values: Sequence[Sequence[Any]]

    @property
    def rows(self) -> int:
        return len(self.values[0])


class Noting(ClickHouse):
    """ClickHouse that also keeps what is inserted."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        super().__init__(settings)
        self.inserts: list[Insert] = []

    def insert(self, table: str, columns: Sequence[str], data: Sequence[Iterable[Any]], token: str) -> None:
        super().insert(table, columns, data, token)
        self.inserts.append(Insert(table, columns, [*map(tuple, data)]))


@dataclass
class Way:
    """Rounds of one way to insert."""

    rows: list[int] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    own_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def noted(self, rows: int, work: Callable[[], None]) -> None:
        """Do it and note what it took; processor time is that of client, broker and engine together."""
        gc.collect()
        wall, own, cpu = time.monotonic(), time.process_time(), ALL.cpu_s()
        work()
        self.wall_s.append(time.monotonic() - wall)
        self.own_s.append(time.process_time() - own)
        self.cpu_s.append(ALL.cpu_s() - cpu)
        self.rows.append(rows)

    @property
    def rows_per_s(self) -> float:
        return statistics.median(rows / took for rows, took in zip(self.rows, self.wall_s, strict=True))

    def us_a_row(self, seconds: list[float]) -> float:
        return 1e6 * statistics.median(took / rows for rows, took in zip(self.rows, seconds, strict=True))


def whole(part: dict[str, Any]) -> dict[str, Any]:
    """With what the sink looks for in a document beside its events: they came in chunks of CHUNK."""
    count = len(part["events"])
    chunks = [
        {"chunk_seq": seq, "received_at_us": START_MS * 1000 + seq, "event_count": min(CHUNK, count - seq * CHUNK)}
        for seq in range(-(-count // CHUNK))
    ]
    return {**part, "chunks": chunks, "artifacts": {}}


async def fill(kafka: KafkaSettings, traces: int) -> int:
    """Revisions of so many traces in the log; how many rows they are to become."""
    parts, producer, rows = [whole(part) for part in documents(LEAST_EVENTS, MOST_EVENTS)], make_producer(kafka), 0
    await producer.start()
    pending = []
    for number in range(traces):
        record = assembled(parts[number % len(parts)], number)
        rows += record.event_count + 1
        pending.append(await producer.send(TRACE_ASSEMBLED.name, encode(record), key=record.trace_id.encode()))
        if len(pending) >= SENT_AT_ONCE:
            await asyncio.gather(*pending)
            pending = []
    await asyncio.gather(*pending)
    await producer.stop()
    return rows


class Measured(Sink):
    """The sink, which ends the loop in the turn after the one that committed the last of `rows` rows."""

    rows = 0
    done: asyncio.Event

    async def poll(self) -> Commits:
        if self.inserted >= self.rows:
            self.done.set()
        return await super().poll()


async def sunk(kafka: KafkaSettings, clickhouse: ClickHouse, store: Path, rows: int) -> None:
    """Returns when the sink has inserted so many rows and committed behind them."""
    producer = make_producer(kafka)
    await producer.start()
    sink = Measured(clickhouse, FolderStore(store), DeadLetters(producer, GROUP, GROUP), committed_by(kafka))
    sink.rows, sink.done = rows, asyncio.Event()
    async with asyncio.timeout(SETTLED_S):
        await consume(make_consumer(kafka, group=GROUP), [TRACE_ASSEMBLED.name], sink, sink.done)
    await producer.stop()


def inserted(settings: ClickHouseSettings, inserts: Iterable[Insert]) -> None:
    """The same blocks by the bare client, column by column."""
    url = urlsplit(settings.clickhouse_url)
    client = clickhouse_connect.get_client(
        host=url.hostname, port=url.port, database=settings.clickhouse_database, compress=False
    )
    for one in inserts:
        client.insert(one.table, one.values, column_names=one.names, column_oriented=True, settings={**INSERT_SETTINGS})
    client.close()


def single(inserts: Sequence[Insert], rows: int) -> list[Insert]:
    """The first events, each an insert of its own."""
    block = next(one for one in inserts if one.table == "events")
    return [Insert(block.table, block.names, [column[n : n + 1] for column in block.values]) for n in range(rows)]


@contextmanager
def fresh(settings: ClickHouseSettings, name: str) -> Iterator[ClickHouseSettings]:
    """An empty database with the project's tables, dropped at the end: none of its merges go on beside the next."""
    new = settings.model_copy(update={"clickhouse_database": name})
    migrate(new)
    yield new
    client = ClickHouse(settings, database="system")
    client.command(f"DROP DATABASE {name} SYNC")
    client.close()


async def rewound(kafka: KafkaSettings) -> None:
    """The group of the sinks at the beginning of the topic."""
    await place_group(kafka, dict.fromkeys(await ends(kafka, TRACE_ASSEMBLED.name), 0), GROUP)


@dataclass(frozen=True)
class Lab:
    """The log, the engine, and what is to be done in each round. `rows`: how many the log holds."""

    kafka: KafkaSettings
    engine: ClickHouseSettings
    folder: Path
    rows: int
    single: int

    def round(self, number: int, ways: dict[str, Way]) -> list[Insert]:
        """All ways once; the inserts that the sink made."""
        asyncio.run(rewound(self.kafka))
        with fresh(self.engine, f"sink_{number}") as into:
            noting = Noting(into)
            ways["sink"].noted(self.rows, lambda: asyncio.run(sunk(self.kafka, noting, self.folder, self.rows)))
        given = {"bare": noting.inserts, "single": single(noting.inserts, self.single)}
        for name, inserts in given.items():
            with fresh(self.engine, f"{name}_{number}") as into:
                ways[name].noted(sum(one.rows for one in inserts), partial(inserted, into, inserts))
        return noting.inserts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=4_000, help="of 20 to 100 events each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", type=int, default=300, help="events that are inserted one by one")
    args = parser.parse_args()
    logs_beside_results()
    spare_the_collector()  # as the sink does
    ways = {name: Way() for name in ("sink", "bare", "single")}
    with (
        tempfile.TemporaryDirectory(prefix="prt-sink-") as name,
        broker(min(os.sched_getaffinity(0)), Path(name)) as kafka,
        engine(Path(name)) as rows_at,
    ):
        lab = Lab(kafka, rows_at, Path(name), asyncio.run(fill(kafka, args.traces)), args.single)
        for number in range(args.rounds):
            inserts = lab.round(number, ways)
            said = (f"{name} {way.rows[-1] / way.wall_s[-1]:,.0f}" for name, way in ways.items())
            print(f"round {number}: {', '.join(said)} rows/s; load {os.getloadavg()[0]:.1f}", flush=True)
    report(ways, inserts)


def report(ways: dict[str, Way], inserts: list[Insert]) -> None:
    """Print what was found; `inserts`: those of the last round."""
    blocks = [one.rows for one in inserts if one.table == "events"]
    print(f"{sum(one.rows for one in inserts):,} rows a round, events in blocks of {statistics.median(blocks):,.0f}")
    print(f"{'':8}{'rows/s':>10}{'us a row':>12}{'client':>10}   (processor time of all, of the client)")
    for name, way in ways.items():
        print(f"{name:8}{way.rows_per_s:>10,.0f}{way.us_a_row(way.cpu_s):>12,.1f}{way.us_a_row(way.own_s):>10,.1f}")
    sink, bare, one = (ways[name] for name in ("sink", "bare", "single"))
    print(f"sink / bare insert of its blocks: {ratio(sink.wall_s, bare.wall_s):.2f} x rows/s", end=", ")
    print(f"{ratio(sink.cpu_s, bare.cpu_s):.2f} x in processor time")
    print(f"sink / one INSERT an event: {sink.rows_per_s / one.rows_per_s:,.0f} x rows/s")


def ratio(took_s: list[float], reference_s: list[float]) -> float:
    """How much of the reference's speed is reached: the median of the rounds."""
    return statistics.median(b / a for a, b in zip(took_s, reference_s, strict=True))


if __name__ == "__main__":
    main()
